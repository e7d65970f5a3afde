"""From images to bytes and back, with one weights file: what the codecs are a shell around.

Stream: the first two bytes of the weights' digest, then one range coder stream: the base's coefficients, the gain, the
strength of what the networks add, and z step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rawbench.errors import SampleError, StreamError
from rawbench_learned import rate, strength
from rawbench_learned.adaptation import Adaptation, shifted_costs
from rawbench_learned.architecture import LATENTS
from rawbench_learned.base import Coefficients, apply_base, error, fitted_coefficients, moments
from rawbench_learned.coder import DIGEST_BYTES, Coded, StreamCoder
from rawbench_learned.coefficient_tables import CoefficientCoding
from rawbench_learned.context import KnownLatents
from rawbench_learned.economy import ERROR_WEIGHT, LARGEST_SYMBOL, bits_worth, economical
from rawbench_learned.features import CELL, cells, exact_features, padded, pixels, tiles
from rawbench_learned.networks import GAINS, coarse_coefficients, gain_index, gain_of
from rawbench_learned.order import partition
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Part, Stage, untimed, unwatched_part
from rawbench_learned.tables import symbol_costs
from rawbench_learned.weights import Weights

ANALYSIS_TILE = 1024
"""Side of the encoder's tiles. Fixed: its networks are floating-point, and another side could be another stream."""
CHUNK = 1 << 14
"""Latent pixels that go through the entropy parameter networks at once."""
FITTED_PIXELS = 1 << 18
"""About how many pixels of an image the base is fitted to."""

Exchange = Callable[[Tensor, Tensor, np.ndarray], Tensor]
"""Positions (N,), means (N, 48), predicted tables uint8 (N, 48) -> symbols float32 (N, 48): writes or reads them."""


@dataclass
class Latents:
    """What the analysis found, before quantisation.

    Attributes:
        coefficients: of the base.
        gain: index of the image's gain.
        strength: index in `strength.STRENGTHS`.
        z: float32 (48, H/4, W/4).
    """

    coefficients: Coefficients
    gain: int
    strength: int
    z: Tensor


@dataclass
class CodedImage(Coded):
    """With what the base needs.

    Attributes:
        coefficients: of the base.
        gain: index of the image's gain.
        strength: index in `strength.STRENGTHS`.
    """

    coefficients: Coefficients = field(kw_only=True)
    gain: int = field(kw_only=True)
    strength: int = field(kw_only=True)


