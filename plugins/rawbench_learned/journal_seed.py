"""Which untrained networks of the journal version there are, and how a stream names them: light to import."""

from __future__ import annotations

import hashlib

from rawbench_learned.coder import DIGEST_BYTES

SIZES = {"small": (24, 8), "reference": (64, 8)}
"""Width N and latent channels C; the reference is the authors' released configuration."""
SEED = 2308
"""Of the seeds around the paper's number, one whose order networks give every step some pixels."""


def tag_of(size: str) -> bytes:
    """Return the bytes by which a stream names the weights of a size."""
    return hashlib.sha256(f"generation 2, {size}, seed {SEED}".encode()).digest()[:DIGEST_BYTES]


def size_of(tag: bytes) -> str | None:
    """Return the size that a stream's first bytes name, or None where they name none."""
    return next((size for size in SIZES if tag == tag_of(size)), None)
