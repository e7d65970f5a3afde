"""``learned:generation=1:size=reference``: the CVPR version as a real coder, as far as it is known (`cvpr_networks`).

Stream: m(v), the mean of each channel of the hyper-latent v, 8 bits each (the authors keep floats outside the stream);
v less its mean, rounded, by a table for each channel; z step by step. The masks are derived by the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks.tiles import Tile, padded, tiles
from rawbench_learned import cost
from rawbench_learned.coder import Coded, StreamCoder
from rawbench_learned.coding import ANALYSIS_TILE, check_size, check_symbols, flat
from rawbench_learned.cvpr_networks import CvprArchitecture, CvprNetworks
from rawbench_learned.economy import LARGEST_SYMBOL
from rawbench_learned.exact import LOWEST, STEP, to_grid
from rawbench_learned.journal import draw_layers, on_grid, settle
from rawbench_learned.latent_steps import Exchange, Known, coded, reader, writer
from rawbench_learned.paper_systems import SEED, tag_of
from rawbench_learned.paper_weights import empty, read_cvpr
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Part, Stage, untimed, unwatched_part
from rawbench_learned.tables import Tables, gaussian_tables, joined

HYPER = 4
"""Latent pixels a side that one pixel of v covers."""
HALO = 32
"""Latent pixels around a tile, more than any of the networks reaches."""
TILE = 512
"""Largest side of a tile in pixels: the networks hold some ten maps of N channels at full resolution."""
MEANS = 256
_UNTRAINED_ROW = 30
"""Of the tables of scales: what v is coded with where nothing was trained."""


@lru_cache(maxsize=2)
def cvpr_coder(tile: int, device: str, weights: Path | None = None) -> CvprCoder:
    """Return the coder with the weights of a file, or untrained ones that are drawn from a seed.

    Raises:
        SampleError: no such weights.
    """
    if weights is not None:
        networks, v_tables, tag = read_cvpr(weights)
        return CvprCoder(networks.to(device), v_tables, tag, tile)
    networks, v_tables = drawn(CvprArchitecture())
    return CvprCoder(networks.to(device), v_tables, tag_of(1, "reference"), tile)


def drawn(config: CvprArchitecture) -> tuple[CvprNetworks, Tables]:
    """Return untrained networks and the tables of v, the same on every machine."""
    networks = empty(config)
    draw_layers(networks, SEED)
    settle(networks.synthesis)
    rows = gaussian_tables()
    row, lowest = rows.row(_UNTRAINED_ROW), int(rows.minima[_UNTRAINED_ROW])
    return networks, joined([row] * config.channels, [lowest] * config.channels)


def complexity(weights: Path | None) -> tuple[float, float, float]:
    """Return parameters, and thousands of multiply-accumulates a pixel of encode and of decode."""
    config = CvprArchitecture() if weights is None else cvpr_coder(64, "cpu", weights).networks.config
    networks = empty(config).to("meta")
    encode, decode = cost.macs_per_pixel(networks, run)
    return float(cost.parameters(networks)), encode / 1000, decode / 1000


@torch.no_grad()
def run(networks: CvprNetworks, encode: bool) -> Tensor:
    """Run every network that encode or decode runs, as often as they do; for counting and for other devices."""
    device, config = next(networks.parameters()).device, networks.config
    srgb = torch.zeros(1, 3, cost.SIDE, cost.SIDE, device=device)
    side = cost.SIDE // config.cell
    z = torch.zeros(1, config.channels, side, side, device=device)
    if encode:
        z = networks.analysis(srgb, srgb)
        networks.hyper_analysis(z, srgb)
    phi = networks.hyper(torch.zeros(1, config.channels, side // HYPER, side // HYPER, device=device), srgb)
    networks.order(phi, srgb)
    for _ in range(config.steps):
        networks.parameters_of(networks.context(z, torch.zeros_like(z[:, :1])), phi)
    return z if encode else networks.synthesis(z, srgb)


class CvprCoder(StreamCoder):
    """Codes with the CVPR version's networks.

    Args:
        networks: frozen.
        v_tables: a row for each channel of v.
        tag: names the weights.
        tile: largest side of the tiles in pixels.
    """

    def __init__(self, networks: CvprNetworks, v_tables: Tables, tag: bytes, tile: int) -> None:
        self.networks, self.v_tables, self.tag, self.tile = networks, v_tables, tag, tile
        self.tables = gaussian_tables()

    def of(self, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part) -> CvprImageCoder:
        """See `StreamCoder.of`; there is one quality."""
        return CvprImageCoder(self, srgb, stage, part)


class CvprImageCoder:
    """Encode or decode one image; see `coding.ImageCoder` for the arguments."""

    def __init__(self, coder: CvprCoder, srgb: Tensor, stage: Stage, part: Part) -> None:
        check_size(srgb)
        self._networks, self._coder = coder.networks, coder
        self._cell = coder.networks.config.cell
        self._block = HYPER * self._cell
        self._size, self._srgb = srgb.shape[-2:], padded(srgb.unsqueeze(0), self._block)
        self._stage, self._part = stage, part

    def analyse(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and v (C, h, w) of raw, float32 (3, H, W), in fixed tiles."""
        advance = self._part(0, 0.5)
        with self._stage("analysis"):
            raw, srgb, block = padded(raw.unsqueeze(0), self._block), self._srgb, self._block
            (height, width), channels = srgb.shape[-2:], self._networks.config.channels
            z = torch.empty(channels, height // self._cell, width // self._cell, device=raw.device)
            v = torch.empty(channels, height // block, width // block, device=raw.device)
            side = ANALYSIS_TILE if self._cell > 1 else TILE
            for tile in tiles(height, width, side, HALO * self._cell):
                advance(tile.inner[0], height)
                codes = srgb[tile.window()].float() / 255
                z_tile = self._networks.analysis(raw[tile.window()], codes)
                v_tile = self._networks.hyper_analysis(z_tile, codes)
                z[tile.place(self._cell)] = z_tile[0][tile.inside(self._cell)]
                v[tile.place(block)] = v_tile[0][tile.inside(block)]
            return z, v

    def write(self, latents: tuple[Tensor, Tensor], encoder: SymbolEncoder, bits_map: bool = False) -> Coded:
        """Quantise and write latents; return what a decoder of it will know."""
        z, v = latents
        with self._stage("entropy"):
            means = to_grid(v.mean((1, 2), keepdim=True))
            symbols = torch.round(v - means).clamp(-LARGEST_SYMBOL, LARGEST_SYMBOL)
            encoder.write_uniform(flat((means - LOWEST) / STEP), MEANS)
            encoder.write(flat(symbols), self._channels_of(v), self._coder.v_tables)
        bits = torch.zeros(z[0].numel(), dtype=torch.float64) if bits_map else None
        z_hat, order = self._steps(symbols + means, writer(z, encoder, self._coder.tables, bits))
        return Coded(z_hat, order, None if bits is None else bits.view(order.shape))

    def read(self, symbols: bytes) -> Coded:
        """Return what a stream says, behind its tag.

        Raises:
            StreamError: it is no stream.
        """
        device, channels = self._srgb.device, self._networks.config.channels
        height, width = (side // self._block for side in self._srgb.shape[-2:])
        with self._stage("entropy"):
            decoder = SymbolDecoder(symbols)
            means = torch.as_tensor(decoder.read_uniform(channels, MEANS), dtype=torch.float32, device=device)
            v = torch.empty(channels, height, width, device=device)
            found = decoder.read(self._channels_of(v), self._coder.v_tables)
            check_symbols(found)
            v = torch.as_tensor(found, dtype=torch.float32, device=device).view(v.shape)
        v_hat = v + means.view(-1, 1, 1) * STEP + LOWEST
        return Coded(*self._steps(v_hat, reader(decoder, self._coder.tables)))

    def _channels_of(self, v: Tensor) -> np.ndarray:
        return np.repeat(np.arange(len(v), dtype=np.uint8), v[0].numel())

    def _steps(self, v_hat: Tensor, exchange: Exchange) -> tuple[Tensor, Tensor]:
        srgb, config, cell = self._srgb, self._networks.config, self._cell
        height, width = srgb.shape[-2:]
        small = srgb[..., ::cell, ::cell]
        with self._stage("synthesis"):
            phi = torch.empty(1, 2 * config.channels, height // cell, width // cell, device=srgb.device)
            v_grid = to_grid(v_hat).unsqueeze(0)
            for tile in tiles(phi.shape[-2], phi.shape[-1], self._side(), HALO):
                part = self._networks.hyper(v_grid[tile.window(HYPER)], on_grid(small[tile.window()]))
                phi[tile.place()] = part[tile.inside()]
        return coded(CvprSteps(self._networks, phi, small), exchange, config.steps, self._side(), self._stage)

    def _side(self) -> int:
        # In latent pixels, a multiple of what v covers.
        return max(min(self._coder.tile, TILE) // self._block, 4) * HYPER

    def synthesise(self, coded: Coded) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""
        advance, cell = self._part(0.5, 1), self._cell
        with self._stage("synthesis"):
            height, width = self._srgb.shape[-2:]
            raw = torch.empty(3, height, width, device=self._srgb.device)
            for tile in tiles(height, width, self._side() * cell, HALO * cell):
                advance(tile.inner[0], height)
                codes = self._srgb[tile.window()].float() / 255
                part = self._networks.synthesis(coded.z_hat[tile.window(cell)], codes)
                raw[tile.place()] = part[0][tile.inside()].clamp(0, 1)
            return raw[:, : self._size[0], : self._size[1]].contiguous()


class CvprSteps:
    """The entropy networks with what both sides know; see `latent_steps.Steps`.

    Args:
        networks: frozen.
        phi: (1, 2C, H, W).
        srgb: uint8 (1, 3, H, W), at the latents' resolution.
    """

    def __init__(self, networks: CvprNetworks, phi: Tensor, srgb: Tensor) -> None:
        self._networks, self._phi, self._srgb = networks, phi, srgb
        self.channels, self.size, self.device = phi.shape[1] // 2, (phi.shape[-2], phi.shape[-1]), phi.device

    def order(self, cut: Callable[[], Iterator[Tile]]) -> Tensor:
        """Return the step of every latent pixel (H, W): that of the largest logit, the first of equal ones."""
        order = torch.empty(self.size, dtype=torch.long, device=self.device)
        for tile in cut():
            logits = self._networks.order(self._phi[tile.window()], on_grid(self._srgb[tile.window()]))
            order[tile.place()] = first_largest(logits)[0][tile.inside()]
        return order

    def parameters(self, known: Known, tile: Tile, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tables, means and exponents (zero) inside a tile's outer window."""
        window = tile.window()
        context = self._networks.context(to_grid(known.z_hat[window]), known.taken[window])
        index, mean = self._networks.parameters_of(context, self._phi[window])
        return index, mean, torch.zeros_like(mean)

    def steps_of(self, exponents: Tensor, step: int) -> Tensor:
        """Return the quantisation steps, which are one."""
        return torch.ones_like(exponents)


def first_largest(logits: Tensor) -> Tensor:
    """Return which of the logits (B, S, H, W) is the largest, the first of equal ones, on every machine (B, H, W)."""
    step, largest = torch.zeros_like(logits[:, 0], dtype=torch.long), logits[:, 0]
    for number in range(1, logits.shape[1]):
        better = logits[:, number] > largest
        step = torch.where(better, number, step)
        largest = torch.maximum(largest, logits[:, number])
    return step
