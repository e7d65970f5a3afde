"""Which of the authors' own systems there are, and their rate points. Light: nothing here imports torch.

Where no weights file is given their weights are drawn from a seed: untrained, and every table says so.
"""

from __future__ import annotations

import hashlib
from typing import Any

from rawbench import RatePoint

SIZES = {"small": (24, 8), "reference": (64, 8)}
"""Of the journal version: width N and latent channels C; the reference is the authors' released configuration."""
STEPS = 4
SEED = 2305
"""Of the seeds around the paper's number, one whose order networks fill several steps."""
GAMMAS = 16
"""Quarters of an octave by which a quality can coarsen the last steps."""
_BYTES = 256
_TAG_BYTES = 2


def is_one(options: Any) -> bool:
    """Return whether options ask for a system of the authors, not for ours."""
    generation = getattr(options, "generation", 1)
    return generation == 2 or (generation == 1 and getattr(options, "size", "small") == "reference")


def is_untrained(options: Any) -> bool:
    """Return whether options ask for a system of the authors without saying whose weights."""
    return is_one(options) and options.weights is None


def refusal(options: Any) -> str:
    """Return why options cannot be, or ""."""
    if is_one(options) and options.generation == 1 and options.quality is not None:
        return "generation=1:size=reference has one rate for each weights file: quality is of the others"
    return ""


def rate_points(options: Any) -> list[RatePoint]:
    """Return those of options without a quality: beta = 3, 2, 1, 0; generation 1 has one."""
    prefix = "untrained " if is_untrained(options) else ""
    if options.generation == 1:
        return [RatePoint(0, f"{prefix}one rate")]
    ends = [_BYTES // STEPS * (number + 1) - 1 for number in range(STEPS)]
    return [RatePoint(end, f"{prefix}beta={dropped_steps(end)}") for end in ends]


def named(options: Any, byte: int, name: str) -> RatePoint:
    """Return the rate point of a quality byte."""
    return RatePoint(byte, f"untrained {name}" if is_untrained(options) else name)


def dropped_steps(quality: int) -> int:
    """Return beta, how many trailing steps of z a quality byte leaves out: 3, 2, 1 or 0."""
    return STEPS - 1 - quality * STEPS // _BYTES


def gamma(quality: int) -> int:
    """Return by how many quarters of an octave the last steps are coarser: from 15 down to 0 for each beta."""
    return GAMMAS - 1 - quality * STEPS * GAMMAS // _BYTES % GAMMAS


def tag_of(generation: int, size: str) -> bytes:
    """Return the bytes by which a stream names the untrained weights of a system."""
    text = f"generation {generation}, {size}, seed {SEED}, second networks"
    return hashlib.sha256(text.encode()).digest()[:_TAG_BYTES]


def untrained_of(tag: bytes) -> tuple[int, str] | None:
    """Return generation and size that a stream's first bytes name, or None where they name no untrained weights."""
    every = [(2, size) for size in SIZES] + [(1, "reference")]
    return next((one for one in every if tag == tag_of(*one)), None)
