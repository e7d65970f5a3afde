"""``learned:generation=2``: the journal version as a real coder.

Its order masks are derived by the decoder (the authors hand them over in memory), a last step takes the pixels that
no mask took (theirs are never coded), and one range coder stream holds both levels.
A quality drops trailing steps of z (beta), whose latents are the predicted means, and coarsens the last that is left
(gamma, added to the exponents of its quantisation steps on both sides).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rawbench.blocks.tiles import Tile, tiles
from rawbench_learned import cost, rate
from rawbench_learned.coder import Coded, StreamCoder
from rawbench_learned.coding import ANALYSIS_TILE, check_size
from rawbench_learned.exact import WEIGHT_LEVELS, ExactConv2d, power_of_two, to_grid
from rawbench_learned.features import BLOCK, CELL, padded
from rawbench_learned.journal_networks import STEP_FRACTIONS, JournalNetworks, Level, upsampled
from rawbench_learned.latent_steps import Exchange, Known, coded, reader, writer
from rawbench_learned.paper_blocks import Chain, SubPixel
from rawbench_learned.paper_systems import SEED, SIZES, STEPS, dropped_steps, gamma, tag_of
from rawbench_learned.paper_weights import read_journal
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Part, Stage, untimed, unwatched_part
from rawbench_learned.tables import gaussian_tables

HALO = 112
"""Pixels around a tile of the analysis: more than g_a0 and g_a1 reach together."""
HYPER_HALO = 64
SYNTHESIS_HALO = 32
SYNTHESIS_TILE = 512
"""Largest side of a tile of the synthesis, which holds some ten maps of its 64 channels at full resolution."""
TABLES_PER_OCTAVE = (rate.SCALES - 1) * math.log(2) / math.log(rate.LARGEST_SCALE / rate.SMALLEST_SCALE)
# 2**(0/4) ... 2**(3/4), as float32 on every machine.
_FRACTIONS = (1.0, 1.1892070770263672, 1.4142135381698608, 1.6817928552627563)


@lru_cache(maxsize=2)
def journal_coder(size: str, tile: int, device: str, weights: Path | None = None) -> JournalCoder:
    """Return the coder of a size: with the weights of a file, or untrained ones that are drawn from a seed.

    Raises:
        SampleError: no such weights.
    """
    if weights is not None:
        networks, digest = read_journal(weights, size)
        return JournalCoder(networks.to(device), digest, tile)
    with torch.random.fork_rng(devices=[]):
        networks = JournalNetworks(*SIZES[size])
    draw(networks, SEED)
    return JournalCoder(networks.to(device), tag_of(2, size), tile)


def draw(networks: JournalNetworks, seed: int) -> None:
    """Draw all weights from a seed, the same on every machine."""
    draw_layers(networks, seed)
    # Untrained layers amplify; the last one brings raw into its range, or its rounding would be amplified as well.
    settle(networks.synthesis)


def draw_layers(networks: nn.Module, seed: int) -> None:
    """Draw all convolutions from a seed: integers of a PCG64 generator, times powers of two."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for module in networks.modules():
        if isinstance(module, ExactConv2d):
            _draw_exact(module, generator)
        elif isinstance(module, nn.Conv2d):
            _draw_float(module, generator)
    networks.eval().requires_grad_(False)


