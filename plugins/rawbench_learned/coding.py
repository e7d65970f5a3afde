"""From images to bytes and back, with one weights file: what the codecs are a shell around.

Stream: the first two bytes of the weights' digest, then one range coder stream: m(v), v, and z step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rawbench.errors import SampleError, StreamError
from rawbench_learned import rate
from rawbench_learned.base import Means, apply_base, error, fitted_means, moments
from rawbench_learned.entropy_model import partition
from rawbench_learned.exact import to_grid
from rawbench_learned.features import BLOCK, CELL, cells, exact_features, padded, pixels, tiles
from rawbench_learned.mean_tables import MeanCoding
from rawbench_learned.networks import (
    GAINS,
    KERNEL,
    LATENTS,
    CodingNetworks,
    averaged,
    cell_means,
    coarse_means,
    gain_index,
    gain_of,
    nearness,
    normalised,
)
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder, models_of
from rawbench_learned.tables import Tables, symbol_costs
from rawbench_learned.weights import Weights, v_level

ANALYSIS_TILE = 512
"""Side of the encoder's tiles. Fixed: its networks are floating-point, and another side could be another stream."""
DIGEST_BYTES = 2
LARGEST_SYMBOL = 2**15 - 1
LAMBDAS = (0.03, 80.0)
"""Multipliers of the training at the lowest and the highest quality; the encoder's choices follow them."""
ERROR_WEIGHT = 4.5
"""How much more an error counts than the exchange rate says, because symbols are also the context of others. Found on
validation frames: at equal bytes 0.1 to 0.4 dB above 1.5."""
CHUNK = 1 << 14
"""Latent pixels that go through the entropy parameter networks at once."""
FITTED_PIXELS = 1 << 18
"""About how many pixels of an image m(v) is fitted to."""

Stage = Callable[[str], AbstractContextManager[None]]
Advance = Callable[[int, int], None]
Part = Callable[[float, float], Advance]


@contextmanager
def untimed(name: str) -> Iterator[None]:
    """A stage that nobody measures."""
    yield


def unwatched(done: int, total: int) -> None:
    """Work that nobody watches."""


def unwatched_part(first: float, last: float) -> Advance:
    """A part of it."""
    return unwatched


@dataclass
class Latents:
    """What the analysis found, before quantisation, and the image's shape in blocks.

    Attributes:
        means: m(v).
        gain: index of the image's gain.
        v: float32 (M, H/16, W/16), its channel means subtracted.
        z: float32 (48, H/4, W/4).
    """

    means: Means
    gain: int
    v: Tensor
    z: Tensor


@dataclass
class Coded:
    """What encoder and decoder both know in the end.

    Attributes:
        means: m(v), float32 (1, M).
        gain: index of the image's gain.
        z_hat: float32 (48, H/4, W/4).
        order: int64 (H/4, W/4), the step of each latent pixel.
        bits: float64 (H/4, W/4), cost of each latent pixel by the tables; filled by an encoder on request.
    """

    means: Tensor
    gain: int
    z_hat: Tensor
    order: Tensor
    bits: Tensor | None = field(default=None)


