"""Finds the PSNR to ask OpenJPEG for, so that a codestream fits into a number of bytes, in few trial encodes.

OpenJPEG is asked for a PSNR and says what it takes. How the bytes grow with the PSNR is estimated beforehand, by
reverse water-filling on the planes' Haar coefficients; a trial says by which factor the estimate is off there, and
the next PSNR follows from the estimate times that factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from rawbench_parametric import jpeg2000

MIDDLE = 32768  # of the planes: zero
PEAK = 65535.0
TOLERANCE = 0.25  # decibels that a sound codestream may miss its PSNR by
_STEPS = 9
_AIM, _ENOUGH = 0.996, 0.99  # of the room
_LARGE_PIXELS = 1 << 19  # more pixels than that are searched less closely: a trial takes seconds
_LARGE_STEPS, _LARGE_AIM, _LARGE_ENOUGH = 6, 0.97, 0.94
_NEAR = 0.02  # decibels between one that fits and one that does not
_BEST_DECIBELS = 110.0
_BAND_ROWS = 64
_GAINS = np.arange(-0.5, 70.0, 0.01)  # decibels above those of planes of zeros
_OVERSHOOT = 0.17  # decibels that OpenJPEG usually reaches above the PSNR that it is asked for
_EXCESS = 0.2  # of the bytes above the estimate, usually, as a logarithm
_LEVELS = 4
_BINS, _BINS_PER_OCTAVE, _LOWEST_BIN = 256, 4, 80  # of squared coefficients


def best_quality(planes: np.ndarray, room: float, advance: Callable[[int, int], None]) -> tuple[float, bytes] | None:
    """The highest PSNR in decibels, of those tried, whose codestream fits into ``room`` bytes, and that codestream.

    Args:
        planes: uint16 (H, W, 3), zero at ``MIDDLE``.
        room: bytes, at least 1.
        advance: is told how many of the trials there can be are done.
    """
    nothing = decibels(planes, None)
    expected = expected_log_bytes(planes)
    best, low, high, stride = None, -math.inf, math.inf, _NEAR
    missed: dict[float, float] = {}
    sizes: set[int] = set()
    repeated = False
    large = planes[..., 0].size > _LARGE_PIXELS
    steps, aim, enough = (_LARGE_STEPS, _LARGE_AIM, _LARGE_ENOUGH) if large else (_STEPS, _AIM, _ENOUGH)
    for done in range(steps):
        advance(done, steps)
        gain = _next_gain(expected, missed, aim * room)
        if math.isfinite(high - low):
            # OpenJPEG's bytes grow in steps: on one of them, where no estimate helps, halve.
            edge = 0.1 * (high - low)
            gain = (low + high) / 2 if repeated else min(max(gain, low + edge), high - edge)
        elif missed:
            gain, stride = min(max(gain, low + stride), high - stride), 2 * stride
        body = jpeg2000.encode(planes, nothing + gain)
        missed[gain] = math.log(len(body)) - float(np.interp(gain, _GAINS, expected))
        repeated = len(body) in sizes
        sizes.add(len(body))
        if len(body) > room:
            high = gain
        else:
            low = gain
            if sound(planes, body, nothing + max(gain, TOLERANCE)):
                best = nothing + gain, body
                if len(body) > enough * room or nothing + gain > _BEST_DECIBELS:
                    break
        if high - low < _NEAR:
            break
    return best


def _next_gain(expected: np.ndarray, missed: dict[float, float], wanted: float) -> float:
    """Where the estimate, corrected by what the trials so far missed it by, takes the wanted bytes."""
    curve = expected
    if missed:
        gains = sorted(missed)
        curve = expected + np.interp(_GAINS, gains, [missed[gain] for gain in gains])
    place = int(np.searchsorted(np.maximum.accumulate(curve), math.log(wanted)))
    return float(_GAINS[min(place, len(_GAINS) - 1)])


def expected_log_bytes(planes: np.ndarray) -> np.ndarray:
    """Logarithm of about how many bytes planes, uint16 (H, W, 3), take at each of ``_GAINS``.

    Reverse water-filling: at a threshold, coefficients below it are dropped and cost only the entropy of where they
    are; the others cost half the logarithm of their energy over it, and a sign.
    """
    counts, energies = np.zeros(_BINS), np.zeros(_BINS)
    for top in range(0, planes.shape[0], _BAND_ROWS):
        for coefficients in _haar(planes[top : top + _BAND_ROWS].astype(np.float32) - MIDDLE):
            energy = np.square(coefficients, dtype=np.float32).ravel()
            bins = (_BINS_PER_OCTAVE * np.log2(energy + np.float32(2.0**-20)) + _LOWEST_BIN).astype(np.int64)
            counts += np.bincount(bins, minlength=_BINS)
            energies += np.bincount(bins, energy, _BINS)
    octaves = (np.arange(_BINS) - _LOWEST_BIN) / _BINS_PER_OCTAVE
    above = counts[::-1].cumsum()[::-1]
    half_logs = (counts * (octaves + 0.5 / _BINS_PER_OCTAVE) / 2)[::-1].cumsum()[::-1]
    left = energies.cumsum() - energies + 2.0**octaves / 3 * above
    share = np.clip(above / counts.sum(), 1e-12, 1 - 1e-12)
    places = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) * counts.sum()
    bits = half_logs - above * octaves / 2 + above + places / 2
    useful = (above > 0) & (left < energies.sum())
    if not useful.any():
        return 0.01 * _GAINS
    gains = 10 * np.log10(energies.sum() / left[useful])
    # Thresholds fall from the last to the first; the slope keeps the curve rising beyond its ends.
    shape = np.interp(_GAINS + _OVERSHOOT, gains[::-1], np.log1p(bits[useful] / 8)[::-1])
    return shape + 0.01 * _GAINS + _EXCESS


def _haar(low: np.ndarray) -> Iterator[np.ndarray]:
    """Orthonormal Haar coefficients of float (H, W, 3), band by band; odd last rows and columns are left out."""
    for _ in range(_LEVELS):
        height, width = low.shape[0] // 2 * 2, low.shape[1] // 2 * 2
        if not height or not width:
            break
        total = low[:height:2, :width] + low[1:height:2, :width]
        change = low[:height:2, :width] - low[1:height:2, :width]
        yield (total[:, ::2] - total[:, 1::2]) / 2
        yield (change[:, ::2] + change[:, 1::2]) / 2
        yield (change[:, ::2] - change[:, 1::2]) / 2
        low = (total[:, ::2] + total[:, 1::2]) / 2
    yield low


def sound(planes: np.ndarray, body: bytes, quality: float) -> bool:
    """Whether a codestream decodes to the PSNR that it was made for.

    OpenJPEG's estimate of where a coding pass ends is now and then too short (uclouvain/openjpeg#904); a code block
    that is cut there decodes to garbage, which costs decibels. Then another PSNR has to be asked for.
    """
    decoded = jpeg2000.decode(body, planes.shape[0], planes.shape[1], exact=False)
    return decibels(planes, decoded) > min(quality, 90.0) - TOLERANCE


def decibels(planes: np.ndarray, decoded: np.ndarray | None) -> float:
    """PSNR of 16-bit planes (None: of planes of zeros), peak 65535; at most that of a thirtieth of a step."""
    total = 0.0
    for top in range(0, planes.shape[0], _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        error = planes[band].astype(np.int64) - (MIDDLE if decoded is None else decoded[band].astype(np.int64))
        total += float((error * error).sum())
    return 10 * math.log10(PEAK**2 / max(total / planes.size, 1e-3))
