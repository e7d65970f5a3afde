"""``residual``: the polynomial of ``poly``, and what it leaves, as JPEG 2000, up to lossless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

import rawbench
from rawbench.blocks.colour_axes import bands, principal_rotation, rotation_matrix
from rawbench.blocks.colour_table import by_colour
from rawbench.blocks.polynomial import Polynomial
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench_parametric import jpeg2000
from rawbench_parametric.poly import per_bit
from rawbench_parametric.rate_search import MIDDLE, PEAK, WAYS, best_quality, turned

_HEADER_BYTES = 11  # what the file's own header takes of a target rate


@dataclass(frozen=True)
class _Point:
    """A rate point.

    Attributes:
        bpp: bits per pixel to reach (0: polynomial only, None: lossless).
        degree: the highest, of the polynomial that goes with it.
        price: of a bit per pixel of the polynomial, in decibels.
    """

    bpp: float | None
    degree: int
    price: float


_POINTS = (
    _Point(0.0, 2, 100.0),
    _Point(0.01, 3, 50.0),
    _Point(0.03, 4, 25.0),
    _Point(0.1, 5, 12.0),
    _Point(0.2, 5, 10.0),
    _Point(0.36, 5, 8.0),
    _Point(0.8, 5, 6.0),
    _Point(1.85, 5, 5.0),
    _Point(4.0, 5, 4.0),
    _Point(8.0, 5, 4.0),
    _Point(None, 5, 4.0),
)


class Residual(rawbench.Codec):
    """The polynomial of ``poly``, and its residual as JPEG 2000.

    Payload: the coded polynomial. Lossy points: then nothing, or one byte (bits 0 and 1: right shift of the residual;
    bits 2 to 4: the way that its planes are turned, ``rate_search.turned``; format version 1 has 0 there), three bytes
    (a rotation of the colour axes onto the residual's principal axes) and the codestream of the rotated residual.
    Last point: then the codestream of the residual on the 16-bit grid, modulo 2**16, by the reversible transform.
    """

    name = "residual"
    format_version = 2
    summary = "poly, then its residual as JPEG 2000, up to lossless"
    paper = rawbench.Paper(
        citation="No published method: the obvious one that published tables lack.",
        ours=(
            "Poly's polynomial; the residual on the 16-bit grid, its colour axes rotated onto their principal axes "
            "(three bytes, an image-adaptive KLT instead of JPEG 2000's fixed colour transform), by OpenJPEG's "
            "irreversible 9/7 transform at a target rate; lossless by the reversible 5/3 transform on differences "
            "modulo 2**16. The main header of the codestream is rebuilt by the decoder, not sent."
        ),
        licence="Licence of OpenJPEG, used through imagecodecs: BSD.",
    )
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16), lossless=True)

    class Options(rawbench.Options):
        """Options of `residual`."""

        bpp: float | None = Field(None, gt=0, le=32, description="one target rate in bits per pixel, whatever it is")

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Target rates of the whole file in bits per pixel, and lossless; or the one that is asked for."""
        if options.bpp is not None:
            below = [index for index, p in enumerate(_POINTS) if p.bpp and p.bpp <= options.bpp]
            return [rawbench.RatePoint(max(below, default=1), f"bpp={options.bpp:.4g}")]
        names = ["poly", *(f"bpp={p.bpp:g}" for p in _POINTS[1:-1]), "lossless"]
        return [rawbench.RatePoint(index, name) for index, name in enumerate(names)]

    @classmethod
    def between(
        cls, options: Any, lower: rawbench.RatePoint, higher: rawbench.RatePoint, share: float
    ) -> tuple[Any, rawbench.RatePoint] | None:
        """Any target rate, between two by its logarithm."""
        low, high = (_POINTS[point.index].bpp for point in (lower, higher))
        if low is None:
            return None
        high = 2 * low if high is None else high
        chosen = options.model_copy(update={"bpp": low * (high / low) ** share if low else high * share})
        return chosen, cls.rate_points(chosen)[0]

    @classmethod
    def expected_bytes(cls, options: Any, point: rawbench.RatePoint, pixels: int) -> float | None:
        """The target rate; nothing is known of the first point and of the last."""
        bpp = options.bpp if options.bpp is not None else _POINTS[point.index].bpp
        return bpp * pixels / 8 if bpp else None

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Code the polynomial and the residual."""
        point = _POINTS[self.rate_point.index]
        if point.bpp and self.options.bpp is not None:
            point = replace(point, bpp=self.options.bpp)
        with self.context.stage("analysis"):
            price = per_bit(point.price, srgb)
            fitted = fit_polynomial(srgb, raw, point.degree, price, advance=self.context.part(0.0, 0.2))
        with self.context.stage("entropy"):
            head = fitted.to_bytes()
        if point.bpp == 0:
            return head
        error = self._error(fitted.polynomial(), raw, srgb)
        with self.context.stage("entropy"):
            if point.bpp is None:
                planes = wrap(error)
                del error  # a photograph's worth of memory, which the codestream needs
                return head + jpeg2000.encode(planes, None)
            start, planes = rotated(error)
            del error
            room = point.bpp * srgb[0].numel() / 8 - len(head) - _HEADER_BYTES - len(start)
            found = best_quality(planes, room, self.context.part(0.4, 1.0)) if room >= 1 else None
            if not found:
                return head
            way, body = found
            return head + bytes([start[0] | way << 2]) + start[1:] + body

    def _error(self, polynomial: Polynomial, raw: Tensor, srgb: Tensor) -> np.ndarray:
        """What the polynomial leaves on the 16-bit grid: int32 (H, W, 3) on the CPU."""
        error = np.empty((*srgb.shape[1:], 3), np.int32)
        advance = self.context.part(0.2, 0.4)
        predict = predictor(polynomial, srgb)
        for rows in bands(*srgb.shape[1:]):
            advance(rows.start, len(error))
            with self.context.stage("synthesis"):
                part = raw16(raw[:, rows]) - predict(srgb[:, rows])
            with self.context.stage("transfer"):
                error[rows] = part.permute(1, 2, 0).cpu().numpy()
        return error

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Predict, and add the residual."""
        point = _POINTS[self.rate_point.index]
        height, width = srgb.shape[1:]
        with self.context.stage("entropy"):
            fitted, body = read_polynomial(payload)
            if point.bpp == 0 and body:
                raise rawbench.StreamError(f"{len(body)} bytes follow the polynomial")
            coded = read_residual(body, height, width, point.bpp is None) if body or point.bpp is None else None
        polynomial = fitted.polynomial()
        if coded is None:
            with self.context.stage("synthesis"):
                return polynomial.raw(srgb, self.context.advance)
        out, predict = torch.empty(srgb.shape, device=srgb.device), predictor(polynomial, srgb)
        for rows in bands(height, width):
            self.context.advance(rows.start, height)
            with self.context.stage("transfer"):
                added = torch.from_numpy(coded(rows)).to(srgb.device).permute(2, 0, 1)
            with self.context.stage("synthesis"):
                total = predict(srgb[:, rows]) + added
                if point.bpp is None:
                    total = torch.remainder(total, 65536)
                out[:, rows] = (total.double() / PEAK).clamp(0.0, 1.0).float()
        return out


def raw16(raw: Tensor) -> Tensor:
    """Raw on the 16-bit grid, int32."""
    return torch.round(raw.double() * PEAK).int()


def predictor(polynomial: Polynomial, srgb: Tensor) -> Callable[[Tensor], Tensor]:
    """The polynomial's raw on the 16-bit grid, int32 (3, ...), of pixels of an image; the same on every machine."""
    return by_colour(lambda codes: torch.round(polynomial(codes) * PEAK).int(), srgb)


def wrap(error: np.ndarray) -> np.ndarray:
    """Differences of 16-bit values modulo 2**16, zero in the middle: uint16."""
    return error.astype(np.uint16) + np.uint16(MIDDLE)  # both wrap


def unwrap(planes: np.ndarray) -> np.ndarray:
    """Differences, int64, right modulo 2**16, from what ``wrap`` returned."""
    return planes.astype(np.int64) - MIDDLE


def rotated(error: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A residual, int (H, W, 3), on its principal axes: the bytes that say how, and uint16 planes (H, W, 3)."""
    rotation = principal_rotation(error)
    matrix = rotation_matrix(rotation)
    rows = list(bands(*error.shape[:2]))
    shift, largest = 0, max(float(np.abs(error[band] @ matrix).max()) for band in rows)
    while largest / 2**shift > MIDDLE - 1:
        shift += 1
    planes = np.empty(error.shape, np.uint16)
    for band in rows:
        planes[band] = np.rint(error[band] @ matrix / 2**shift) + MIDDLE
    return bytes([shift]) + rotation, planes


def read_residual(body: bytes, height: int, width: int, exact: bool) -> Callable[[slice], np.ndarray]:
    """Decode a residual.

    Args:
        body: of ``exact``, the codestream of what ``wrap`` returned; else what ``rotated`` says and the codestream of
            its planes.
        height: rows.
        width: columns.
        exact: whether the point is lossless.

    Returns:
        The residual of a slice of rows: int64 or float64 (rows, W, 3).

    Raises:
        StreamError: the bytes are no residual.
    """
    if exact:
        planes = jpeg2000.decode(body, height, width, exact=True)
        return lambda rows: unwrap(planes[rows])
    if len(body) < 5 or body[0] >= WAYS << 2 or body[0] & 3 == 3:
        raise rawbench.StreamError("the residual's first bytes make no sense")
    planes = turned(jpeg2000.decode(body[4:], height, width, exact=False), body[0] >> 2)
    return lambda rows: turn_back(planes[rows], body[0] & 3, rotation_matrix(body[1:4]))


def turn_back(planes: np.ndarray, shift: int, matrix: np.ndarray) -> np.ndarray:
    """Planes, uint16 (H, W, 3), back from the principal axes: float64, the same on every machine."""
    turned = (planes.astype(np.float64) - MIDDLE) * 2.0**shift
    columns = [turned[..., 0] * row[0] + turned[..., 1] * row[1] + turned[..., 2] * row[2] for row in matrix]
    return np.stack(columns, -1)