class Coder:
    """Encode and decode with one set of weights.

    Args:
        weights: loaded.
        tile: side in pixels of the decoder's tiles, a multiple of 16; changes memory, never a result's bits on the
            exact side.
    """

    def __init__(self, weights: Weights, tile: int = ANALYSIS_TILE) -> None:
        self.weights = weights
        self.networks = weights.networks
        self.tile = tile
        self.device = self.networks.offset.device
        self._latent_models = models_of(weights.latent_tables)
        self._hyper_models = models_of(weights.hyper_tables)
        self._means = MeanCoding(weights.mean_shifts, weights.mean_tables, weights.latent_tables, self._latent_models)
        self._directions = self.networks.directions.double().cpu().numpy()
        self._offset = self.networks.offset.double().cpu().numpy()

    @property
    def tag(self) -> bytes:
        """The bytes by which a stream names its weights."""
        return bytes.fromhex(self.weights.digest)[:DIGEST_BYTES]

    @torch.no_grad()
    def encode(
        self, raw: Tensor, srgb: Tensor, quality: int, stage: Stage, part: Part = unwatched_part
    ) -> tuple[bytes, SymbolEncoder]:
        """Return the stream, and the encoder that wrote it (it knows the ideal number of bits).

        Args:
            raw: float32 (3, H, W).
            srgb: uint8 (3, H, W).
            quality: byte.
            stage: marks the stages' time.
            part: is told how far the work is.
        """
        with stage("analysis"):
            latents = self.analyse(raw, srgb, quality, part(0, 0.5))
        encoder = SymbolEncoder()
        self.write(latents, srgb, quality, encoder, stage, part(0.5, 1))
        with stage("entropy"):
            return self.tag + encoder.finish(), encoder

    @torch.no_grad()
    def decode(self, stream: bytes, srgb: Tensor, quality: int, stage: Stage, part: Part = unwatched_part) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1].

        Raises:
            StreamError: of other weights, or no stream.
        """
        coded = self.read(stream, srgb, quality, stage, part(0, 0.5))
        with stage("synthesis"):
            return self.synthesise(coded, srgb, quality, part(0.5, 1))

    def analyse(self, raw: Tensor, srgb: Tensor, quality: int, advance: Advance = unwatched) -> Latents:
        """Return the latents of an image, computed in fixed tiles."""
        check_size(srgb)
        stride = max(1, math.isqrt(raw[0].numel() // FITTED_PIXELS))
        image = moments(raw, srgb, stride)
        means = fitted_means(image, self._directions, self._offset, raw[0].numel())
        gain = int(gain_index(torch.tensor(error(image, self._offset + self._directions @ means.values))))
        tensor = self._means_tensor(means)
        raw, srgb = padded(raw.unsqueeze(0)), padded(srgb.unsqueeze(0))
        height, width = srgb.shape[-2:]
        z = torch.empty(LATENTS, height // CELL, width // CELL, device=self.device)
        v = torch.empty(len(means.integers), height // BLOCK, width // BLOCK, device=self.device)
        hats = self._hats(quality)
        networks = self.networks
        for tile in tiles(height, width, ANALYSIS_TILE):
            advance(tile.inner[0], height)
            srgb_tile = srgb[tile.window()]
            base, features, guess = self._guide(srgb_tile, tensor)
            residual = cells(raw[tile.window()] - base) * self._gain(gain)
            z_tile = networks.analysis(residual, guess, features, hats)
            v_tile = networks.hyper_analysis(z_tile, exact_features(srgb_tile))
            z[tile.place(CELL)] = z_tile[0][tile.inside(CELL)]
            v[tile.place(BLOCK)] = v_tile[0][tile.inside(BLOCK)]
        return Latents(means, gain, v - v.mean((1, 2), keepdim=True), z)

    def write(
        self,
        latents: Latents,
        srgb: Tensor,
        quality: int,
        encoder: SymbolEncoder,
        stage: Stage,
        advance: Advance = unwatched,
        bits_map: bool = False,
    ) -> Coded:
        """Quantise and write latents; return what a decoder of it will know."""
        weights = self.weights
        with stage("entropy"):
            self._means.write(latents.means, encoder)
            encoder.write_uniform(np.array([latents.gain]), GAINS)
            steps = weights.v_steps[v_level(quality)] * rate.STEP_UNIT
            steps = torch.as_tensor(steps, dtype=torch.float32, device=self.device).view(-1, 1, 1)
            v_symbols = torch.round(latents.v / steps).clamp(-LARGEST_SYMBOL, LARGEST_SYMBOL)
            numbers = self._v_tables(quality, v_symbols.shape[1:])
            encoder.write(flat(v_symbols), numbers, weights.hyper_tables, self._hyper_models)
        with stage("synthesis"):
            phi, order = self.hyper(latents.means, v_symbols, srgb, quality)
        z = latents.z.flatten(1).T.contiguous()
        z_steps = self._z_steps(quality)
        worth = bits_worth(quality) * (weights.z_steps[quality] * rate.STEP_UNIT) ** 2
        bits = torch.zeros(len(z), dtype=torch.float64) if bits_map else None

        def exchange(positions: Tensor, means: Tensor, numbers: np.ndarray) -> Tensor:
            ratios = (z[positions] - means) / z_steps
            values = economical(ratios.cpu().numpy(), numbers, worth, weights.latent_tables).reshape(-1)
            symbols = torch.as_tensor(values, dtype=torch.float32, device=self.device).view(means.shape)
            encoder.write(values, numbers.reshape(-1), weights.latent_tables, self._latent_models)
            if bits is not None:
                cost = symbol_costs(values, numbers.reshape(-1), weights.latent_tables)
                bits[positions.cpu()] = torch.from_numpy(cost.reshape(numbers.shape).sum(1))
            return symbols

        z_hat = self.iterate(phi, order, quality, exchange, stage, advance)
        if bits is not None:
            bits = bits.view(order.shape)
        return Coded(self._means_tensor(latents.means), latents.gain, z_hat, order, bits)

    @torch.no_grad()
    def read(self, stream: bytes, srgb: Tensor, quality: int, stage: Stage, advance: Advance = unwatched) -> Coded:
        """Return what a stream says.

        Raises:
            StreamError: of other weights, or no stream.
        """
        check_size(srgb)
        if stream[:DIGEST_BYTES] != self.tag:
            found = stream[:DIGEST_BYTES].hex() or "nothing"
            raise StreamError(f"the stream was made with other weights ({found}, here {self.tag.hex()})")
        weights = self.weights
        with stage("entropy"):
            decoder = SymbolDecoder(stream[DIGEST_BYTES:])
            means = self._means.read(decoder)
            check_symbols(means.integers)
            gain = int(decoder.read_uniform(1, GAINS)[0])
            height, width = (-(-side // BLOCK) for side in srgb.shape[-2:])
            symbols = decoder.read(self._v_tables(quality, (height, width)), weights.hyper_tables, self._hyper_models)
            check_symbols(symbols)
            v_symbols = torch.as_tensor(symbols, dtype=torch.float32, device=self.device).view(-1, height, width)
        with stage("synthesis"):
            phi, order = self.hyper(means, v_symbols, srgb, quality)

        def exchange(positions: Tensor, means: Tensor, numbers: np.ndarray) -> Tensor:
            symbols = decoder.read(numbers.reshape(-1), weights.latent_tables, self._latent_models)
            check_symbols(symbols)
            return torch.as_tensor(symbols, dtype=torch.float32, device=self.device).view(means.shape)

        z_hat = self.iterate(phi, order, quality, exchange, stage, advance)
        return Coded(self._means_tensor(means), gain, z_hat, order)

    def latents(self, stream: bytes, srgb: Tensor, quality: int) -> Tensor:
        """Return z_hat as a decoder has it: the same bits on every machine."""
        return self.read(stream, srgb, quality, untimed).z_hat

    @torch.no_grad()
    def diagnostics(self, raw: Tensor, srgb: Tensor, quality: int) -> dict[str, Tensor]:
        """Return maps (H/4, W/4): ``bits_per_latent`` as the tables have it, and ``order_mask``, the steps."""
        encoder = SymbolEncoder()
        coded = self.write(self.analyse(raw, srgb, quality), srgb, quality, encoder, untimed, bits_map=True)
        assert coded.bits is not None
        return {"bits_per_latent": coded.bits, "order_mask": coded.order}

    def hyper(self, means: Means, v_symbols: Tensor, srgb: Tensor, quality: int) -> tuple[Tensor, Tensor]:
        """Return phi as rows (H/4 * W/4, phi) and the order of the latent pixels (H/4, W/4). Exact, so in any tiles."""
        networks = self.networks
        steps = self.weights.v_steps[v_level(quality)] * rate.STEP_UNIT
        steps = torch.as_tensor(steps, dtype=torch.float32, device=self.device).view(-1, 1, 1)
        v_hat = to_grid(v_symbols * steps).unsqueeze(0)
        coarse = coarse_means(self._means_tensor(means), networks.mean_scales)
        hats = self._hats(quality)
        srgb = padded(srgb.unsqueeze(0))
        height, width = srgb.shape[-2:]
        phi = torch.empty(height // CELL, width // CELL, networks.config.phi, device=self.device)
        order = torch.empty(height // CELL, width // CELL, dtype=torch.long, device=self.device)
        for tile in tiles(height, width, self.tile):
            features = exact_features(srgb[tile.window()])
            phi_tile = networks.hyper_synthesis(v_hat[tile.window(BLOCK)], coarse, hats, features)
            masks = partition(networks.order(phi_tile), training=False)
            phi[tile.place(CELL)[1:]] = phi_tile[0][tile.inside(CELL)].permute(1, 2, 0)
            order[tile.place(CELL)] = masks[0].argmax(0)[tile.inside(CELL)]
        return phi.flatten(0, 1), order

    def iterate(
        self,
        phi: Tensor,
        order: Tensor,
        quality: int,
        exchange: Callable[[Tensor, Tensor, np.ndarray], Tensor],
        stage: Stage,
        advance: Advance,
    ) -> Tensor:
        """Run the context steps; return z_hat (48, H/4, W/4).

        Only the pixels of a step are computed in it: context and parameters work on gathered rows.

        Args:
            phi: rows.
            order: step of each latent pixel.
            quality: byte.
            exchange: positions (N,), means (N, 48), table numbers (N, 48) -> symbols (N, 48): writes or reads them.
            stage: marks the stages' time.
            advance: is told how many latent pixels are known.
        """
        networks, (height, width) = self.networks, order.shape
        known = KnownLatents(networks, height, width, self.device)
        z_hat = torch.empty(height * width, LATENTS, device=self.device)
        offsets = torch.as_tensor(self.weights.z_offsets[quality], dtype=torch.float32, device=self.device)
        z_steps = self._z_steps(quality)
        done = 0
        for step, group in self.groups(order):
            advance(done, len(z_hat))
            done += len(group)
            news = []
            for positions in group.split(CHUNK):
                with stage("synthesis"):
                    means, indices = networks.parameters_of(phi[positions], *known.context(positions, step))
                    numbers = torch.floor(indices + offsets + 0.5).clamp_(0, rate.SCALES - 1)
                    numbers = numbers.to(torch.uint8).cpu().numpy()
                with stage("entropy"):
                    symbols = exchange(positions, means, numbers)
                with stage("synthesis"):
                    z_hat[positions] = symbols * z_steps + means
                    news.append(known.embedded(z_hat[positions]))
            with stage("synthesis"):
                for positions, new in zip(group.split(CHUNK), news, strict=True):
                    known.add(positions, *new)
        return z_hat.T.reshape(LATENTS, height, width)

    def groups(self, order: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield each context step and the positions (N,) of its latent pixels, none of them empty."""
        flat = order.flatten()
        for step in range(self.networks.config.steps):
            positions = (flat == step).nonzero()[:, 0]
            if len(positions):
                yield step, positions

    def synthesise(self, coded: Coded, srgb: Tensor, quality: int, advance: Advance = unwatched) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""
        height, width = srgb.shape[-2:]
        srgb = padded(srgb.unsqueeze(0))
        raw = torch.empty(3, *srgb.shape[-2:], device=self.device)
        hats = self._hats(quality)
        for tile in tiles(*srgb.shape[-2:], self.tile):
            advance(tile.inner[0], srgb.shape[-2])
            base, features, guess = self._guide(srgb[tile.window()], coded.means)
            z_hat = coded.z_hat.unsqueeze(0)[tile.window(CELL)]
            decoded = self.networks.synthesis(z_hat, guess, features, hats)
            result = base + pixels(decoded) / self._gain(coded.gain)
            raw[tile.place()] = result[0][tile.inside()].clamp(0, 1)
        return raw[:, :height, :width].contiguous()

    def _guide(self, srgb: Tensor, means: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        base = apply_base(srgb, means, self.networks.directions, self.networks.offset)
        return base, *self.networks.guide(srgb, base)

    def _gain(self, index: int) -> Tensor:
        return gain_of(torch.tensor(float(index), device=self.device))

    def _hats(self, quality: int) -> Tensor:
        return rate.hats(torch.tensor([quality], device=self.device))

    def _means_tensor(self, means: Means) -> Tensor:
        return torch.as_tensor(means.values, dtype=torch.float32, device=self.device).unsqueeze(0)

    def _z_steps(self, quality: int) -> Tensor:
        steps = self.weights.z_steps[quality] * rate.STEP_UNIT
        return torch.as_tensor(steps, dtype=torch.float32, device=self.device)

    def _v_tables(self, quality: int, shape: tuple[int, ...]) -> np.ndarray:
        channels = self.weights.networks.config.means
        first = v_level(quality) * channels
        return np.repeat(np.arange(first, first + channels), math.prod(shape))


class KnownLatents:
    """What is known of z_hat while it is coded, as the context model sees it: rows of maps with a border of zeros.

    Args:
        networks: of the codec.
        height: rows of latent pixels.
        width: columns of latent pixels.
        device: where the maps are.
    """

    def __init__(self, networks: CodingNetworks, height: int, width: int, device: torch.device) -> None:
        self._context = networks.context
        self._width, self._pitch = width, width + 2 * (KERNEL // 2)
        rows = (height + 2 * (KERNEL // 2)) * self._pitch
        self._known = torch.zeros(rows, 1, device=device)
        self._embedded = torch.zeros(rows, networks.config.embedding, device=device)
        self._cell_means = torch.zeros(rows, 3, device=device)
        window = torch.arange(KERNEL, device=device)
        self._window = (window[:, None] * self._pitch + window).flatten()
        self._nearness = nearness(device).view(1, -1, 1)

    def context(self, positions: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return what `Context.forward` does, as rows (N, context + 1) and (N, 3), at some latent pixels (N,)."""
        rows = (self._corners(positions)[:, None] + self._window).flatten()
        count = len(positions)
        known = self._known.index_select(0, rows).view(count, -1, 1)
        columns = self._embedded.index_select(0, rows).view(count, -1)
        context = normalised(self._context.deconvolve[step](columns), known.sum(1))
        means = self._cell_means.index_select(0, rows).view(count, -1, 3)
        return context, averaged((means * self._nearness).sum(1), (known * self._nearness).sum(1))

    def embedded(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `add` wants of latents (N, 48)."""
        return self._context.embedded(z_hat), cell_means(z_hat)

    def add(self, positions: Tensor, embedded: Tensor, means: Tensor) -> None:
        """Make latent pixels (N,) known."""
        places = self._corners(positions) + KERNEL // 2 * (self._pitch + 1)
        self._embedded[places] = embedded
        self._cell_means[places] = means
        self._known[places] = 1

    def _corners(self, positions: Tensor) -> Tensor:
        # Row of the first pixel of each window.
        return positions // self._width * self._pitch + positions % self._width


def bits_worth(quality: int) -> float:
    """Return how many bits a squared unit of error in a latent is worth at a quality byte.

    The training's exchange rate (its distortion is the mean over the samples of a cell, which are as many as latents).
    """
    low, high = LAMBDAS
    multiplier = low * (high / low) ** (quality / (rate.LEVELS - 1))
    return ERROR_WEIGHT * multiplier * CELL**2 / LATENTS


def economical(ratios: np.ndarray, numbers: np.ndarray, worth: np.ndarray, tables: Tables) -> np.ndarray:
    """Return symbols, int64 (N, 48): the nearest integers, or one nearer to zero where the bits saved are worth it.

    The encoder's freedom alone: a decoder does not know how symbols were chosen.

    Args:
        ratios: latents minus means in quantisation steps (N, 48).
        numbers: of tables (N, 48).
        worth: bits that a squared step of error is worth, for each channel (48,).
        tables: rows.
    """
    symbols = np.rint(ratios).clip(-LARGEST_SYMBOL, LARGEST_SYMBOL).astype(np.int64)
    rows, channels = np.nonzero(symbols)
    if not len(rows):
        return symbols
    nearest, number = symbols[rows, channels], numbers[rows, channels]
    smaller = nearest - np.sign(nearest)
    ratio = ratios[rows, channels].astype(np.float64)
    saved = symbol_costs(nearest, number, tables) - symbol_costs(smaller, number, tables)
    lost = ((ratio - smaller) ** 2 - (ratio - nearest) ** 2) * worth[channels]
    symbols[rows, channels] = np.where(saved > lost, smaller, nearest)
    return symbols


def flat(symbols: Tensor) -> np.ndarray:
    """Return integral values as int64 (N,)."""
    return symbols.flatten().to(torch.int64).cpu().numpy()


def check_symbols(symbols: np.ndarray) -> None:
    """Refuse numbers that no encoder writes.

    Raises:
        StreamError: a symbol is out of range.
    """
    if len(symbols) and int(np.abs(symbols).max()) > 2 * LARGEST_SYMBOL:
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
