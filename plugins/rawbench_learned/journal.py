"""``learned:generation=2``: the journal version as a real coder. Untrained: its weights are drawn from a seed.

Its order masks are derived by the decoder (the authors hand them over in memory), a last step takes the pixels that
no mask took (theirs are never coded), and one range coder stream holds both levels.
A rate point drops trailing steps of z (beta): their latents are the predicted means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from rawbench.blocks.tiles import tiles
from rawbench.errors import StreamError
from rawbench_learned import cost, rate
from rawbench_learned.coding import ANALYSIS_TILE, DIGEST_BYTES, check_size, check_symbols, flat
from rawbench_learned.economy import LARGEST_SYMBOL
from rawbench_learned.exact import WEIGHT_LEVELS, ExactConv2d, power_of_two, to_grid
from rawbench_learned.features import BLOCK, CELL, padded
from rawbench_learned.journal_networks import STEP_FRACTIONS, JournalNetworks, upsampled
from rawbench_learned.journal_seed import SEED, SIZES, tag_of
from rawbench_learned.precision import full_precision
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Advance, Part, Stage, untimed, unwatched, unwatched_part
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
    for level, latents, guide in zip(networks.levels, (z, v), (phi, torch.cat([v, v], 1)), strict=True):
        taken = torch.zeros_like(latents[:, :1])
        for step in range(STEPS + 1):
            if step < STEPS:
                taken = taken + level.order(guide, taken, srgb)
            level.parameters_of(guide, level.context(latents, latents, taken, srgb), taken, srgb)
    return z if encode else networks.synthesis(upsampled(z), srgb)


class JournalCoder:
    """Encode and decode with the journal version's networks; see `coding.Coder` for the arguments."""

    def __init__(self, networks: JournalNetworks, tag: bytes, tile: int) -> None:
        self.networks = networks
        self.tag = tag
        self.tile = tile
        self.tables = gaussian_tables()

    @torch.no_grad()
    @full_precision()
    def encode(
        self, raw: Tensor, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part
    ) -> tuple[bytes, SymbolEncoder]:
        """Return the stream, and the encoder that wrote it."""
        encoder = SymbolEncoder()
        self._write(raw, srgb, quality, encoder, stage, part(0, 1))
        with stage("entropy"):
            return self.tag + encoder.finish(), encoder

    @torch.no_grad()
    @full_precision()
    def decode(
        self, stream: bytes, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part
    ) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1].

        Raises:
            StreamError: of other weights, or no stream.
        """
        z_hat = self._read(stream, srgb, quality, stage)
        with stage("synthesis"):
            return self._synthesise(z_hat, srgb, part(0, 1))

    @torch.no_grad()
    @full_precision()
    def latents(self, stream: bytes, srgb: Tensor, quality: int) -> Tensor:
        """Return z_hat as a decoder has it: the same bits on every machine."""
        return self._read(stream, srgb, quality, untimed)

    def _read(self, stream: bytes, srgb: Tensor, quality: int, stage: Stage) -> Tensor:
        check_size(srgb)
        if stream[:DIGEST_BYTES] != self.tag:
            raise StreamError("the stream was made with other weights")
        decoder = SymbolDecoder(stream[DIGEST_BYTES:])

        def read(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
            symbols = decoder.read(numbers.reshape(-1), self.tables)
            check_symbols(symbols)
            return torch.as_tensor(symbols, dtype=torch.float32, device=means.device).view(means.shape)

        return self._both_levels(srgb, dropped_steps(quality), read, read, stage)[0]

    @torch.no_grad()
    @full_precision()
    def diagnostics(self, raw: Tensor, srgb: Tensor, quality: int) -> dict[str, Tensor]:
        """Return ``bits_per_latent`` and ``order_mask``, both (H/4, W/4)."""
        bits, order = self._write(raw, srgb, quality, SymbolEncoder(), untimed)
        return {"bits_per_latent": bits, "order_mask": order}

    def _write(
        self,
        raw: Tensor,
        srgb: Tensor,
        quality: int,
        encoder: SymbolEncoder,
        stage: Stage,
        advance: Advance = unwatched,
    ) -> tuple[Tensor, Tensor]:
        check_size(srgb)
        with stage("analysis"):
            z, v = self._analyse(raw, srgb, advance)
        bits = torch.zeros(z[0].numel(), dtype=torch.float64)

        def writer(latents: Tensor, costs: Tensor | None) -> Exchange:
            rows = latents.flatten(1).T

            def write(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
                symbols = torch.round((rows[positions] - means) / steps)
                symbols = symbols.clamp(-LARGEST_SYMBOL, LARGEST_SYMBOL)
                encoder.write(flat(symbols), numbers.reshape(-1), self.tables)
                if costs is not None:
                    cost_ = symbol_costs(flat(symbols), numbers.reshape(-1), self.tables)
                    costs[positions.cpu()] = torch.from_numpy(cost_.reshape(numbers.shape).sum(1))
                return symbols

            return write

        z_hat, order = self._both_levels(srgb, dropped_steps(quality), writer(v, None), writer(z, bits), stage)
        return bits.view(order.shape), order

    def _analyse(self, raw: Tensor, srgb: Tensor, advance: Advance) -> tuple[Tensor, Tensor]:
        raw, srgb = padded(raw.unsqueeze(0)), padded(srgb.unsqueeze(0))
        height, width = srgb.shape[-2:]
        z = torch.empty(self.networks.channels, height // CELL, width // CELL, device=raw.device)
        v = torch.empty(self.networks.channels, height // BLOCK, width // BLOCK, device=raw.device)
        for tile in tiles(height, width, ANALYSIS_TILE, HALO):
            advance(tile.inner[0], height)
            codes = srgb[tile.window()].float() / 255
            z_tile = self.networks.analysis(raw[tile.window()], codes)
            v_tile = self.networks.hyper_analysis(z_tile, codes)
            z[tile.place(CELL)] = z_tile[0][tile.inside(CELL)]
            v[tile.place(BLOCK)] = v_tile[0][tile.inside(BLOCK)]
        return z, v

    def _both_levels(
        self, srgb: Tensor, dropped: int, exchange_v: Exchange, exchange_z: Exchange, stage: Stage
    ) -> tuple[Tensor, Tensor]:
        grid = padded(srgb.unsqueeze(0)).float() / 16 - 8
        height, width = grid.shape[-2:]
        channels = self.networks.channels
        nothing = torch.zeros(1, 2 * channels, height // BLOCK, width // BLOCK, device=grid.device)
        v_hat, _ = self._level(1, nothing, grid, 0, exchange_v, stage)
        with stage("synthesis"):
            phi = torch.empty(1, 2 * channels, height // CELL, width // CELL, device=grid.device)
            v_grid = to_grid(v_hat)
            for tile in tiles(height, width, self.tile, HALO):
                part = self.networks.hyper(v_grid[tile.window(BLOCK)], grid[tile.window()])
                phi[tile.place(CELL)] = part[tile.inside(CELL)]
        z_hat, order = self._level(0, phi, grid, dropped, exchange_z, stage)
        return z_hat, order

    def _level(
        self, level: int, phi: Tensor, grid: Tensor, dropped: int, exchange: Exchange, stage: Stage
    ) -> tuple[Tensor, Tensor]:
        networks = self.networks.levels[level]
        height, width = phi.shape[-2:]
        channels = self.networks.channels
        taken = torch.zeros(1, 1, height, width, device=phi.device)
        z_hat = torch.zeros(1, channels, height, width, device=phi.device)
        exponents = torch.zeros_like(z_hat)
        order = torch.zeros(height, width, dtype=torch.long, device=phi.device)
        for step in range(STEPS + 1):
            with stage("synthesis"):
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
                with stage("entropy"):
                    values = exchange(positions, mean, delta, numbers) * delta + mean
            z_hat.view(channels, -1)[:, positions] = values.T
            exponents.view(channels, -1)[:, positions] = (exponent / 16).T
            taken = taken + mask
        return z_hat, order

    def _synthesise(self, z_hat: Tensor, srgb: Tensor, advance: Advance) -> Tensor:
        height, width = srgb.shape[-2:]
        codes = padded(srgb.unsqueeze(0)).float() / 255
        raw = torch.empty(3, *codes.shape[-2:], device=codes.device)
        for tile in tiles(*codes.shape[-2:], self.tile, HALO):
            advance(tile.inner[0], codes.shape[-2])
            part = self.networks.synthesis(upsampled(z_hat[tile.window(CELL)]), codes[tile.window()])
            raw[tile.place()] = part[0][tile.inside()].clamp(0, 1)
        return raw[:, :height, :width].contiguous()


def quantisation_step(exponent: Tensor) -> Tensor:
    """Return 2**(exponent/4), the same float32 everywhere, for integer exponents."""
    whole = torch.floor(exponent / STEP_FRACTIONS)
    fractions = torch.tensor(_FRACTIONS, device=exponent.device)
    return fractions[(exponent - whole * STEP_FRACTIONS).long()] * power_of_two(whole)


def dropped_steps(quality: int) -> int:
    """Return beta, how many trailing steps of z a quality byte leaves out: 3, 2, 1 or 0."""
    return STEPS - 1 - quality * STEPS // rate.LEVELS
