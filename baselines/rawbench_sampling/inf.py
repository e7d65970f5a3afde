"""``inf``: raw on a grid, and implicit networks of colour and position that the decoder trains on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

import rawbench
from rawbench import StreamError
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench_sampling.global_map import gain_of
from rawbench_sampling.grid import Grid, rate_points
from rawbench_sampling.implicit import SIZES, complexity, trained_and_evaluated
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples, samples_of
from rawbench_sampling.uniform import fit_to_samples

STEPS = (32, 16, 8)
"""Grid steps by rate point index."""
_NAMES = tuple(SIZES)


class Inf(rawbench.Codec):
    """Li et al.'s implicit neural functions.

    Payload: a byte, the size of the networks (bits 0 to 2) and whether they carry the rest of the polynomial (bit 3)
    and its complement in the upper bits; the coded polynomial (``blocks.polynomial_coding``), fitted to the samples
    alone; the samples.
    """

    name = "inf"
    summary = "raw on a grid, and networks of colour and position that the decoder trains on it"
    paper = rawbench.Paper(
        citation="Li, Qiao, Ye & Yang, 'Metadata-Based RAW Reconstruction via Implicit Neural Functions', CVPR 2023.",
        published=(
            "As its code has it: a grid of step 8; 4 x 4 tiles, or more for larger images, each with its own network, "
            "trained at the decoder on the samples of the tile and its 8 neighbours: a colour and a position branch of "
            "256, 256 and 128 sines (w0 = 30), then 3 layers of 256; 500 full-batch steps of Adam at 1e-4, halved "
            "every 200; weight decay 1e-4 (colour), 0.1 (position) and 1e-3 (the rest); 16-bit samples. That is "
            "size=reference."
        ),
        ours=(
            "Size=small, for a CPU, has 24, 24 and 12 sines (w0 = 10), 24 after them, and 120 steps at 2e-3, halved "
            "every 60, on at most 192 samples a tile and step, in turn; skip (on unless skip=false): the networks "
            "learn what a polynomial of the sRGB, fitted to the samples, leaves of raw; always 4 x 4 tiles, of equal "
            "size, trained together and in float64; samples range coded without loss and pasted back."
        ),
        licence="The authors' code names no licence; none of it was used.",
    )
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16), decoder_trains=True, decode_tolerance=1e-5)
    resource_options = ("size",)

    class Options(rawbench.Options):
        """Options of ``inf``; ``skip`` reaches the decoder in the payload."""

        size: Literal["small", "reference"] = Field("small", description="reference: the published widths and steps")
        skip: bool = Field(True, description="learn the rest of a global polynomial (ours) instead of raw")

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Grid steps 32, 16 and 8."""
        return rate_points(STEPS)

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """Parameters of one tile's network, and one evaluation of it; training is not counted."""
        return complexity(SIZES[options.size])

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Code the samples; the encoder trains nothing."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("analysis"):
            samples, codes = samples_of(raw, srgb, grid)
            fitted, _ = fit_to_samples(samples, codes, raw, srgb)
        with self.context.stage("entropy"):
            head = bytes([_head(self.options.size, self.options.skip)])
            return head + fitted.to_bytes() + encode_samples(samples, codes, fitted.polynomial())

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the samples, train a network a tile on them, evaluate it, paste the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        codes = grid.take(srgb)
        with self.context.stage("entropy"):
            skip = self._skip(payload)
            fitted, rest = read_polynomial(payload[1:])
            decoded = decode_samples(rest, codes.reshape(3, -1), fitted.polynomial())
            samples = (decoded.double() / PEAK).reshape(codes.shape)
        with self.context.stage("synthesis"), torch.inference_mode(False):
            base = (
                fitted.polynomial()(srgb) if skip else torch.full(srgb.shape, 0.5, dtype=torch.float64).to(srgb.device)
            )
            values = samples - grid.take(base)
            gain = gain_of(values).double() if skip else 2.0
            learned = partial(trained_and_evaluated, size=SIZES[self.options.size], part=self.context.part)
            out = base + learned(values * gain, srgb.clone(), grid).double() / gain
            grid.put(out, samples)
            return out.clamp(0.0, 1.0).float()

    def _skip(self, payload: bytes) -> bool:
        if not payload:
            raise StreamError("the payload is empty")
        for skip in (False, True):
            if payload[0] == _head(self.options.size, skip):
                return skip
        if any(payload[0] == _head(size, skip) for size in _NAMES for skip in (False, True)):
            raise StreamError(f"the payload was not written with size={self.options.size}: give its size")
        raise StreamError("the kind of network is unknown")


def _head(size: str, skip: bool) -> int:
    low = _NAMES.index(size) | skip << 3
    return low | (~low & 15) << 4
