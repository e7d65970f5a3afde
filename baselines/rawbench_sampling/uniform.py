"""``uniform``: raw on a grid without loss, a polynomial of the sRGB fitted to it, and the rest interpolated."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import rawbench
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench_sampling.global_map import fit_global_map
from rawbench_sampling.grid import STEPS, Grid, rate_points
from rawbench_sampling.interpolation import KERNELS, choose_kernels, spread
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples, samples_of


class Uniform(rawbench.Codec):
    """Raw samples on a uniform grid, coded without loss; polynomial and local interpolation between them.

    Payload: the coded polynomial (``blocks.polynomial_coding``); two bytes, the kernels
    that interpolate what it leaves, for pixels without and with clipped channels; the samples.
    """

    name = "uniform"
    summary = "raw on a grid, a polynomial of the sRGB, the rest interpolated"
    paper = rawbench.Paper(
        citation=(
            "Idea: uniformly spaced raw samples as metadata (Punnappurath & Brown, 'Spatially Aware Metadata for Raw "
            "Reconstruction', WACV 2021; one sample in 8 x 8 pixels at 48 bits)."
        ),
        ours=(
            "Samples on a centred grid, range coded given the sRGB's quantisation intervals; a polynomial of the "
            "linearised sRGB, of a degree up to 3, which the encoder fits to the whole image; the samples' residuals "
            "spread by a joint bilateral kernel or by radial basis functions over colour and position, as the encoder "
            "chooses, apart for clipped pixels; stored samples pasted back."
        ),
        licence="No code of the authors is public.",
    )
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16))

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Grid steps 64 to 4."""
        return rate_points(STEPS)

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Fit the polynomial, choose the kernels, and code them and the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("analysis"):
            samples, codes = samples_of(raw, srgb, grid)
            fitted = fit_global_map(raw, srgb, codes.shape[1])
            polynomial = fitted.polynomial()
            predicted = polynomial(srgb)
            shape = (3, grid.rows, grid.columns)
            left = (samples.double() / PEAK).reshape(shape) - grid.take(predicted)
            kernels = choose_kernels(
                left, codes.reshape(shape), srgb, raw.double() - predicted, grid, self.context.seed
            )
        with self.context.stage("entropy"):
            return fitted.to_bytes() + bytes(kernels) + encode_samples(samples, codes, polynomial)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the samples, evaluate the polynomial, interpolate what it leaves, paste the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        codes = grid.take(srgb)
        with self.context.stage("entropy"):
            fitted, rest = read_polynomial(payload)
            if len(rest) < 2 or max(rest[:2]) >= len(KERNELS):
                raise rawbench.StreamError("the interpolation is unknown")
            polynomial = fitted.polynomial()
            samples = decode_samples(rest[2:], codes.reshape(3, -1), polynomial).double() / PEAK
        with self.context.stage("synthesis"):
            predicted = polynomial(srgb)
            samples = samples.reshape(codes.shape)
            kernels = KERNELS[rest[0]], KERNELS[rest[1]]
            left = samples - grid.take(predicted)
            out = predicted + spread(left, codes, srgb, grid, kernels, self.context.advance)
            grid.put(out, samples)
            return out.clamp(0.0, 1.0).float()
