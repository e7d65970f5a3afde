"""``residual``: the polynomial of ``poly``, and what it leaves, as JPEG 2000, up to lossless."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import rawbench
from rawbench.coefficients import read_polynomial
from rawbench.fitting import fit_polynomial
from rawbench.polynomial import Polynomial
from rawbench_parametric import jpeg2000
from rawbench_parametric.poly import per_bit

_MIDDLE = 32768
_PEAK = 65535.0
_HEADER_BYTES = 11  # what the file's own header takes of a target rate
_SEARCH_PIXELS = 1 << 19  # the rate is searched on bands of the image when it is larger
_SEARCH_STEPS = 9
_DECIBELS_PER_BPP = 2.0
_BEST_DECIBELS = 110.0
_OVERSHOOT = 0.5  # decibels that OpenJPEG may reach above the PSNR that it is asked for
_TOLERANCE = 0.25  # decibels that a sound codestream may miss its PSNR by


@dataclass(frozen=True)
class _Point:
    """A rate point: bits per pixel to reach (0: polynomial only, None: lossless), and the polynomial that goes
    with it (highest degree, price of a bit per pixel in decibels)."""

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

    Payload: the coded polynomial. Lossy points: then nothing, or one byte (right shift of the residual), three bytes
    (a rotation of the colour axes onto the residual's principal axes) and the codestream of the rotated residual.
    Last point: then the codestream of the residual on the 16-bit grid, modulo 2**16, by the reversible transform.
    """

    name = "residual"
    summary = "poly, then its residual as JPEG 2000, up to lossless"
    paper = (
        "No published method: the obvious one that published tables lack. Our specification: poly's polynomial; the "
        "residual on the 16-bit grid, its colour axes rotated onto their principal axes (three bytes, an "
        "image-adaptive KLT instead of JPEG 2000's fixed colour transform), by OpenJPEG's irreversible 9/7 transform "
        "at a target rate; lossless by the reversible 5/3 transform on differences modulo 2**16. The main header of "
        "the codestream is rebuilt by the decoder, not sent."
    )
    capabilities = rawbench.Capabilities(lossless=True)

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Target rates of the whole file in bits per pixel, and lossless."""
        names = ["poly", *(f"bpp={p.bpp:g}" for p in _POINTS[1:-1]), "lossless"]
        return [rawbench.RatePoint(index, name) for index, name in enumerate(names)]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Code the polynomial and the residual."""
        point = _POINTS[self.rate_point.index]
        with self.context.stage("analysis"):
            fitted = fit_polynomial(srgb, raw, point.degree, per_bit(point.price, srgb))
        with self.context.stage("entropy"):
            head = fitted.to_bytes()
        if point.bpp == 0:
            return head
        with self.context.stage("synthesis"):
            predicted = predict16(fitted.polynomial(), srgb)
        with self.context.stage("transfer"):
            error = (raw16(raw) - predicted).permute(1, 2, 0).cpu().numpy()
        with self.context.stage("entropy"):
            if point.bpp is None:
                return head + jpeg2000.encode(wrap(error), None)
            room = point.bpp * error.shape[0] * error.shape[1] / 8 - len(head) - _HEADER_BYTES
            return head + encode_lossy(error, room)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Predict, and add the residual."""
        point = _POINTS[self.rate_point.index]
        height, width = srgb.shape[1:]
        with self.context.stage("entropy"):
            fitted, body = read_polynomial(payload)
            if point.bpp == 0 and body:
                raise rawbench.StreamError(f"{len(body)} bytes follow the polynomial")
            if point.bpp is None:
                error: np.ndarray | None = unwrap(jpeg2000.decode(body, height, width, exact=True))
            else:
                error = decode_lossy(body, height, width) if body else None
        with self.context.stage("synthesis"):
            if error is None:
                return fitted.polynomial()(srgb).float()
            predicted = predict16(fitted.polynomial(), srgb)
        with self.context.stage("transfer"):
            added = torch.from_numpy(error).to(srgb.device).permute(2, 0, 1)
        with self.context.stage("synthesis"):
            total = predicted + added
            if point.bpp is None:
                total = torch.remainder(total, 65536)
            return (total.double() / _PEAK).clamp(0.0, 1.0).float()


def raw16(raw: Tensor) -> Tensor:
    """Raw on the 16-bit grid, int64."""
    return torch.round(raw.double() * _PEAK).long()


def predict16(polynomial: Polynomial, srgb: Tensor) -> Tensor:
    """The polynomial's raw on the 16-bit grid, int64 (3, H, W), the same on every machine."""
    return torch.round(polynomial(srgb) * _PEAK).long()


def wrap(error: np.ndarray) -> np.ndarray:
    """Differences of 16-bit values modulo 2**16, zero in the middle: uint16."""
    return ((error + _MIDDLE) & 0xFFFF).astype(np.uint16)


def unwrap(planes: np.ndarray) -> np.ndarray:
    """Differences, int64, right modulo 2**16, from what ``wrap`` returned."""
    return planes.astype(np.int64) - _MIDDLE


def encode_lossy(error: np.ndarray, room: float) -> bytes:
    """Code a residual, int (H, W, 3), in at most ``room`` bytes or so; nothing when there is no room for anything."""
    rotation = principal_rotation(error)
    turned = error @ rotation_matrix(rotation)
    shift = 0
    while np.abs(turned).max() / 2**shift > _MIDDLE - 1:
        shift += 1
    planes = (np.rint(turned / 2**shift) + _MIDDLE).astype(np.uint16)
    body = encode_at_rate(planes, room - 1 - len(rotation))
    return bytes([shift]) + rotation + body if body else b""


