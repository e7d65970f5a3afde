"""``poly``: one polynomial of the linearised sRGB for each image, and nothing else."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import rawbench
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench.blocks.polynomial_fitting import fit_polynomial

# Decibels that a bit per pixel has to buy, by highest degree: 29, 41, 57, 79 and 95 bytes on 512 x 384.
_SMALL_IMAGE = 1 << 17  # pixels: below, a bit is priced as if the image had as many
PRICES = {1: 200.0, 2: 100.0, 3: 50.0, 4: 25.0, 5: 12.0}


class Poly(rawbench.Codec):
    """A per-image polynomial of the linearised sRGB to raw.

    Payload: the coded polynomial (``blocks.polynomial_coding``). The rate points are the highest total degree, 1 to 5;
    the encoder takes lower degrees, fewer clip classes and coarser steps where the bits would buy too little.
    """

    name = "poly"
    summary = "per-image polynomial of the linearised sRGB, 20-400 bytes"
    paper = rawbench.Paper(
        citation=(
            "Idea: polynomial colour mapping in camera characterisation (Hong, Luo & Rhodes, Color Research & "
            "Application 2001) and raw reconstruction by a global model (Nguyen & Brown, CVPR 2016). No published "
            "method sends just this."
        ),
        ours=(
            "Linearisation by a fixed table (LibRaw's BT.709 curve or one of three others, two bits); products of "
            "shifted Legendre polynomials up to a total degree; pixels whose sRGB is clipped are left out of the fit "
            "and get polynomials of their own, which carry the mapping on beyond white along the clipped channels; "
            "coefficients rounded by Babai's nearest plane, Rice coded."
        ),
        licence="No code of others was used.",
    )
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16), decode_tolerance=0.0)

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Degrees 1 to 5."""
        return [rawbench.RatePoint(degree, f"degree={degree}") for degree in PRICES]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Fit and code the polynomial."""
        degree = self.rate_point.index
        with self.context.stage("analysis"):
            fitted = fit_polynomial(srgb, raw, degree, per_bit(PRICES[degree], srgb), advance=self.context.advance)
        with self.context.stage("entropy"):
            return fitted.to_bytes()

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Evaluate the polynomial at every pixel."""
        with self.context.stage("entropy"):
            fitted, rest = read_polynomial(payload)
        if rest:
            raise rawbench.StreamError(f"{len(rest)} bytes follow the polynomial")
        with self.context.stage("synthesis"):
            return fitted.polynomial().raw(srgb, self.context.advance)


def per_bit(price: float, srgb: Tensor) -> float:
    """Decibels that a bit of an image's payload has to buy, from those of a bit per pixel."""
    return price / max(srgb[0].numel(), _SMALL_IMAGE)
