"""``learned:generation=2``: the journal version as a real coder. Untrained: its weights are drawn from a seed.

Its order masks are derived by the decoder (the authors hand them over in memory), a last step takes the pixels that
no mask took (theirs are never coded), and one range coder stream holds both levels.
A rate point drops trailing steps of z (beta): their latents are the predicted means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rawbench.blocks.tiles import tiles
from rawbench_learned import cost, rate
from rawbench_learned.coder import Coded, StreamCoder
from rawbench_learned.coding import ANALYSIS_TILE, check_size, check_symbols, flat
from rawbench_learned.economy import LARGEST_SYMBOL
from rawbench_learned.exact import WEIGHT_LEVELS, ExactConv2d, power_of_two, to_grid
from rawbench_learned.features import BLOCK, CELL, padded
from rawbench_learned.journal_networks import STEP_FRACTIONS, JournalNetworks, upsampled
from rawbench_learned.journal_seed import SEED, SIZES, tag_of
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Part, Stage, untimed, unwatched_part
from rawbench_learned.tables import gaussian_tables, symbol_costs

STEPS = 4
HALO = 112
# 2**(0/4) ... 2**(3/4), as float32 on every machine.
_FRACTIONS = (1.0, 1.1892070770263672, 1.4142135381698608, 1.6817928552627563)

Exchange = Callable[[Tensor, Tensor, Tensor, np.ndarray], Tensor]


@lru_cache(maxsize=2)
def journal_coder(size: str, tile: int, device: str) -> JournalCoder:
    """Return the coder of a size with its seeded weights."""
    with torch.random.fork_rng(devices=[]):
        networks = JournalNetworks(*SIZES[size])
    draw(networks, SEED)
    return JournalCoder(networks.to(device), tag_of(size), tile)


def draw(networks: JournalNetworks, seed: int) -> None:
    """Draw all weights from a seed, the same on every machine: integers of a PCG64 generator, times powers of two."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for module in networks.modules():
        if isinstance(module, ExactConv2d):
            _draw_exact(module, generator)
        elif isinstance(module, nn.Conv2d):
            _draw_float(module, generator)
    # Untrained layers amplify; the last one brings raw into its range, or its rounding would be amplified as well.
    last = networks.synthesis.layers[-1]
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    last.weight.data.mul_(2.0**-10)
    last.bias.data.fill_(0.25)
    networks.eval().requires_grad_(False)


def _draw_exact(layer: ExactConv2d, generator: np.random.Generator) -> None:
    shape = tuple(layer.weight.shape)
    integers = torch.from_numpy(generator.integers(-WEIGHT_LEVELS, WEIGHT_LEVELS + 1, shape)).float()
    layer.weight.data.copy_(integers * power_of_two(torch.tensor(-7 - _half_log2(layer.weight[0].numel()))))
    if layer.bias is not None:
        layer.bias.data.zero_()
    layer.frozen = True


def _draw_float(layer: nn.Conv2d, generator: np.random.Generator) -> None:
    integers = torch.from_numpy(generator.integers(-(2**15), 2**15, tuple(layer.weight.shape))).float()
    layer.weight.data.copy_(integers * power_of_two(torch.tensor(-15 - _half_log2(layer.weight[0].numel()))))
    if layer.bias is not None:
        layer.bias.data.zero_()


def _half_log2(inputs: int) -> int:
    return (inputs.bit_length() - 1) // 2


def complexity(size: str) -> tuple[float, float, float]:
    """Return parameters, and thousands of multiply-accumulates a pixel of encode and of decode."""
    with torch.random.fork_rng(devices=[]):
        networks = JournalNetworks(*SIZES[size]).to("meta")
    with cost.counted(networks) as encode:
        run(networks, encode=True)
    with cost.counted(networks) as decode:
        run(networks, encode=False)
    return float(cost.parameters(networks)), sum(encode) / cost.SIDE**2 / 1000, sum(decode) / cost.SIDE**2 / 1000


