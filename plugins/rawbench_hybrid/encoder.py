"""From raw and sRGB to bytes: the polynomial by what its bits buy, then the residual at one step of the quantiser."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import Tensor

import rawbench
from rawbench.blocks.colour_axes import principal_rotation, rotation_matrix
from rawbench.blocks.polynomial_coding import Quantised
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench.varint import write_varint
from rawbench_hybrid import quantiser, range_coding, tiles
from rawbench_hybrid.bands import BandCoder, Choice, code_bands
from rawbench_hybrid.decoder import EXACT_MARK, EXACT_STEP, MARK, pack_bias
from rawbench_hybrid.guide import Guide, fit_guide, plus
from rawbench_hybrid.model import ADAPTATION, LEARNING, Model, crippled
from rawbench_hybrid.search import bracket, find_step, reach
from rawbench_hybrid.wavelet import Bands

DEGREE = 5
BASE_PRICE = 20000.0  # decibels that a bit per pixel of the polynomial has to buy where it is all there is
EXACT_PRICE = 4.0
_LEAST_PRICE, _MIDDLE_PRICE, _MOST_PRICE = 4.0, 12.0, 2000.0
_FEW_PIXELS = 1 << 17  # below, a bit is priced as if the image had as many
_TRIAL_PIXELS, _TRIAL_DEGREE = 1 << 13, 4  # of what tells about how much a polynomial leaves
_ROTATION_PIXELS = 1 << 18
_FIXED_HEADER = 8  # of the file's own bytes, beside those that its sides take
_BUDGETS, _BUDGET_PRICES = (0.003, 0.01, 0.03, 0.1, 0.36, 0.8, 1.85, 4.0), (200, 50, 25, 12, 8, 6, 5, 4)
_SAMPLED_PIXELS = 1 << 19
_ABOUT = 12  # indices of steps
_SAMPLE_SIDE, _SAMPLE_COUNT = 224, 9
_FULL_TRIALS = 4
_AIM_OF_MANY = 0.985
_ENOUGH_OF_MANY = 0.96  # of the room, of an image that takes long


@dataclass(frozen=True)
class Prepared:
    """A tile, and the bands of its residual and of its prediction on the colour axes, float32."""

    tile: tiles.Tile
    bands: list[Bands]
    texture: list[Bands]


@dataclass(frozen=True)
class Coded:
    """A residual's bytes, and their price less the squared error that they save, in steps: below 0 they pay."""

    cost: float
    body: bytes


