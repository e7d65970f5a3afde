"""``sam``: raw on a grid, and radial basis functions over colour and position."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import Tensor

import rawbench
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench_sampling.global_map import fit_global_map
from rawbench_sampling.grid import STEPS, Grid, rate_points
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples, samples_of
from rawbench_sampling.shrinkage import CODES, choose_weights, weighted
from rawbench_sampling.thin_plate import interpolate

_POSITION = 0.3
_PAPER_BITS = 48  # a sample: three values of 16 bits
_MARK = 0x0E  # degree 7: no payload of format version 1 begins with that


class Sam(rawbench.Codec):
    """Punnappurath and Brown's spatially aware metadata, as far as it is known.

    Payload: a byte, the weights of the rest (bits 7 to 4 and 0: ``rawbench_sampling.shrinkage``) around three ones; the
    coded polynomial (``rawbench.blocks.polynomial_coding``); the samples. Format version 1 has no such byte, and
    interpolates raw itself.
    """

    name = "sam"
    format_version = 2
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
            "samples around it and of 32 samples spread over the colours of the image; what is interpolated is the "
            "rest of a polynomial of the sRGB, of a degree up to 3, which the encoder fits to the whole image, and it "
            "is added times a weight of 0 to 1, in quarters, apart for clipped pixels, which the encoder measures; "
            "stored samples pasted back; samples range coded without loss."
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
        """Fit the polynomial, measure what interpolation adds to it, and code the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("analysis"):
            samples, codes = samples_of(raw, srgb, grid)
            fitted = fit_global_map(raw, srgb, codes.shape[1])
            polynomial = fitted.polynomial()
            predicted = polynomial(srgb)
            left = (samples.double() / PEAK).reshape(3, grid.rows, grid.columns) - grid.take(predicted)
            rest = interpolate(left, srgb, grid, _POSITION, self.context.advance)
            code = choose_weights(rest, raw.double() - predicted, srgb)
        if self.options.accounting == "paper":
            self.context.record("bits_paper", _PAPER_BITS * codes.shape[1])
        with self.context.stage("entropy"):
            mark = bytes([(code >> 1) << 4 | _MARK | code & 1])
            return mark + fitted.to_bytes() + encode_samples(samples, codes, polynomial)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the samples, interpolate what the polynomial leaves of them, paste them."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        codes = grid.take(srgb)
        with self.context.stage("entropy"):
            code, body = read_mark(payload)
            fitted, rest = read_polynomial(body)
            decoded = decode_samples(rest, codes.reshape(3, -1), fitted.polynomial())
        with self.context.stage("synthesis"):
            samples = (decoded.double() / PEAK).reshape(codes.shape)
            if code is None:
                out = interpolate(samples, srgb, grid, _POSITION, self.context.advance)
            else:
                out = fitted.polynomial()(srgb)
                left = interpolate(samples - grid.take(out), srgb, grid, _POSITION, self.context.advance)
                out += weighted(left, srgb, code)
            grid.put(out, samples)
            return out.clamp(0.0, 1.0).float()


def read_mark(payload: bytes) -> tuple[int | None, bytes]:
    """The code of the weights, None in a payload of format version 1, and what follows.

    Raises:
        StreamError: there is no such code.
    """
    if not payload or payload[0] & _MARK != _MARK:
        return None, payload
    code = (payload[0] >> 4) << 1 | payload[0] & 1
    if code >= CODES:
        raise rawbench.StreamError("the weights of the rest are unknown")
    return code, payload[1:]
