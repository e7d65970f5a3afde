"""Scenes for the classical methods, fresh codecs, and what damage to a payload may lead to."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from rawbench import Codec, Context, StreamError
from rawbench.testing.scenes import kit_images


@cache
def _scenes() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return {image.name: (torch.from_numpy(image.raw), torch.from_numpy(image.srgb)) for image in kit_images()}


@pytest.fixture(scope="session")
def scenes():
    """Raw and sRGB of the conformance kit's images, by name."""
    return _scenes()


@pytest.fixture(scope="session")
def codec():
    """``codec(cls, rate point name)``: a fresh instance, set up."""

    def make(cls: type[Codec], name: str, **options) -> Codec:
        values = cls.Options(**options)
        point = next(p for p in cls.rate_points(values) if p.name == name)
        made = cls(values, point)
        made.setup(Context())
        return made

    return make


@pytest.fixture(scope="session")
def check_damage():
    """``check_damage(codec, payload, srgb)``: cuts, flips and noise end in StreamError or a valid raw."""

    def run(codec: Codec, payload: bytes, srgb: torch.Tensor, seed: int = 0, count: int = 40) -> None:
        rng = np.random.default_rng(seed)
        bad = [b"", payload[:1], payload[:-1], payload + b"\0", payload + b"abc", bytes(len(payload)), b"\xff" * 64]
        for _ in range(count):
            cut = payload[: rng.integers(len(payload))] if payload else b""
            flipped = bytearray(payload or b"\0")
            flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
            bad += [cut, bytes(flipped), rng.bytes(int(rng.integers(1, 200)))]
        for piece in bad:
            try:
                raw = codec.decode(piece, srgb)
            except StreamError as error:
                assert "\n" not in str(error)
                continue
            assert raw.shape == srgb.shape and raw.dtype == torch.float32
            assert bool(torch.isfinite(raw).all()) and float(raw.min()) >= 0 and float(raw.max()) <= 1

    return run


def psnr(raw: torch.Tensor, decoded: torch.Tensor) -> float:
    """PSNR of raw, peak 1."""
    return -10 * float(torch.log10(((raw.double() - decoded.double()) ** 2).mean().clamp_min(1e-20)))