class Encoder:
    """One image to encode.

    Args:
        model: what the coder starts from; not changed.
        context: for stages, progress and records.
        raw: float32 (3, H, W).
        srgb: uint8 or uint16 (3, H, W).
        without: parts to leave out, for ablations: ``guide`` (the sRGB's texture is not believed), ``weighing`` (of
            magnitudes, by what their bits cost), ``adaptation`` (in the image), ``learning`` (before it).
    """

    def __init__(
        self,
        model: Model,
        context: rawbench.Context,
        raw: Tensor,
        srgb: Tensor,
        without: Collection[str] = (),
    ) -> None:
        self.context, self.raw, self.srgb, self.without = context, raw, srgb, without
        crippled_by = ADAPTATION * ("adaptation" in without) | LEARNING * ("learning" in without)
        self.model, self.mark = crippled(model, crippled_by), bytes([MARK + crippled_by])
        self.pixels = srgb[0].numel()
        self.header = _FIXED_HEADER + sum(len(write_varint(side)) for side in srgb.shape[1:])

    def lossy(self, index: int | None) -> bytes:
        """Encode at a step of the quantiser; None: the polynomial alone."""
        if index is None:
            return self._fit(BASE_PRICE).to_bytes()
        fitted = self._fit(self._price_at(quantiser.step_of(index)))
        rotation = self._rotation(fitted)
        samples, ratio = self._samples(fitted, rotation_matrix(rotation))
        guide, whole = self._guide(samples, ratio, index, rotation)
        if ratio != 1:
            prepared = self._prepare(fitted, rotation_matrix(rotation))
            whole = self._body(prepared, index, rotation, guide)
        return fitted.to_bytes() + (whole.body if whole.cost < 0 else b"")

    def exact(self) -> bytes:
        """Encode without loss on the 16-bit grid."""
        fitted = self._fit(EXACT_PRICE)
        return fitted.to_bytes() + self._exact_body(fitted)

    def _exact_body(self, fitted: Quantised) -> bytes:
        polynomial = fitted.polynomial()
        change = self._best_change(polynomial)
        coder = BandCoder(self.model.copy(), range_coding.WRITE)
        count = len(tiles.windows(*self.srgb.shape[1:]))
        for number, tile in enumerate(tiles.see_tiles(polynomial, self.srgb, tiles.exact_axes(change))):
            self.context.part(0.2, 1.0)(number, count)
            with self.context.stage("analysis"):
                error = tiles.raw16(self.raw[(slice(None), *tile.window)]) - tile.prediction
                given = tiles.analyse_exactly(error, change)
            with self.context.stage("entropy"):
                code_bands(coder, tile.features, EXACT_STEP, given=given)
        return self.mark + bytes([EXACT_MARK, change]) + coder.finish()

    def within(self, most: int) -> bytes:
        """Encode as well as a file of so many bytes can hold.

        The polynomial's share follows from the step that is found with a first guess of it.

        Raises:
            SampleError: not even the polynomial fits.
        """
        room = most - self.header
        usual = float(np.interp(math.log(8 * room / self.pixels), np.log(_BUDGETS), _BUDGET_PRICES))
        fitted = self._fit_within(room, usual)
        if room - len(fitted.to_bytes()) > self.pixels:
            exact = fitted.to_bytes() + self._exact_body(fitted)
            if len(exact) <= room:
                return exact
        index = self._step_about(fitted, room)
        fitted = self._fit_within(room, self._price_at(quantiser.step_of(index)))
        return fitted.to_bytes() + self._fill(fitted, room, index)

    def _step_about(self, fitted: Quantised, room: int) -> int:
        """About the index of the step at which the residual fills what a polynomial leaves of some bytes."""
        axes = self._rotation(fitted)
        samples, ratio = self._samples(fitted, rotation_matrix(axes))
        left = (room - len(fitted.to_bytes())) / ratio
        fits, _ = bracket(
            lambda index: len(self._body(samples, index, axes, Guide()).body), left, quantiser.STEPS // 2, _ABOUT
        )
        return min(fits, quantiser.STEPS - 1)

    def _fill(self, fitted: Quantised, room: int, index: int) -> bytes:
        """The residual, for what a polynomial leaves of some bytes.

        ``index`` is tried first, on samples of a large image; the whole of it is coded few times.
        """
        axes, left, best = self._rotation(fitted), room - len(fitted.to_bytes()), b""
        samples, ratio = self._samples(fitted, rotation_matrix(axes))

        @cache
        def guide(index: int) -> Guide:
            return self._guide(samples, ratio, index, axes)[0]

        @cache
        def body(index: int, price: float) -> bytes:
            known = guide(index) if ratio == 1 else guide(first)  # of samples, what is believed changes little
            return self._body(samples, index, axes, known, price).body

        first, aimed, known = index, left / ratio, []
        for _ in range(1 if ratio == 1 else _FULL_TRIALS):
            index, price = find_step(lambda i, p: len(body(i, p)), aimed, index)
            whole = body(index, price)
            if ratio != 1:
                prepared = self._prepare(fitted, rotation_matrix(axes))
                whole = self._body(prepared, index, axes, guide(index), price).body
            if len(best) < len(whole) <= left:
                best = whole
            if _ENOUGH_OF_MANY * left <= len(best):
                break
            known.append((math.log(len(body(index, price))), math.log(len(whole))))
            aimed = math.exp(reach(known, math.log(max(_AIM_OF_MANY * left, 1.0))))
        return best

    def _fit_within(self, room: int, price: float) -> Quantised:
        """The polynomial at a price, or a higher one, at which it takes at most so many bytes."""
        for _ in range(8):
            fitted = self._fit(price)
            if len(fitted.to_bytes()) <= room:
                return fitted
            price *= 4
        raise rawbench.SampleError(f"{room + self.header} bytes do not hold this image's polynomial")

    def _samples(self, fitted: Quantised, axes: np.ndarray) -> tuple[list[Prepared], float]:
        """Tiles to try steps on, and how many times as many pixels the image has: all of a small one."""
        if self.pixels <= _SAMPLED_PIXELS:
            return list(self._prepare(fitted, axes)), 1
        height, width = self.srgb.shape[1:]
        side, samples = _SAMPLE_SIDE, []
        for number in range(_SAMPLE_COUNT):
            top = (height - side) * (2 * (number // 3) + 1) // 6 if height > side else 0
            left = (width - side) * (2 * (number % 3) + 1) // 6 if width > side else 0
            part = (slice(None), slice(top, top + side), slice(left, left + side))
            crop = Encoder(self.model, self.context, self.raw[part], self.srgb[part], self.without)
            samples += list(crop._prepare(fitted, axes))
        return samples, self.pixels / sum(s.tile.prediction[..., 0].size for s in samples)

    def _fit(self, price: float) -> Quantised:
        """Fit the polynomial; ``price`` in decibels that a bit per pixel has to buy."""
        with self.context.stage("analysis"):
            bit = price / max(self.pixels, _FEW_PIXELS)
            return fit_polynomial(self.srgb, self.raw, DEGREE, bit, advance=self.context.part(0.0, 0.2))

    def _price_at(self, step: int) -> float:
        """What a bit per pixel is worth at a step, in decibels of what the polynomial leaves."""
        stride = max(1, self.pixels // _TRIAL_PIXELS)
        codes, target = self.srgb.reshape(3, -1)[:, ::stride], self.raw.reshape(3, -1)[:, ::stride]
        with self.context.stage("analysis"):
            fitted = fit_polynomial(codes, target, _TRIAL_DEGREE, _MIDDLE_PRICE / max(self.pixels, _FEW_PIXELS))
            left = fitted.polynomial().predict(codes.T).T.clamp(0.0, 1.0) - target.double()
        error = float((left * left).mean()) * tiles.PEAK**2 + 1.0
        price = Choice().price * (step / 16) ** 2 / (3 * error)
        return float(np.clip(10 / math.log(10) * price, _LEAST_PRICE, _MOST_PRICE))

    def _guide(self, samples: list[Prepared], ratio: float, index: int, rotation: bytes) -> tuple[Guide, Coded]:
        """What to believe of the sRGB's texture at a step, by samples of the image; and the samples coded so.

        Where large errors are few and elsewhere, a fit can cost more than it saves: none at all is tried beside it.
        """
        if "guide" in self.without:
            return Guide(), self._body(samples, index, rotation, Guide())
        size = quantiser.step_of(index) / 16
        with self.context.stage("analysis"):
            fitted = fit_guide([(s.bands, s.texture) for s in samples], Choice().price * size**2 / ratio, size)
        guides = (Guide(), fitted) if fitted.groups else (Guide(),)
        trials = [(guide, self._body(samples, index, rotation, guide)) for guide in guides]
        return min(trials, key=lambda trial: trial[1].cost)

    def _body(
        self, prepared: Iterable[Prepared], index: int, rotation: bytes, guide: Guide, price: float = Choice().price
    ) -> Coded:
        """The residual's bytes, and what they cost."""
        step, sums, saved = quantiser.step_of(index), np.zeros((2, 2)), 0.0
        coder = BandCoder(self.model.copy(), range_coding.WRITE)
        choice = Choice(price) if "weighing" not in self.without else Choice(0.0, 0.0)
        # Samples are at hand: there is little to make ahead.
        count = 1 if isinstance(prepared, list) else len(tiles.windows(*self.srgb.shape[1:]))
        for part, real in tiles.ahead(self._in_steps(prepared, step, guide), count):
            with self.context.stage("entropy"):
                coded = code_bands(coder, part.tile.features, step, real=real, choice=choice)
            sums += quantiser.bias_sums(real, coded)
            saved += sum(map(_energy, part.bands)) / (step / 16) ** 2 - _squared_error(real, coded)
        head = self.mark + bytes([index]) + rotation + bytes([pack_bias(quantiser.best_bias(sums))]) + guide.to_bytes()
        body = head + coder.finish()
        return Coded(price * 8 * len(body) - saved, body)

    def _in_steps(
        self, prepared: Iterable[Prepared], step: int, guide: Guide
    ) -> Iterator[tuple[Prepared, list[Bands]]]:
        """Yield the tiles with what there is to code of each, float32, in steps."""
        for part in prepared:
            with self.context.stage("analysis"):
                left = plus(part.bands, guide.guess(part.texture), -1) if guide.groups else part.bands
                real = [quantiser.in_steps(bands, step) for bands in left]
            yield part, real

    def _rotation(self, fitted: Quantised) -> bytes:
        """The rotation of the colour axes, three bytes, from some of the pixels."""
        stride = max(1, self.pixels // _ROTATION_PIXELS)
        rows = slice(None, None, stride)
        with self.context.stage("analysis"):
            error = tiles.raw16(self.raw[:, rows]) - tiles.predict(fitted.polynomial(), self.srgb[:, rows])
            return principal_rotation(error)

    def _prepare(self, fitted: Quantised, axes: np.ndarray) -> Iterator[Prepared]:
        """Yield the tiles with what there is to code."""
        count, advance = len(tiles.windows(*self.srgb.shape[1:])), self.context.part(0.2, 1.0)
        for number, tile in enumerate(tiles.see_tiles(fitted.polynomial(), self.srgb, axes)):
            advance(number, count)
            with self.context.stage("analysis"):
                error = tiles.raw16(self.raw[(slice(None), *tile.window)]) - tile.prediction
                yield Prepared(tile, tiles.analyse(error, axes), tiles.analyse(tile.prediction, axes))

    def _best_change(self, polynomial) -> int:
        """The change of colours after which neighbours differ least."""
        stride = max(1, self.pixels // _ROTATION_PIXELS)
        error = tiles.raw16(self.raw[:, ::stride]) - tiles.predict(polynomial, self.srgb[:, ::stride])
        return min(range(3), key=lambda change: _spread(error, change))


def _planes(bands: Bands) -> Iterator[np.ndarray]:
    yield bands.low
    for three in bands.details:
        yield from three


def _energy(bands: Bands) -> float:
    """The sum of squares of all bands."""
    return sum(float((plane**2).sum(dtype=np.float64)) for plane in _planes(bands))


def _squared_error(real: list[Bands], coded: list[Bands]) -> float:
    """The sum of squared differences, in steps."""
    pairs = (pair for r, c in zip(real, coded, strict=True) for pair in zip(_planes(r), _planes(c), strict=True))
    return sum(float(((x - q) ** 2).sum(dtype=np.float64)) for x, q in pairs)


def _spread(error: np.ndarray, change: int) -> float:
    """About how many bits a reversible change of colours leaves, but for a constant: of the finest bands."""
    total = 0.0
    for bands in tiles.analyse_exactly(error, change):
        for band in (bands.details or [(bands.low,)])[-1]:
            total += band.size * math.log2(float(np.abs(band).mean(dtype=np.float64)) + 0.5) if band.size else 0.0
    return total
