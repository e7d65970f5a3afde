"""Finds the PSNR to ask OpenJPEG for, so that a codestream fits into a number of bytes, in few trial encodes.

OpenJPEG is asked for a PSNR and says what it takes. How the bytes grow with the PSNR is estimated beforehand, by
reverse water-filling on the planes' Haar coefficients; a trial says by which factor the estimate is off there, and
the next PSNR follows from the estimate times that factor.

OpenJPEG's estimate of where a coding pass ends is now and then too short (uclouvain/openjpeg#904); a code block that
is cut there decodes to garbage, which costs decibels, and does so over a whole range of PSNRs. So what a codestream
decodes to is measured, and where it is less than was asked for, the same planes are coded in another of eight ways
(flipped, or with their signs changed), which moves every cut. The best of all that was measured is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from rawbench_parametric import jpeg2000

MIDDLE = jpeg2000.MIDDLE
PEAK = 65535.0
WAYS = 8  # in which planes can be coded
_TOLERANCE = 0.1  # decibels that a sound codestream may miss its PSNR by
_STEPS = 12
_AIM, _ENOUGH = 0.996, 0.99  # of the room
_LARGE_PIXELS = 1 << 19  # more pixels than that are searched less closely: a trial takes seconds
_LARGE_STEPS, _LARGE_AIM, _LARGE_AIM_AGAIN, _LARGE_ENOUGH = 8, 0.975, 0.985, 0.953
_NEAR = 0.02  # decibels between one that fits and one that does not
_BEST_DECIBELS = 110.0
_BEST_JUDGED = 90.0  # decibels above which rounding to 16 bits counts
_BAND_ROWS = 64
_ESTIMATED_PIXELS = 1 << 22  # of larger planes, some of the bands of rows tell how the bytes grow
_COARSE_PIXELS = 1 << 21  # larger planes are coded with coarser steps where those are still fine enough
_FINE_ENOUGH = 4.0  # steps in the root of the mean squared error
_BLOCK, _BLOCK_ROWS, _BLOCK_COLUMNS = 256, 4, 6  # side and numbers of the blocks that stand for such planes
_GAINS = np.arange(-0.5, 70.0, 0.01)  # decibels above those of planes of zeros
_OVERSHOOT = 0.17  # decibels that OpenJPEG usually reaches above the PSNR that it is asked for
_EXCESS = 0.2  # of the bytes above the estimate, usually, as a logarithm
_LEVELS = 4
_BINS, _BINS_PER_OCTAVE, _LOWEST_BIN = 256, 4, 80  # of squared coefficients


@dataclass
class _Trials:
    """What was tried on some planes.

    Attributes:
        planes: uint16 (H, W, 3), divided by 2**coarser.
        room: bytes that a codestream may have.
        nothing: PSNR of planes of zeros.
        left: how many more may be tried.
        best: the highest PSNR measured of a codestream that fits, the way that it is coded in, and the codestream.
        missed: by gain, the logarithm of how much larger codestreams were than expected.
        coarser: octaves by which steps are coarser than OpenJPEG's.
    """

    planes: np.ndarray
    room: float
    nothing: float
    left: int
    best: tuple[float, int, bytes] | None = None
    missed: dict[float, float] = field(default_factory=dict)
    coarser: int = 0

    def encode(self, gain: float, way: int) -> tuple[int, bool]:
        """Try to gain decibels over planes of zeros: how many bytes that takes, and whether it fits and is sound."""
        self.left -= 1
        planes = turned(self.planes, way)
        body = jpeg2000.encode(planes, self.nothing + gain, self.coarser)
        if len(body) > self.room:
            return len(body), False
        decoded = jpeg2000.decode(body, planes.shape[0], planes.shape[1], exact=False)
        reached = decibels(planes, decoded, self.coarser)
        if reached > (self.best[0] if self.best else self.nothing):
            self.best = reached, way, body
        return len(body), reached > min(self.nothing + max(gain, 0.0), _BEST_JUDGED) - _TOLERANCE


def best_quality(planes: np.ndarray, room: float, advance: Callable[[int, int], None]) -> tuple[int, bytes] | None:
    """The codestream that decodes best, of those tried that fit into ``room`` bytes, and the way that it is coded in.

    None where none is better than planes of zeros.

    Args:
        planes: uint16 (H, W, 3), zero at ``MIDDLE``, none of them 0. Large ones are rounded to what is coded of them,
            in place: a photograph's copy would need much memory.
        room: bytes, at least 1.
        advance: is told how many of the trials there can be are done.
    """
    large = planes[..., 0].size > _LARGE_PIXELS
    steps = _LARGE_STEPS if large else _STEPS
    trials = _Trials(planes, room, decibels(planes, None), steps)
    expected = expected_log_bytes(planes)
    goal = (_LARGE_AIM, _LARGE_ENOUGH) if large else (_AIM, _ENOUGH)
    if planes[..., 0].size > _COARSE_PIXELS:
        _begin(trials, expected, goal[0])
    for way in range(WAYS):
        if _search(trials, way, expected, *goal, lambda: advance(steps - trials.left, steps)):
            break
    return trials.best[1:] if trials.best else None


def _begin(trials: _Trials, expected: np.ndarray, aim: float) -> None:
    """How coarse the steps of large planes may be, and what blocks of them tell of how wrong the estimate is."""
    gain = _next_gain(expected, {}, aim * trials.room)
    left = PEAK * 10 ** (-(trials.nothing + gain) / 20)
    parts = blocks(trials.planes)
    nothing, shape = decibels(parts, None), expected_log_bytes(parts)
    trials.coarser = min(max(math.floor(math.log2(left / _FINE_ENOUGH)), 0), jpeg2000.MAX_COARSER)
    jpeg2000.divide(trials.planes, trials.coarser)
    size = len(jpeg2000.encode(blocks(trials.planes), nothing + gain, trials.coarser))
    trials.missed[gain] = math.log(size) - float(np.interp(gain, _GAINS, shape))


def blocks(planes: np.ndarray) -> np.ndarray:
    """Square blocks spread over planes (H, W, 3), one below the other; of narrow ones, narrower blocks."""
    height, width = (min(_BLOCK, side) for side in planes.shape[:2])
    tops = np.linspace(0, planes.shape[0] - height, _BLOCK_ROWS).astype(int)
    lefts = np.linspace(0, planes.shape[1] - width, _BLOCK_COLUMNS).astype(int)
    return np.concatenate([planes[top : top + height, left : left + width] for top in tops for left in lefts])


def _search(
    trials: _Trials, way: int, expected: np.ndarray, aim: float, enough: float, advance: Callable[[], None]
) -> bool:
    """Fill the room, to ``enough`` of it at the least; False as soon as a codestream fits and is not sound."""
    low, high, stride = -math.inf, math.inf, _NEAR
    sizes: set[int] = set()
    repeated = False
    trials.missed = dict(list(trials.missed.items())[-1:])  # of another way, the last will do
    while trials.left and high - low >= _NEAR:
        advance()
        gain = _next_gain(expected, trials.missed, (max(aim, _LARGE_AIM_AGAIN) if sizes else aim) * trials.room)
        if math.isfinite(high - low):
            # OpenJPEG's bytes grow in steps: on one of them, where no estimate helps, halve.
            edge = 0.1 * (high - low)
            gain = (low + high) / 2 if repeated else min(max(gain, low + edge), high - edge)
        elif math.isfinite(low) or math.isfinite(high):
            gain, stride = min(max(gain, low + stride), high - stride), 2 * stride
        size, sound = trials.encode(gain, way)
        trials.missed[gain] = math.log(size) - float(np.interp(gain, _GAINS, expected))
        repeated = size in sizes
        sizes.add(size)
        if size > trials.room:
            high = gain
            continue
        if not sound:
            return False
        low = gain
        if size > enough * trials.room or trials.nothing + gain > _BEST_DECIBELS:
            break
    return True


def turned(planes: np.ndarray, way: int) -> np.ndarray:
    """Planes, uint16 (H, W, 3), in one of ``WAYS``; twice is as before where none is 0.

    Bit 0: rows in reverse. Bit 1: columns in reverse. Bit 2: signs changed.
    """
    planes = planes[:: -1 if way & 1 else 1, :: -1 if way & 2 else 1]
    return np.uint16(2 * MIDDLE - 1) - np.maximum(planes, 1) + np.uint16(1) if way & 4 else planes


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
    stride = _BAND_ROWS * max(1, planes[..., 0].size // _ESTIMATED_PIXELS)
    for top in range(0, planes.shape[0], stride):
        for coefficients in _haar(planes[top : top + _BAND_ROWS].astype(np.float32) - MIDDLE):
            energy = np.square(coefficients, dtype=np.float32).ravel()
            bins = (_BINS_PER_OCTAVE * np.log2(energy + np.float32(2.0**-20)) + _LOWEST_BIN).astype(np.int64)
            counts += np.bincount(bins, minlength=_BINS)
            energies += np.bincount(bins, energy, _BINS)
    octaves = (np.arange(_BINS) - _LOWEST_BIN) / _BINS_PER_OCTAVE
    if stride > _BAND_ROWS:
        counts, energies = (sums * (planes.size / counts.sum()) for sums in (counts, energies))
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


def decibels(planes: np.ndarray, decoded: np.ndarray | None, divided: int = 0) -> float:
    """PSNR of 16-bit planes (None: of planes of zeros), peak 65535; at most that of a thirtieth of a step.

    ``divided`` says in octaves by what ``planes`` are smaller than what was decoded.
    """
    total = 0.0
    for top in range(0, planes.shape[0], _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        error = (planes[band].astype(np.int64) - MIDDLE << divided) + MIDDLE
        error -= MIDDLE if decoded is None else decoded[band].astype(np.int64)
        total += float((error * error).sum())
    return 10 * math.log10(PEAK**2 / max(total / planes.size, 1e-3))
