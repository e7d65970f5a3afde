"""``sam``: raw on a grid, and radial basis functions over colour and position."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import Tensor

import rawbench
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench_sampling.grid import STEPS, Grid, rate_points
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples, samples_of
from rawbench_sampling.thin_plate import interpolate

_POSITION = 0.3
_PAPER_BITS = 48  # a sample: three values of 16 bits


class Sam(rawbench.Codec):
    """Punnappurath and Brown's spatially aware metadata, as far as it is known.

    Payload: a polynomial of degree 1, which only serves to code the samples, and the samples.
    """

    name = "sam"
    summary = "raw on a grid, radial basis functions over colour and position"
    paper = rawbench.Paper(
        citation="Punnappurath & Brown, 'Spatially Aware Metadata for Raw Reconstruction', WACV 2021.",
        published=(
            "Raw samples on a uniform grid, 48 bits each, and interpolation by radial basis functions over sRGB colour "
            "and position (as later papers describe it)."
        ),
        ours=(
            "Centred grid; thin-plate kernel and an affine part on gamma-coded sRGB in [0, 1] and the position over "
            "the longer side, weighted 0.3; a local system for each cell of at least 16 x 16 pixels, of the 7 x 7 "
            "samples around it and of 32 samples spread over the colours of the image; stored samples pasted back; "
            "samples range coded without loss."
        ),
        licence="No code of the authors is public.",
    )
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16))

    class Options(rawbench.Options):
        """Options of ``sam``."""

        accounting: Literal["bytes", "paper"] = Field(
            "bytes", description="paper: also record bits_paper, 48 bits a sample, beside the real bytes"
        )

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Grid steps 64 to 4."""
        return rate_points(STEPS)

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Code the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("analysis"):
            samples, codes = samples_of(raw, srgb, grid)
            fitted = fit_polynomial(codes, samples / PEAK, 1, 2.0 / codes.shape[1], 8)
        if self.options.accounting == "paper":
            self.context.record("bits_paper", _PAPER_BITS * codes.shape[1])
        with self.context.stage("entropy"):
            return fitted.to_bytes() + encode_samples(samples, codes, fitted.polynomial())

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the samples, interpolate them, paste them."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        codes = grid.take(srgb)
        with self.context.stage("entropy"):
            fitted, rest = read_polynomial(payload)
            decoded = decode_samples(rest, codes.reshape(3, -1), fitted.polynomial())
        with self.context.stage("synthesis"):
            samples = (decoded.double() / PEAK).reshape(codes.shape)
            out = interpolate(samples, srgb, grid, _POSITION, self.context.advance)
            grid.put(out, samples)
            return out.clamp(0.0, 1.0).float()