def settle(synthesis: Chain) -> None:
    """Make what the last layer of an untrained synthesis returns small and bright."""
    last = synthesis.layers[-1]
    assert isinstance(last, SubPixel) and last.convolve.bias is not None
    last.convolve.weight.data.mul_(2.0**-10)
    last.convolve.bias.data.fill_(0.25)


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
    encode, decode = cost.macs_per_pixel(networks, run)
    return float(cost.parameters(networks)), encode / 1000, decode / 1000


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
        self._dropped, self._gamma, self._stage, self._part = dropped_steps(quality), gamma(quality), stage, part

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
        tables = self._tables
        z_hat, order = self._both_levels(writer(v, encoder, tables), writer(z, encoder, tables, bits))
        return Coded(z_hat, order, None if bits is None else bits.view(order.shape))

    def read(self, symbols: bytes) -> Coded:
        """Return what a stream says, behind its tag."""
        read = reader(SymbolDecoder(symbols), self._tables)
        return Coded(*self._both_levels(read, read))

    def _both_levels(self, exchange_v: Exchange, exchange_z: Exchange) -> tuple[Tensor, Tensor]:
        srgb, channels = self._srgb, self._networks.channels
        levels: Sequence[Any] = list(self._networks.levels)
        side, (height, width) = self._tile // CELL, srgb.shape[-2:]
        nothing = torch.zeros(1, 2 * channels, height // BLOCK, width // BLOCK, device=srgb.device)
        top = JournalSteps(levels[1], nothing, srgb[..., ::BLOCK, ::BLOCK])
        v_hat, _ = coded(top, exchange_v, STEPS, side, self._stage)
        with self._stage("synthesis"):
            phi = torch.empty(1, 2 * channels, height // CELL, width // CELL, device=srgb.device)
            for tile in tiles(height, width, self._tile, HYPER_HALO):
                part = self._networks.hyper(to_grid(v_hat[tile.window(BLOCK)]), on_grid(srgb[tile.window()]))
                phi[tile.place(CELL)] = part[tile.inside(CELL)]
        first = STEPS - 1 - self._dropped
        steps = JournalSteps(levels[0], phi, srgb[..., ::CELL, ::CELL], self._gamma, first)
        return coded(steps, exchange_z, first if self._dropped else STEPS, side, self._stage)

    def synthesise(self, coded: Coded) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""
        advance = self._part(0.5, 1)
        with self._stage("synthesis"):
            height, width = self._srgb.shape[-2:]
            raw = torch.empty(3, height, width, device=self._srgb.device)
            for tile in tiles(height, width, min(self._tile, SYNTHESIS_TILE), SYNTHESIS_HALO):
                advance(tile.inner[0], height)
                codes = self._srgb[tile.window()].float() / 255
                part = self._networks.synthesis(upsampled(coded.z_hat[tile.window(CELL)]), codes)
                raw[tile.place()] = part[0][tile.inside()].clamp(0, 1)
            return raw[:, : self._size[0], : self._size[1]].contiguous()


class JournalSteps:
    """One level's networks; see `latent_steps.Steps`.

    Args:
        level: networks.
        phi: (1, 2C, H, W).
        srgb: uint8 (1, 3, H, W), at the latents' resolution.
        gamma: added to the exponents of the quantisation steps.
        first: the first step to which it is added.
    """

    def __init__(self, level: Level, phi: Tensor, srgb: Tensor, gamma: int = 0, first: int = STEPS) -> None:
        self._level, self._phi, self._srgb = level, phi, srgb
        self._gamma, self._first = gamma, first
        self.channels, self.size, self.device = phi.shape[1] // 2, (phi.shape[-2], phi.shape[-1]), phi.device

    def order(self, cut: Callable[[], Iterator[Tile]]) -> Tensor:
        """Return the step of every latent pixel (H, W). The masks do not depend on values."""
        order = torch.full(self.size, STEPS, dtype=torch.long, device=self.device)
        for step in range(STEPS):
            taken = (order < STEPS).float()[None, None]
            for tile in cut():
                window = tile.window()
                new = self._level.order(self._phi[window], taken[window], on_grid(self._srgb[window]))
                order[tile.place()][new[0, 0][tile.inside()] > 0] = step
        return order

    def parameters(self, known: Known, tile: Tile, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tables, means and exponents inside a tile's outer window; the last step takes what is left."""
        window = tile.window()
        phi, taken, grid = self._phi[window], known.taken[window], on_grid(self._srgb[window])
        context = self._level.context(to_grid(known.z_hat[window]), known.exponents[window] / 16, taken, grid)
        index, mean, exponent = self._level.parameters_of(phi, context, taken, grid)
        return index - table_shift(self._coarser(step)), mean, exponent

    def steps_of(self, exponents: Tensor, step: int) -> Tensor:
        """Return the quantisation steps of a step."""
        return quantisation_step(exponents + self._coarser(step))

    def _coarser(self, step: int) -> int:
        return self._gamma if step >= self._first else 0


def on_grid(srgb: Tensor) -> Tensor:
    """Return uint8 codes as the exact networks see them: multiples of 1/16 in [-8, 8)."""
    return srgb.float() / 16 - 8


def quantisation_step(exponent: Tensor) -> Tensor:
    """Return 2**(exponent/4), the same float32 everywhere, for integer exponents."""
    whole = torch.floor(exponent / STEP_FRACTIONS)
    fractions = torch.tensor(_FRACTIONS, device=exponent.device)
    return fractions[(exponent - whole * STEP_FRACTIONS).long()] * power_of_two(whole)


def table_shift(coarser: int) -> int:
    """Return by how many tables a scale falls, in units of a quantisation step that is 2**(coarser/4) times larger."""
    return round(coarser / STEP_FRACTIONS * TABLES_PER_OCTAVE)