def decode_lossy(body: bytes, height: int, width: int) -> np.ndarray:
    """Decode what ``encode_lossy`` wrote (not empty): float64 (H, W, 3).

    Raises:
        StreamError: the bytes are no residual.
    """
    if len(body) < 5 or body[0] > 2:
        raise rawbench.StreamError("the residual's first bytes make no sense")
    planes = jpeg2000.decode(body[4:], height, width, exact=False)
    turned = (planes.astype(np.float64) - _MIDDLE) * 2.0 ** body[0]
    matrix = rotation_matrix(body[1:4])
    columns = [turned[..., 0] * row[0] + turned[..., 1] * row[1] + turned[..., 2] * row[2] for row in matrix]
    return np.stack(columns, -1)


def principal_rotation(error: np.ndarray) -> bytes:
    """Three bytes for the rotation onto the principal axes of a residual (H, W, 3): a quaternion's vector part."""
    flat = error.reshape(-1, 3).astype(np.float64)
    _, axes = np.linalg.eigh(flat.T @ flat / len(flat))
    axes = axes[:, ::-1] * np.sign(axes[0, ::-1] + (axes[0, ::-1] == 0))
    if np.linalg.det(axes) < 0:
        axes[:, 2] = -axes[:, 2]
    # The eigenvector of the largest eigenvalue of Bar-Itzhack's matrix is the quaternion.
    (a, b, c), (d, e, f), (g, h, i) = axes
    matrix = np.array(
        [[a - e - i, d + b, g + c, h - f], [d + b, e - a - i, h + f, c - g],
         [g + c, h + f, i - a - e, d - b], [h - f, c - g, d - b, a + e + i]]
    )  # fmt: skip
    quaternion = np.linalg.eigh(matrix)[1][:, -1]
    vector = quaternion[:3] * (1.0 if quaternion[3] >= 0 else -1.0)
    return np.rint(vector * 127).astype(np.int8).tobytes()


def rotation_matrix(rotation: bytes) -> np.ndarray:
    """The orthonormal matrix, float64 (3, 3), of three bytes; its columns are the principal axes."""
    x, y, z = (float(v) / 127 for v in np.frombuffer(rotation, np.int8))
    w = math.sqrt(max(0.0, 1 - x * x - y * y - z * z))
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def encode_at_rate(planes: np.ndarray, room: float) -> bytes:
    """The best codestream of planes, uint16 (H, W, 3), that fits into ``room`` bytes; empty when none does.

    OpenJPEG is asked for a PSNR; the PSNR that meets the rate is searched for, on bands of large images.
    """
    height, width = planes.shape[:2]
    if room < 1:
        return b""
    trial = planes
    if height * width > _SEARCH_PIXELS:
        stride = height * width // _SEARCH_PIXELS + 1
        trial = np.concatenate([planes[top : top + 64] for top in range(0, height, 64 * stride)])
    found = best_quality(trial, room * trial.shape[0] / height)
    if found is None or trial is planes:
        return b"" if found is None else found[1]
    for back in range(4):
        quality = found[0] - 0.1 * back
        body = jpeg2000.encode(planes, quality)
        if sound(planes, body, quality):
            return body
    return b""


def best_quality(planes: np.ndarray, room: float) -> tuple[float, bytes] | None:
    """The highest PSNR in decibels, of those tried, whose codestream fits into ``room`` bytes, and that codestream.

    The PSNR grows until the bytes do not fit; then it is interpolated on the square root of the bytes.
    """
    nothing = decibels(planes, np.full_like(planes, _MIDDLE))
    low = nothing - _OVERSHOOT
    high, low_bytes, high_bytes = math.inf, 0, 0
    # The first guess is what bits buy at high rates, 6 dB for one of each channel. They may buy far more where the
    # residual is concentrated in a few places: steps double.
    stride, best = max(0.5, _DECIBELS_PER_BPP * 8 * room / planes[..., 0].size), None
    for _ in range(_SEARCH_STEPS):
        if math.isinf(high):
            middle, stride = low + stride, 2 * stride
        else:
            part = (math.sqrt(room) - math.sqrt(low_bytes)) / (math.sqrt(high_bytes) - math.sqrt(low_bytes))
            middle = low + (high - low) * min(max(part, 0.15), 0.85)
        body = jpeg2000.encode(planes, middle)
        if len(body) > room:
            high, high_bytes = middle, len(body)
            continue
        low, low_bytes = middle, len(body)
        if not sound(planes, body, max(middle, nothing + _TOLERANCE)):
            continue
        best = middle, body
        if len(body) > 0.97 * room or middle > _BEST_DECIBELS:
            break
    return best


def sound(planes: np.ndarray, body: bytes, quality: float) -> bool:
    """Whether a codestream decodes to the PSNR that it was made for.

    OpenJPEG's estimate of where a coding pass ends is now and then too short (uclouvain/openjpeg#904); a code block
    that is cut there decodes to garbage, which costs decibels. Then another PSNR has to be asked for.
    """
    decoded = jpeg2000.decode(body, *planes.shape[:2], exact=False)
    return decibels(planes, decoded) > min(quality, 90.0) - _TOLERANCE


def decibels(planes: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR of 16-bit planes, peak 65535; at most that of a thirtieth of a step."""
    error = np.mean((planes.astype(np.float64) - decoded) ** 2)
    return 10 * math.log10(_PEAK**2 / max(float(error), 1e-3))
