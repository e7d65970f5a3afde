"""Codes all bands of an image's colours, coarse to fine, with one model that goes on learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rawbench_hybrid import range_coding
from rawbench_hybrid.band_coding import code_band, code_flag
from rawbench_hybrid.contexts import FLAG_START, LOW_KIND, RIM
from rawbench_hybrid.features import Features
from rawbench_hybrid.model import Model
from rawbench_hybrid.wavelet import Bands

COSTS = np.append(-np.log2((np.arange(4096) + 0.5) / 4096), 1e-4)  # bits, by chances of 4096
ORDER = (1, 0, 2)  # of a level's bands: high along rows of pixels first, then along columns (turned), then both
_NOTHING = np.zeros((0, 0), np.int32)
_UNREAL = np.zeros((0, 0), np.float32)
_SMALLEST = 1.1  # in steps: a band without larger ones is nothing but zeros, as an encoder that counts bits sees it
_LARGEST_BAND_BYTES = 8  # of a coefficient in the worst case


@dataclass(frozen=True)
class Choice:
    """How an encoder quantises.

    Attributes:
        price: of a bit, in squared steps.
        shrink: by how much less than at the middle magnitudes above 1 are rounded up.
    """

    price: float = 0.12
    shrink: float = 0.05


class BandCoder:
    """A stream of bits and the model that it is coded with.

    Args:
        model: learns.
        mode: of `range_coding`.
        payload: to read.
    """

    def __init__(self, model: Model, mode: int, payload: bytes = b"") -> None:
        self.model, self.mode = model, mode
        self._state = range_coding.new_state()
        self._bits = np.zeros(1)
        self._buffer = np.frombuffer(payload, np.uint8).copy() if payload else np.zeros(1, np.uint8)
        if mode == range_coding.READ:
            range_coding.start_reading(self._state, self._buffer)

    @property
    def bits(self) -> float:
        """What has been coded so far, by the probabilities."""
        return float(self._bits[0])

    @property
    def read_bytes(self) -> int:
        """How many bytes a reader has asked for; it looks four ahead."""
        return int(self._state[range_coding.POSITION])

    def flag(self, flag: int, kind: int, parent: bool) -> int:
        """Code whether a band holds anything, given whether its parent does."""
        self._make_room(1)
        coder = self._state, self._buffer, self.mode, COSTS, self._bits
        return int(code_flag(coder, self.model.arguments, flag, FLAG_START + 2 * kind + parent))

    def band(self, real: np.ndarray, q: np.ndarray, known: tuple, kind: int, choice: Choice) -> None:
        """Code a band; see `band_coding.code_band`."""
        self._make_room(q.size)
        coder = self._state, self._buffer, self.mode, COSTS, self._bits
        code_band(coder, self.model.arguments, real, q, known, kind, (choice.price, choice.shrink))

    def finish(self) -> bytes:
        """What was written, without zero bytes at the end."""
        self._make_room(1)
        range_coding.finish_writing(self._state, self._buffer)
        return self._buffer[: self._state[range_coding.POSITION]].tobytes().rstrip(b"\0")

    def _make_room(self, coefficients: int) -> None:
        need = int(self._state[range_coding.POSITION]) + _LARGEST_BAND_BYTES * coefficients + 64
        if self.mode == range_coding.WRITE and len(self._buffer) < need:
            self._buffer = np.concatenate([self._buffer, np.zeros(need, np.uint8)])


def code_bands(
    coder: BandCoder,
    features: Features,
    step: int,
    real: Sequence[Bands] = (),
    given: Sequence[Bands] = (),
    choice: Choice | None = None,
) -> list[Bands]:
    """Code the bands of three colours: read them, or write what is ``real`` or ``given``.

    Args:
        coder: with its model.
        features: of the sRGB, of the same shapes.
        step: the quantiser's, in sixteenths of a unit of 16 bits.
        real: float32, in steps, to quantise.
        given: int32, with nothing to decide.
        choice: how to quantise.

    Returns:
        int32, three.
    """
    choice = choice or Choice()
    lows: list[np.ndarray] = []
    shape = features.texture[0].low.shape
    for colour in range(3):
        source = [b.low for b in (real or given)][colour : colour + 1]
        known = (_NOTHING, _pair(lows), _pair([]), rimmed(np.zeros(shape, np.int32)), features.light[0])
        lows.append(_code(coder, source, shape, known, step, LOW_KIND + colour, choice))
    count = len(features.texture[0].details)
    coded: list[list[list[np.ndarray]]] = [[] for _ in range(3)]
    for number in range(count):
        level = _code_level(coder, features, number, [c[-1:] for c in coded], (step, choice), real or given)
        for colour in range(3):
            coded[colour].append(level[colour])
    return [
        Bands(_cut(low), [tuple(_cut(band) for band in bands) for bands in levels])
        for low, levels in zip(lows, coded, strict=True)
    ]


def _code_level(coder, features: Features, number: int, parents, settings, source) -> list[list[np.ndarray]]:
    """Code the three bands of one level in all colours: int32 planes with rims, by colour and orientation."""
    step, choice = settings
    level_class = min(len(features.texture[0].details) - number, 4) - 1
    done: list[dict[int, np.ndarray]] = [{}, {}, {}]
    for orientation in ORDER:
        turn = _turned if orientation == 0 else np.ascontiguousarray
        shape = features.texture[0].details[number][orientation].shape
        for colour in range(3):
            parent = turn(parents[colour][0][orientation]) if parents[colour] else _NOTHING
            others = [turn(done[c][orientation]) for c in range(colour)]
            siblings = [turn(_fitted(plane, shape)) for plane in done[colour].values()]
            texture = turn(rimmed(features.texture[colour].details[number][orientation]))
            light = turn(features.light[1 + number][: shape[0], : shape[1]])
            known = (parent, _pair(others), _pair(siblings), texture, light)
            kind = (level_class * 3 + colour) * 2 + (orientation == 2)
            here = [turn(b.details[number][orientation]) for b in source[colour : colour + 1]]
            done[colour][orientation] = turn(_code(coder, here, light.shape, known, step, kind, choice))
    return [[bands[orientation] for orientation in range(3)] for bands in done]


def _code(coder: BandCoder, source, shape, known, step: int, kind: int, choice: Choice) -> np.ndarray:
    """Code one band of one colour: an int32 plane with a rim."""
    q = np.zeros((shape[0] + 2 * RIM, shape[1] + 2 * RIM), np.int32)
    if not shape[0] or not shape[1]:
        return q
    real = _UNREAL
    if source and source[0].dtype == np.float32:
        real = np.ascontiguousarray(source[0])
    elif source:
        q[RIM:-RIM, RIM:-RIM] = source[0]
    empty = bool(source) and not (real.size and float(np.abs(real).max()) >= _SMALLEST) and not q.any()
    if not coder.flag(0 if empty else 1, kind, bool(known[0].any())):
        return q
    scale = max(1, (32 << 12) // step)
    step_class = min(max(step.bit_length() - 4, 0), 15)
    coder.band(real, q, (*known, scale, step_class), kind, choice)
    return q


def rimmed(plane: np.ndarray) -> np.ndarray:
    """A plane in a rim of zeros, int32."""
    return np.pad(plane.astype(np.int32, copy=False), RIM)


def _cut(plane: np.ndarray) -> np.ndarray:
    return plane[RIM:-RIM, RIM:-RIM]


def _turned(plane: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(plane.T)


def _pair(planes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    first, second = (*planes, _NOTHING, _NOTHING)[:2]
    return first, second


def _fitted(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A band with a rim, cut or filled with zeros to the shape of another band of its level."""
    inner = plane[RIM:-RIM, RIM:-RIM]
    if inner.shape == shape:
        return plane
    out = np.zeros((shape[0] + 2 * RIM, shape[1] + 2 * RIM), np.int32)
    height, width = min(shape[0], inner.shape[0]), min(shape[1], inner.shape[1])
    out[RIM : RIM + height, RIM : RIM + width] = inner[:height, :width]
    return out