class Coder(StreamCoder):
    """Encode and decode with one set of weights.

    Args:
        weights: loaded.
        tile: side in pixels of the decoder's tiles, a multiple of 16; changes memory, never a result's bits on the
            exact side.
    """

    def __init__(self, weights: Weights, tile: int = ANALYSIS_TILE) -> None:
        self.weights = weights
        self.tag = bytes.fromhex(weights.digest)[:DIGEST_BYTES]
        self.tile = tile
        self.device = weights.networks.offset.device
        self.coefficients = CoefficientCoding(
            weights.coefficient_shifts, weights.coefficient_tables, weights.latent_tables
        )
        self.directions = weights.networks.directions.double().cpu().numpy()
        self.offset = weights.networks.offset.double().cpu().numpy()
        self._costs = shifted_costs(weights.latent_tables)

    def adaptation(self) -> Adaptation:
        """Return an adaptation that has seen nothing."""
        return Adaptation(self._costs)

    def of(self, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part) -> ImageCoder:
        """See `StreamCoder.of`."""
        return ImageCoder(self, srgb, quality, stage, part)

    def groups(self, order: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield each context step and the positions (N,) of its latent pixels, none of them empty."""
        flat = order.flatten()
        for step in range(self.weights.networks.config.steps):
            positions = (flat == step).nonzero()[:, 0]
            if len(positions):
                yield step, positions


class ImageCoder:
    """Encode or decode one image at one quality.

    Args:
        coder: with the weights.
        srgb: uint8 (3, H, W).
        quality: byte.
        stage: marks the stages' time.
        part: is told how far the work is.

    Raises:
        SampleError: an image that no stream holds.
    """

    def __init__(self, coder: Coder, srgb: Tensor, quality: int, stage: Stage, part: Part) -> None:
        check_size(srgb)
        self._coder, self._weights, self._networks = coder, coder.weights, coder.weights.networks
        self._size = srgb.shape[-2:]
        self._plain, self._srgb = srgb, padded(srgb.unsqueeze(0))
        self._quality, self._stage, self._part = quality, stage, part
        self._hats = rate.hats(torch.tensor([quality], device=coder.device))
        self._z_steps = self._tensor(coder.weights.z_steps[quality] * rate.STEP_UNIT)

    def analyse(self, raw: Tensor) -> Latents:
        """Return the latents of raw, float32 (3, H, W), computed in fixed tiles."""
        advance = self._part(0, 0.5)
        with self._stage("analysis"):
            coefficients, gain = self._fit(raw)
            raw = padded(raw.unsqueeze(0))
            index = self._choose_strength(raw, coefficients, gain)
            share = self._share(index)
            height, width = raw.shape[-2:]
            z = torch.empty(LATENTS, height // CELL, width // CELL, device=raw.device)
            for tile in tiles(height, width, ANALYSIS_TILE):
                advance(tile.inner[0], height)
                base, features, guess = self._guide(self._srgb[tile.window()], coefficients)
                residual = cells(raw[tile.window()] - base) * self._gain(gain)
                z_tile = self._networks.analysis(residual, share * guess, features, self._hats, share)
                z[tile.place(CELL)] = z_tile[0][tile.inside(CELL)]
            return Latents(coefficients, gain, index, z)

    def write(self, latents: Latents, encoder: SymbolEncoder, bits_map: bool = False) -> CodedImage:
        """Quantise and write latents; return what a decoder of it will know."""
        with self._stage("entropy"):
            self._coder.coefficients.write(latents.coefficients, encoder)
            encoder.write_uniform(np.array([latents.gain]), GAINS)
            encoder.write_uniform(np.array([latents.strength]), len(strength.STRENGTHS))
        phi, order = self.prior(latents.coefficients)
        bits = np.zeros(order.numel()) if bits_map else None
        z_hat = self._iterate(phi, order, self._writer(latents.z, encoder, bits), self._part(0.5, 1))
        found = None if bits is None else torch.from_numpy(bits).view(order.shape)
        fitted, gain, index = latents.coefficients, latents.gain, latents.strength
        return CodedImage(z_hat, order, found, coefficients=fitted, gain=gain, strength=index)

    def read(self, symbols: bytes) -> CodedImage:
        """Return what a stream says, behind its tag.

        Raises:
            StreamError: it is no stream.
        """
        with self._stage("entropy"):
            decoder = SymbolDecoder(symbols)
            coefficients = self._coder.coefficients.read(decoder)
            check_symbols(coefficients.integers)
            gain = int(decoder.read_uniform(1, GAINS)[0])
            index = int(decoder.read_uniform(1, len(strength.STRENGTHS))[0])
        phi, order = self.prior(coefficients)
        z_hat = self._iterate(phi, order, self._reader(decoder), self._part(0, 0.5))
        return CodedImage(z_hat, order, coefficients=coefficients, gain=gain, strength=index)

    def prior(self, coefficients: Coefficients) -> tuple[Tensor, Tensor]:
        """Return phi as rows (H/4 * W/4, phi) and the order of the latent pixels (H/4, W/4). Exact, so in any tiles."""
        networks, device = self._networks, self._coder.device
        with self._stage("synthesis"):
            coarse = coarse_coefficients(self._tensor(coefficients.values)[None], networks.coefficient_scales)
            height, width = self._srgb.shape[-2:]
            phi = torch.empty(height // CELL, width // CELL, networks.config.phi, device=device)
            order = torch.empty(height // CELL, width // CELL, dtype=torch.long, device=device)
            for tile in tiles(height, width, self._coder.tile):
                phi_tile = networks.prior(coarse, self._hats, exact_features(self._srgb[tile.window()]))
                masks = partition(networks.order(phi_tile), training=False)
                phi[tile.place(CELL)[1:]] = phi_tile[0][tile.inside(CELL)].permute(1, 2, 0)
                order[tile.place(CELL)] = masks[0].argmax(0)[tile.inside(CELL)]
            return phi.flatten(0, 1), order

    def synthesise(self, coded: CodedImage) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""
        advance, (height, width) = self._part(0.5, 1), self._srgb.shape[-2:]
        share = self._share(coded.strength)
        with self._stage("synthesis"):
            raw = torch.empty(3, height, width, device=self._coder.device)
            for tile in tiles(height, width, self._coder.tile):
                advance(tile.inner[0], height)
                base, features, guess = self._guide(self._srgb[tile.window()], coded.coefficients)
                z_hat = coded.z_hat.unsqueeze(0)[tile.window(CELL)]
                decoded = self._networks.synthesis(z_hat, share * guess, features, self._hats, share)
                result = base + pixels(decoded) / self._gain(coded.gain)
                raw[tile.place()] = result[0][tile.inside()].clamp(0, 1)
            return raw[:, : self._size[0], : self._size[1]].contiguous()

    def _fit(self, raw: Tensor) -> tuple[Coefficients, int]:
        directions, offset = self._coder.directions, self._coder.offset
        image = moments(raw, self._plain, max(1, math.isqrt(raw[0].numel() // FITTED_PIXELS)))
        coefficients = fitted_coefficients(image, directions, offset, raw[0].numel())
        left = error(image, offset + directions @ coefficients.values)
        return coefficients, int(gain_index(torch.tensor(left)))

    def _choose_strength(self, raw: Tensor, coefficients: Coefficients, gain: int) -> int:
        seen = []
        for rows, columns in strength.windows(*raw.shape[-2:]):
            base, features, guess = self._guide(self._srgb[..., rows, columns], coefficients)
            residual = cells(raw[..., rows, columns] - base) * self._gain(gain)
            seen.append(strength.Seen(residual, features, guess))
        worth = bits_worth(self._quality) / ERROR_WEIGHT
        return strength.choose(self._networks, seen, self._hats, self._z_steps, worth)

    def _guide(self, srgb: Tensor, coefficients: Coefficients) -> tuple[Tensor, Tensor, Tensor]:
        values = self._tensor(coefficients.values)[None]
        base = apply_base(srgb, values, self._networks.directions, self._networks.offset)
        return base, *self._networks.guide(srgb, base)

    def _iterate(self, phi: Tensor, order: Tensor, exchange: Exchange, advance: Callable[[int, int], None]) -> Tensor:
        # Only the pixels of a step are computed in it: context and parameters work on gathered rows.
        height, width = order.shape
        known = KnownLatents(self._networks.context, height, width, order.device)
        z_hat = torch.empty(height * width, LATENTS, device=order.device)
        done = 0
        for step, group in self._coder.groups(order):
            advance(done, len(z_hat))
            done += len(group)
            news = []
            for positions in group.split(CHUNK):
                with self._stage("synthesis"):
                    means, numbers = self._parameters(phi[positions], *known.context(positions, step))
                with self._stage("entropy"):
                    symbols = exchange(positions, means, numbers)
                with self._stage("synthesis"):
                    z_hat[positions] = symbols * self._z_steps + means
                    news.append(known.embedded(z_hat[positions]))
            with self._stage("synthesis"):
                for positions, new in zip(group.split(CHUNK), news, strict=True):
                    known.add(positions, *new)
        return z_hat.T.reshape(LATENTS, height, width)

    def _parameters(self, phi: Tensor, context: Tensor, average: Tensor) -> tuple[Tensor, np.ndarray]:
        means, indices = self._networks.parameters_of(phi, context, average)
        offsets = self._tensor(self._weights.z_offsets[self._quality])
        numbers = torch.floor(indices + offsets + 0.5).clamp_(0, rate.SCALES - 1)
        return means, numbers.to(torch.uint8).cpu().numpy()

    def _writer(self, z: Tensor, encoder: SymbolEncoder, bits: np.ndarray | None) -> Exchange:
        rows, tables = z.flatten(1).T.contiguous(), self._weights.latent_tables
        worth = bits_worth(self._quality) * (self._weights.z_steps[self._quality] * rate.STEP_UNIT) ** 2
        adaptation = self._coder.adaptation()

        def write(positions: Tensor, means: Tensor, numbers: np.ndarray) -> Tensor:
            ratios = ((rows[positions] - means) / self._z_steps).cpu().numpy()
            symbols = np.empty(numbers.shape, np.int64)
            for part in adaptation.parts(len(numbers)):
                adapted = adaptation.tables_of(numbers[part])
                symbols[part] = economical(ratios[part], adapted, worth, tables)
                encoder.write(symbols[part].reshape(-1), adapted.reshape(-1), tables)
                adaptation.observe(symbols[part], numbers[part])
                if bits is not None:
                    cost = symbol_costs(symbols[part].reshape(-1), adapted.reshape(-1), tables)
                    bits[positions[part].cpu().numpy()] = cost.reshape(adapted.shape).sum(1)
            return self._tensor(symbols)

        return write

    def _reader(self, decoder: SymbolDecoder) -> Exchange:
        tables, adaptation = self._weights.latent_tables, self._coder.adaptation()

        def read(positions: Tensor, means: Tensor, numbers: np.ndarray) -> Tensor:
            symbols = np.empty(numbers.shape, np.int64)
            for part in adaptation.parts(len(numbers)):
                adapted = adaptation.tables_of(numbers[part])
                symbols[part] = decoder.read(adapted.reshape(-1), tables).reshape(adapted.shape)
                check_symbols(symbols[part])
                adaptation.observe(symbols[part], numbers[part])
            return self._tensor(symbols)

        return read

    def _gain(self, index: int) -> Tensor:
        return gain_of(torch.tensor(float(index), device=self._coder.device))

    def _share(self, index: int) -> Tensor:
        return torch.full((1, 1, 1, 1), strength.STRENGTHS[index], device=self._coder.device)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._coder.device)


def flat(symbols: Tensor) -> np.ndarray:
    """Return integral values as int64 (N,)."""
    return symbols.flatten().to(torch.int64).cpu().numpy()


def check_symbols(symbols: np.ndarray) -> None:
    """Refuse numbers that no encoder writes.

    Raises:
        StreamError: a symbol is out of range.
    """
    if symbols.size and int(np.abs(symbols).max()) > 2 * LARGEST_SYMBOL:
        raise StreamError("the payload holds a number that no encoder writes")


def check_size(srgb: Tensor) -> None:
    """Refuse an image that no stream holds.

    Raises:
        SampleError: empty, or more than 2^31 symbols.
    """
    height, width = srgb.shape[-2:]
    if not height or not width:
        raise SampleError(f"an image of {width}x{height} pixels has nothing to code")
    if height * width * 3 > 2**31:
        raise SampleError(f"{width}x{height} pixels are more symbols than one stream holds (2^31)")
