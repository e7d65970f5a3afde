"""Latents of the authors' systems coded step by step, in tiles: memory is bounded, and the result is that of the whole.

What steers the coder is exact, so a tile with enough around it computes the same integers as the whole map would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks.tiles import Tile, tiles
from rawbench_learned import rate
from rawbench_learned.coding import check_symbols, flat
from rawbench_learned.economy import LARGEST_SYMBOL
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.stages import Stage
from rawbench_learned.tables import Tables, symbol_costs

HALO = 4
"""Latent pixels that a step's networks look around themselves: 2 by the deconvolution and 1 by each of two others."""
CHUNK = 1 << 18
"""Latent pixels whose symbols are coded at once."""

Exchange = Callable[[Tensor, Tensor, Tensor, np.ndarray], Tensor]
"""Positions (N,), means and quantisation steps (N, C), tables uint8 (N, C) -> symbols float32: writes or reads them."""


class Steps(Protocol):
    """The entropy networks of one level, with what both sides know of the image."""

    channels: int
    size: tuple[int, int]
    device: torch.device

    def order(self, tiles: Callable[[], Iterator[Tile]]) -> Tensor:
        """Return the step of every latent pixel, int64 (H, W)."""

    def parameters(self, known: Known, tile: Tile, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tables, means and exponents of the quantisation steps (1, C, h, w) inside a tile's outer window."""

    def steps_of(self, exponents: Tensor, step: int) -> Tensor:
        """Return the quantisation steps of a step."""


@dataclass
class Known:
    """What is decoded so far.

    Attributes:
        z_hat: latents (1, C, H, W), zero where not known.
        exponents: of their quantisation steps, the same.
        taken: mask (1, 1, H, W).
    """

    z_hat: Tensor
    exponents: Tensor
    taken: Tensor


def coded(steps: Steps, exchange: Exchange, last: int, side: int, stage: Stage) -> tuple[Tensor, Tensor]:
    """Write or read one level.

    Args:
        steps: its networks.
        exchange: writes or reads symbols.
        last: the last step with symbols; latents of later ones are their means.
        side: of the tiles, in latent pixels.
        stage: marks the stages' time.

    Returns:
        z_hat (1, C, H, W) and the order (H, W).
    """
    height, width = steps.size

    def cut() -> Iterator[Tile]:
        return tiles(height, width, side, HALO)

    with stage("synthesis"):
        order = steps.order(cut)
        z_hat = torch.zeros(1, steps.channels, height, width, device=steps.device)
        known = Known(z_hat, torch.zeros_like(z_hat), torch.zeros_like(z_hat[:, :1]))
    for step in range(int(order.max()) + 1):
        positions = (order.view(-1) == step).nonzero()[:, 0]
        if not len(positions):
            continue
        with stage("synthesis"):
            numbers, means, exponents = _predicted(steps, known, order, step, cut)
        rows, kept = known.z_hat.view(steps.channels, -1), known.exponents.view(steps.channels, -1)
        for part in positions.split(CHUNK):
            values = means[part]
            if step <= last:
                with stage("entropy"):
                    delta = steps.steps_of(exponents[part], step)
                    symbols = exchange(part, values, delta, numbers[part].cpu().numpy())
                    values = symbols * delta + values
            rows[:, part] = values.T
            kept[:, part] = exponents[part].T
        known.taken.view(-1)[positions] = 1
    return known.z_hat, order


def _predicted(
    steps: Steps, known: Known, order: Tensor, step: int, cut: Callable[[], Iterator[Tile]]
) -> tuple[Tensor, Tensor, Tensor]:
    # Maps of all latent pixels as rows, filled where the step is: the order of a stream does not depend on tiles.
    shape = (*order.shape, steps.channels)
    numbers = torch.zeros(shape, dtype=torch.uint8, device=order.device)
    means, exponents = (torch.zeros(shape, device=order.device) for _ in range(2))
    for tile in cut():
        here = order[tile.place()[1:]] == step
        if not bool(here.any()):
            continue
        index, mean, exponent = steps.parameters(known, tile, step)
        index = index.clamp(0, rate.SCALES - 1).to(torch.uint8)
        for whole, found in ((numbers, index), (means, mean), (exponents, exponent)):
            whole[tile.place()[1:]][here] = found[tile.inside()][0].permute(1, 2, 0)[here]
    return numbers.flatten(0, 1), means.flatten(0, 1), exponents.flatten(0, 1)


def writer(latents: Tensor, encoder: SymbolEncoder, tables: Tables, costs: Tensor | None = None) -> Exchange:
    """Return what quantises latents (C, H, W) and writes them, and notes what each pixel costs (H * W,)."""
    rows = latents.flatten(1).T

    def write(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
        symbols = torch.round((rows[positions] - means) / steps)
        symbols = symbols.clamp(-LARGEST_SYMBOL, LARGEST_SYMBOL)
        encoder.write(flat(symbols), numbers.reshape(-1), tables)
        if costs is not None:
            bits = symbol_costs(flat(symbols), numbers.reshape(-1), tables)
            costs[positions.cpu()] = torch.from_numpy(bits.reshape(numbers.shape).sum(1))
        return symbols

    return write


def reader(decoder: SymbolDecoder, tables: Tables) -> Exchange:
    """Return what reads symbols; it raises StreamError for numbers that no encoder writes."""

    def read(positions: Tensor, means: Tensor, steps: Tensor, numbers: np.ndarray) -> Tensor:
        found = decoder.read(numbers.reshape(-1), tables)
        check_symbols(found)
        return torch.as_tensor(found, dtype=torch.float32, device=means.device).view(means.shape)

    return read
