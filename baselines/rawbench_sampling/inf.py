"""``inf``: raw on a grid, and implicit networks of colour and position that the decoder trains on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

import rawbench
from rawbench import StreamError
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench_sampling.global_map import fit_global_map, gain_of
from rawbench_sampling.grid import Grid, rate_points
from rawbench_sampling.implicit import SIZES, complexity, trained_and_evaluated
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples, samples_of
from rawbench_sampling.shrinkage import CODES, WHOLE, choose_weights, weighted

STEPS = (32, 16, 8)
"""Grid steps by rate point index."""
_NAMES = tuple(SIZES)


class Inf(rawbench.Codec):
    """Li et al.'s implicit neural functions.

    Payload: a byte, 25 x the size of the networks + the weights of what they add to the polynomial
    (``rawbench_sampling.shrinkage``); the coded polynomial (``blocks.polynomial_coding``); the samples. Networks that
    carry raw itself, and those of format version 1, have the size (bits 0 to 2), whether they carry the rest of the
    polynomial (bit 3), and the complement of that in the upper bits.
    """

    name = "inf"
    format_version = 2
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
            "learn what a polynomial of the sRGB, of a degree up to 3, which the encoder fits to the whole image, "
            "leaves of raw, and what they say is added times a weight of 0 to 1, in quarters, apart for clipped "
            "pixels, which the encoder measures; always 4 x 4 tiles, of equal size, trained together and in float64; "
            "samples range coded without loss and pasted back."
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
        """Code the samples, and how much of what networks trained on them add is of use."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("analysis"):
            samples, codes = samples_of(raw, srgb, grid)
            fitted = fit_global_map(raw, srgb, codes.shape[1])
            head = _plain_head(self.options.size, skip=False)
            if self.options.skip:
                base = fitted.polynomial()(srgb)
                rest = self._learned(_on_grid(samples, grid) - grid.take(base), srgb, grid)
                head = _NAMES.index(self.options.size) * CODES + choose_weights(rest, raw.double() - base, srgb)
        with self.context.stage("entropy"):
            return bytes([head]) + fitted.to_bytes() + encode_samples(samples, codes, fitted.polynomial())

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the samples, train a network a tile on them, evaluate it, paste the samples."""
        grid = Grid(srgb.shape[1], srgb.shape[2], STEPS[self.rate_point.index])
        with self.context.stage("entropy"):
            code = self._weights(payload)
            fitted, rest = read_polynomial(payload[1:])
            samples = _on_grid(decode_samples(rest, grid.take(srgb).reshape(3, -1), fitted.polynomial()), grid)
        with self.context.stage("synthesis"):
            if code is None:
                out = 0.5 + self._learned(samples - 0.5, srgb, grid, gain=2.0)
            else:
                out = fitted.polynomial()(srgb)
                out += weighted(self._learned(samples - grid.take(out), srgb, grid), srgb, code)
            grid.put(out, samples)
            return out.clamp(0.0, 1.0).float()

    def _learned(self, values: Tensor, srgb: Tensor, grid: Grid, gain: float | None = None) -> Tensor:
        """What networks trained on values at the samples, (3, rows, columns), say everywhere: float64 (3, H, W)."""
        with torch.inference_mode(False):
            values, size = values.clone(), SIZES[self.options.size]
            scale = float(gain_of(values)) if gain is None else gain
            return trained_and_evaluated(values * scale, srgb.clone(), grid, size, self.context.part).double() / scale

    def _weights(self, payload: bytes) -> int | None:
        """The code of the weights of the rest, or None for networks that carry raw itself."""
        if not payload:
            raise StreamError("the payload is empty")
        codes: dict[int, tuple[str, int | None]] = {}
        for index, size in enumerate(_NAMES):
            codes |= {index * CODES + code: (size, code) for code in range(CODES)}
            codes |= {_plain_head(size, skip=True): (size, WHOLE), _plain_head(size, skip=False): (size, None)}
        if payload[0] not in codes:
            raise StreamError("the kind of network is unknown")
        size, code = codes[payload[0]]
        if size != self.options.size:
            raise StreamError(f"the payload was not written with size={self.options.size}: give its size")
        return code


def _on_grid(samples: Tensor, grid: Grid) -> Tensor:
    """Samples, int64 (3, N), as raw, float64 (3, rows, columns)."""
    return (samples.double() / PEAK).reshape(3, grid.rows, grid.columns)


def _plain_head(size: str, skip: bool) -> int:
    low = _NAMES.index(size) | skip << 3
    return low | (~low & 15) << 4