@torch.no_grad()
def run(networks: JournalNetworks, encode: bool) -> Tensor:
    """Run every network that encode or decode runs, as often as they do; for counting and for other devices."""
    device, channels = next(networks.parameters()).device, networks.channels
    srgb = torch.zeros(1, 3, cost.SIDE, cost.SIDE, device=device)
    z = torch.zeros(1, channels, cost.SIDE // CELL, cost.SIDE // CELL, device=device)
    if encode:
        z = networks.analysis(srgb, srgb)
        networks.hyper_analysis(z, srgb)
    v = torch.zeros(1, channels, cost.SIDE // BLOCK, cost.SIDE // BLOCK, device=device)
    phi = networks.hyper(v, srgb)
    levels: Sequence[Any] = list(networks.levels)
    for level, latents, guide in zip(levels, (z, v), (phi, torch.cat([v, v], 1)), strict=True):
        taken = torch.zeros_like(latents[:, :1])
        for step in range(STEPS + 1):
            if step < STEPS:
                taken = taken + level.order(guide, taken, srgb)
            level.parameters_of(guide, level.context(latents, latents, taken, srgb), taken, srgb)
    return z if encode else networks.synthesis(upsampled(z), srgb)


class JournalCoder(StreamCoder):
    """Codes with the journal version's networks."""

    def __init__(self, networks: JournalNetworks, tag: bytes, tile: int) -> None:
        self.networks = networks
        self.tag = tag
        self.tile = tile
        self.tables = gaussian_tables()

    def of(self, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part) -> JournalImageCoder:
        """See `StreamCoder.of`."""
        return JournalImageCoder(self, srgb, quality, stage, part)


class JournalImageCoder:
    """Encode or decode one image at one quality; see `coding.ImageCoder` for the arguments."""

    def __init__(self, coder: JournalCoder, srgb: Tensor, quality: int, stage: Stage, part: Part) -> None:
        check_size(srgb)
        self._networks, self._tables, self._tile = coder.networks, coder.tables, coder.tile
        self._size, self._srgb = srgb.shape[-2:], padded(srgb.unsqueeze(0))
        self._dropped, self._stage, self._part = dropped_steps(quality), stage, part

    def analyse(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (channels, H/4, W/4) and v (channels, H/16, W/16) of raw, float32 (3, H, W), in fixed tiles."""
        advance = self._part(0, 0.5)
        with self._stage("analysis"):
            raw, srgb = padded(raw.unsqueeze(0)), self._srgb
            height, width = srgb.shape[-2:]
            channels = self._networks.channels
            z = torch.empty(channels, height // CELL, width // CELL, device=raw.device)
            v = torch.empty(channels, height // BLOCK, width // BLOCK, device=raw.device)
            for tile in tiles(height, width, ANALYSIS_TILE, HALO):
                advance(tile.inner[0], height)
                codes = srgb[tile.window()].float() / 255
                z_tile = self._networks.analysis(raw[tile.window()], codes)
                v_tile = self._networks.hyper_analysis(z_tile, codes)
                z[tile.place(CELL)] = z_tile[0][tile.inside(CELL)]
                v[tile.place(BLOCK)] = v_tile[0][tile.inside(BLOCK)]
            return z, v

    def write(self, latents: tuple[Tensor, Tensor], encoder: SymbolEncoder, bits_map: bool = False) -> Coded:
        """Quantise and write latents; return what a decoder of it will know."""
        z, v = latents
        bits = torch.zeros(z[0].numel(), dtype=torch.float64) if bits_map else None
        z_hat, order = self._both_levels(self._writer(v, encoder, None), self._writer(z, encoder, bits))
        return Coded(z_hat, order, None if bits is None else bits.view(order.shape))

    def read(self, symbols: bytes) -> Coded:
        """Return what a stream says, behind its tag."""
        decoder = SymbolDecoder(symbols)

        def read(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
            found = decoder.read(numbers.reshape(-1), self._tables)
            check_symbols(found)
            return torch.as_tensor(found, dtype=torch.float32, device=means.device).view(means.shape)

        return Coded(*self._both_levels(read, read))

    def _writer(self, latents: Tensor, encoder: SymbolEncoder, costs: Tensor | None) -> Exchange:
        rows = latents.flatten(1).T

        def write(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
            symbols = torch.round((rows[positions] - means) / steps)
            symbols = symbols.clamp(-LARGEST_SYMBOL, LARGEST_SYMBOL)
            encoder.write(flat(symbols), numbers.reshape(-1), self._tables)
            if costs is not None:
                bits = symbol_costs(flat(symbols), numbers.reshape(-1), self._tables)
                costs[positions.cpu()] = torch.from_numpy(bits.reshape(numbers.shape).sum(1))
            return symbols

        return write

    def _both_levels(self, exchange_v: Exchange, exchange_z: Exchange) -> tuple[Tensor, Tensor]:
        grid = self._srgb.float() / 16 - 8
        height, width = grid.shape[-2:]
        channels = self._networks.channels
        nothing = torch.zeros(1, 2 * channels, height // BLOCK, width // BLOCK, device=grid.device)
        v_hat, _ = self._level(1, nothing, grid, 0, exchange_v)
        with self._stage("synthesis"):
            phi = torch.empty(1, 2 * channels, height // CELL, width // CELL, device=grid.device)
            v_grid = to_grid(v_hat)
            for tile in tiles(height, width, self._tile, HALO):
                part = self._networks.hyper(v_grid[tile.window(BLOCK)], grid[tile.window()])
                phi[tile.place(CELL)] = part[tile.inside(CELL)]
        return self._level(0, phi, grid, self._dropped, exchange_z)

    def _level(self, level: int, phi: Tensor, grid: Tensor, dropped: int, exchange: Exchange) -> tuple[Tensor, Tensor]:
        networks: Any = self._networks.levels[level]
        height, width = phi.shape[-2:]
        channels = self._networks.channels
        taken = torch.zeros(1, 1, height, width, device=phi.device)
        z_hat = torch.zeros(1, channels, height, width, device=phi.device)
        exponents = torch.zeros_like(z_hat)
        order = torch.zeros(height, width, dtype=torch.long, device=phi.device)
        for step in range(STEPS + 1):
            with self._stage("synthesis"):
                # The masks do not depend on values; the last step takes what is left.
                mask = networks.order(phi, taken, grid) if step < STEPS else 1 - taken
                positions = mask.flatten().nonzero()[:, 0]
                order.view(-1)[positions] = step
                if not len(positions):
                    continue
                context = networks.context(to_grid(z_hat), exponents, taken, grid)
                parameters = networks.parameters_of(phi, context, taken, grid)
                index, mean, exponent = (p.flatten(2)[0].T[positions] for p in parameters)
                delta = quantisation_step(exponent)
                numbers = index.clamp(0, rate.SCALES - 1).to(torch.uint8).cpu().numpy()
            values = mean
            if step < STEPS + 1 - dropped:
                with self._stage("entropy"):
                    values = exchange(positions, mean, delta, numbers) * delta + mean
            z_hat.view(channels, -1)[:, positions] = values.T
            exponents.view(channels, -1)[:, positions] = (exponent / 16).T
            taken = taken + mask
        return z_hat, order

    def synthesise(self, coded: Coded) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""
        advance = self._part(0.5, 1)
        with self._stage("synthesis"):
            codes = self._srgb.float() / 255
            height, width = codes.shape[-2:]
            raw = torch.empty(3, height, width, device=codes.device)
            for tile in tiles(height, width, self._tile, HALO):
                advance(tile.inner[0], height)
                part = self._networks.synthesis(upsampled(coded.z_hat[tile.window(CELL)]), codes[tile.window()])
                raw[tile.place()] = part[0][tile.inside()].clamp(0, 1)
            return raw[:, : self._size[0], : self._size[1]].contiguous()


def quantisation_step(exponent: Tensor) -> Tensor:
    """Return 2**(exponent/4), the same float32 everywhere, for integer exponents."""
    whole = torch.floor(exponent / STEP_FRACTIONS)
    fractions = torch.tensor(_FRACTIONS, device=exponent.device)
    return fractions[(exponent - whole * STEP_FRACTIONS).long()] * power_of_two(whole)


def dropped_steps(quality: int) -> int:
    """Return beta, how many trailing steps of z a quality byte leaves out: 3, 2, 1 or 0."""
    return STEPS - 1 - quality * STEPS // rate.LEVELS
