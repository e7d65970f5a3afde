"""A linear guess of the residual's fine bands from the sRGB's, fitted to each image: how far to believe its texture.

A rendition sharpens, denoises, quantises; what the polynomial leaves then follows the texture of its own prediction.
In each of the finest levels and for each colour axis the residual's coefficients are guessed as a linear combination
of the prediction's on the three axes, and of its own one cut at some reach, which is what takes the rounding's noise
out of flat places. Five bytes for each level and colour where they save more than they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rawbench import StreamError
from rawbench_hybrid.wavelet import Bands

GROUPS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1))  # level from the finest, colour
TERMS = 4
GROUP_BYTES = 1 + TERMS
UNIT = 1 / 64
_LARGEST_REACH = 40  # half octaves
_STEPS = 1.5  # above which a coefficient counts for less
Pair = tuple[Sequence[Bands], Sequence[Bands]]


@dataclass(frozen=True)
class Guide:
    """What is believed.

    Attributes:
        groups: by level and colour: reach in half octaves, and int (4,) of the terms, in `UNIT`.
    """

    groups: Mapping[tuple[int, int], tuple[int, np.ndarray]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """One byte that says which groups there are, then five for each."""
        mask = sum(1 << number for number, group in enumerate(GROUPS) if group in self.groups)
        out = bytes([mask])
        for group in GROUPS:
            if group in self.groups:
                reach, terms = self.groups[group]
                out += bytes([reach]) + terms.astype(np.int8).tobytes()
        return out

    def guess(self, texture: Sequence[Bands]) -> list[Bands]:
        """The guessed bands of three colours: float32, from those of the prediction."""
        count = len(texture[0].details)
        guessed = []
        for colour in range(3):
            details = []
            for number, three in enumerate(texture[colour].details):
                group = self.groups.get((count - 1 - number, colour))
                if group is None:
                    details.append(tuple(np.zeros(1, np.float32) for _ in three))
                    continue
                reach, terms = group
                details.append(tuple(_combined(texture, number, colour, o, reach, terms) for o in range(3)))
            guessed.append(Bands(np.zeros(1, np.float32), details))
        return guessed


def _combined(texture, number: int, colour: int, orientation: int, reach: int, terms) -> np.ndarray:
    views = _views(texture, number, colour, orientation, 2.0 ** (reach / 2))
    total = np.zeros(views[0].shape, np.float32)
    for term, view in zip(terms, views, strict=True):
        total += np.float32(int(term) * UNIT) * view
    return total


def _views(texture, number: int, colour: int, orientation: int, reach: float) -> list[np.ndarray]:
    planes = [texture[c].details[number][orientation] for c in range(3)]
    return [*planes, np.clip(planes[colour], np.float32(-reach), np.float32(reach))]


def plus(bands: Sequence[Bands], guessed: Sequence[Bands], sign: int = 1) -> list[Bands]:
    """Bands and guessed ones added, or, with -1, what the guess leaves of them."""
    factor, added = np.float32(sign), []
    for b, g in zip(bands, guessed, strict=True):
        pairs = zip(b.details, g.details, strict=True)
        added.append(Bands(b.low, [tuple(x + factor * y for x, y in zip(d, e, strict=True)) for d, e in pairs]))
    return added


def read_guide(payload: bytes) -> tuple[Guide, bytes]:
    """Read what `Guide.to_bytes` wrote; returns it and the bytes behind it.

    Raises:
        StreamError: the bytes are cut, or no guide.
    """
    if not payload:
        raise StreamError("the residual is cut")
    groups, position = {}, 1
    for number, group in enumerate(GROUPS):
        if payload[0] >> number & 1:
            part = payload[position : position + GROUP_BYTES]
            if len(part) < GROUP_BYTES or part[0] > _LARGEST_REACH:
                raise StreamError("the guide's bytes make no sense")
            groups[group] = part[0], np.frombuffer(part[1:], np.int8).astype(np.int64)
            position += GROUP_BYTES
    return Guide(groups), payload[position:]


def fit_guide(parts: Sequence[Pair], exchange: float, size: float) -> Guide:
    """Fit what the residual's bands have of the prediction's.

    Args:
        parts: of tiles, the residual's and the prediction's bands.
        exchange: squared error, in units of 16 bits, that a bit has to save.
        size: of the quantiser's step, in the same units. A coefficient of many steps is coded anyway, and its cost
            grows with its logarithm: it counts for less, or the edges of clipped places would decide for all.
    """
    groups = {}
    for level, colour in GROUPS:
        pairs = list(_pairs(parts, level, colour))
        count = sum(y.size for y, *_ in pairs)
        if not count:
            continue
        spread = np.sqrt(sum(float((_weights(y, size) * y**2).sum(dtype=np.float64)) for y, *_ in pairs) / count)
        reach = int(np.clip(np.rint(2 * np.log2(2 * spread + 1)), 0, _LARGEST_REACH))
        gram, cross = _equations(parts, level, colour, 2.0 ** (reach / 2), size)
        ridge = 1e-6 * np.trace(gram) / TERMS * np.eye(TERMS) + 1e-9 * np.eye(TERMS)
        terms = np.clip(np.rint(np.linalg.solve(gram + ridge, cross) / UNIT), -127, 127)
        saved = 2 * (terms * UNIT) @ cross - (terms * UNIT) @ gram @ (terms * UNIT)
        if saved > exchange * 8 * GROUP_BYTES:
            groups[level, colour] = reach, terms.astype(np.int64)
    return Guide(groups)


def _pairs(parts: Iterable[Pair], level: int, colour: int) -> Iterator[tuple[np.ndarray, int, int, Sequence[Bands]]]:
    for bands, texture in parts:
        number = len(bands[0].details) - 1 - level
        if number >= 0:
            for orientation in range(3):
                yield bands[colour].details[number][orientation], number, orientation, texture


def _weights(wanted: np.ndarray, size: float) -> np.ndarray:
    return 1 / (1 + (wanted / np.float32(_STEPS * size)) ** 2)


def _equations(
    parts: Iterable[Pair], level: int, colour: int, reach: float, size: float
) -> tuple[np.ndarray, np.ndarray]:
    gram, cross = np.zeros((TERMS, TERMS)), np.zeros(TERMS)
    for wanted, number, orientation, texture in _pairs(parts, level, colour):
        views = np.stack([v.ravel() for v in _views(texture, number, colour, orientation, reach)]).astype(np.float64)
        weighted = views * _weights(wanted, size).ravel()
        gram += weighted @ views.T
        cross += weighted @ wanted.ravel().astype(np.float64)
    return gram, cross
