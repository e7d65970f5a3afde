"""From bytes and sRGB to raw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

import rawbench
from rawbench import StreamError
from rawbench.blocks.colour_axes import ROTATION_BYTES, rotation_matrix
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench_hybrid import quantiser, range_coding, tiles
from rawbench_hybrid.bands import BandCoder, code_bands
from rawbench_hybrid.guide import plus, read_guide
from rawbench_hybrid.model import ADAPTATION, LEARNING, Model, crippled
from rawbench_hybrid.wavelet import Bands

EXACT_STEP = 16  # one unit of 16 bits: what contexts of lossless coefficients are in
EXACT_MARK = 255  # in place of a step's index
MARK = 240  # before a residual of format version 2, plus what the model of an ablation does without
LOSSY_HEADER = 2 + ROTATION_BYTES


def decode(model: Model, context: rawbench.Context, payload: bytes, srgb: Tensor) -> Tensor:
    """Rebuild raw, float32 (3, H, W) in [0, 1].

    Args:
        model: what the coder starts from; not changed.
        context: for stages and progress.
        payload: of `encoder.Encoder`.
        srgb: uint8 or uint16 (3, H, W).

    Raises:
        StreamError: the payload is malformed.
    """
    with context.stage("entropy"):
        fitted, body = read_polynomial(payload)
    polynomial = fitted.polynomial()
    if not body:
        with context.stage("synthesis"):
            return polynomial.raw(srgb, context.advance)
    if not MARK <= body[0] <= MARK + (ADAPTATION | LEARNING) or len(body) < 2:
        raise StreamError("the residual's first bytes make no sense: it is not of format version 2")
    model, body = crippled(model, body[0] - MARK), body[1:]
    read = _read_exact if body[0] == EXACT_MARK else _read_lossy
    return read(model, context, body, srgb, polynomial)


def _read_lossy(model: Model, context: rawbench.Context, body: bytes, srgb: Tensor, polynomial) -> Tensor:
    if len(body) < LOSSY_HEADER or body[0] >= quantiser.STEPS:
        raise StreamError("the residual's first bytes make no sense")
    step = quantiser.step_of(body[0])
    axes = rotation_matrix(body[1 : 1 + ROTATION_BYTES])
    bias = unpack_bias(body[LOSSY_HEADER - 1])
    guide, stream = read_guide(body[LOSSY_HEADER:])
    coder = BandCoder(model.copy(), range_coding.READ, stream)
    out = torch.empty(srgb.shape, device=srgb.device)
    count = len(tiles.windows(*srgb.shape[1:]))
    seen = tiles.ahead(tiles.see_tiles(polynomial, srgb, axes), count)
    read = tiles.ahead(_coded(coder, context, seen, step), count)
    for number, (tile, coded) in enumerate(read):
        context.advance(number, count)
        with context.stage("synthesis"):
            bands = [quantiser.from_steps(b, step, bias) for b in coded]
            if guide.groups:
                bands = plus(bands, guide.guess(tiles.analyse(tile.prediction, axes)))
            error = tiles.synthesise(bands, axes)
            out[(slice(None), *tile.window)] = _unit(tile.prediction + error, srgb)
    _check_end(coder, stream)
    return out


def _coded(
    coder: BandCoder, context: rawbench.Context, seen: Iterator[tiles.Tile], step: int
) -> Iterator[tuple[tiles.Tile, list[Bands]]]:
    """Yield the tiles with their bands."""
    for tile in seen:
        with context.stage("entropy"):
            coded = code_bands(coder, tile.features, step)
        yield tile, coded


def _read_exact(model: Model, context: rawbench.Context, body: bytes, srgb: Tensor, polynomial) -> Tensor:
    if len(body) < 2 or body[1] > tiles.LUMINANCE:
        raise StreamError("the residual's first bytes make no sense")
    change, axes = body[1], tiles.exact_axes(body[1])
    coder = BandCoder(model.copy(), range_coding.READ, body[2:])
    out = torch.empty(srgb.shape, device=srgb.device)
    count = len(tiles.windows(*srgb.shape[1:]))
    seen = tiles.ahead(tiles.see_tiles(polynomial, srgb, axes), count)
    read = tiles.ahead(_coded(coder, context, seen, EXACT_STEP), count)
    for number, (tile, coded) in enumerate(read):
        context.advance(number, count)
        with context.stage("synthesis"):
            value = (tile.prediction + tiles.synthesise_exactly(coded, change)) & tiles.PEAK
            out[(slice(None), *tile.window)] = _unit(value, srgb)
    _check_end(coder, body[2:])
    return out


def unpack_bias(byte: int) -> tuple[int, int]:
    """Two numbers of 4 bits, -8..7."""
    return (byte >> 4) - quantiser.BIAS_REACH, (byte & 15) - quantiser.BIAS_REACH


def pack_bias(bias: tuple[int, int]) -> int:
    """A byte of two numbers, -8..7."""
    return (bias[0] + quantiser.BIAS_REACH) << 4 | (bias[1] + quantiser.BIAS_REACH)


def _unit(value: np.ndarray, like: Tensor) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(value)).permute(2, 0, 1)
    return (pixels.double() / tiles.PEAK).clamp(0.0, 1.0).float().to(like.device)


def _check_end(coder: BandCoder, payload: bytes) -> None:
    if coder.read_bytes < len(payload):
        raise StreamError(f"{len(payload) - coder.read_bytes} bytes follow the residual")
