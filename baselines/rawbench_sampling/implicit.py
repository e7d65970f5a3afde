"""Implicit networks (Li et al., CVPR 2023): one a tile, all trained together, the same on every machine.

Training is chaotic: a last bit that differs grows from step to step. So it is done in float64, where what threads and
vector units disagree on stays far below what matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rawbench.blocks.polynomial import chunks
from rawbench.srgb import full_scale, pick
from rawbench_sampling.grid import Grid

_TILES = 4  # a side
_SEED = 1
_CHUNK = 1 << 13  # pixels of a tile that are evaluated at once


@dataclass(frozen=True)
class Size:
    """Networks and their training.

    Attributes:
        width: features of hidden layers; half as many at the end of each branch.
        frequency: w0 of the sines.
        steps: of Adam.
        rate: of learning, at first.
        halve_every: steps after which the rate is halved.
        decay: weight decay of the colour branch, the position branch and the layers after them.
        rows: most samples of a tile in one step; more take turns.
    """

    width: int
    frequency: float
    steps: int
    rate: float
    halve_every: int
    decay: tuple[float, float, float]
    rows: int


SIZES = {
    "small": Size(24, 10.0, 120, 2e-3, 60, (1e-4, 0.1, 1e-3), 192),
    "reference": Size(256, 30.0, 500, 1e-4, 200, (1e-4, 0.1, 1e-3), 1 << 30),
}


@dataclass(frozen=True)
class _Layer:
    weight: Tensor  # (tiles, inputs, outputs)
    bias: Tensor  # (tiles, 1, outputs)


Networks = tuple[list[_Layer], list[_Layer], list[_Layer]]


def trained_and_evaluated(
    values: Tensor,
    srgb: Tensor,
    grid: Grid,
    size: Size,
    part: Callable[[float, float], Callable[[int, int], None]],
) -> Tensor:
    """Train a network for each tile on the samples around it, and evaluate it at the tile's pixels.

    Args:
        values: float64 (3, rows, columns), about 1 in size, at the samples.
        srgb: uint8 or uint16 (3, H, W).
        grid: where the samples are.
        size: of the networks.
        part: as ``Context.part``: who is told how far training and evaluation are.

    Returns:
        float32 (3, H, W).
    """
    y, x = torch.meshgrid(
        grid.first_row + grid.step * torch.arange(grid.rows, device=srgb.device),
        grid.first_column + grid.step * torch.arange(grid.columns, device=srgb.device),
        indexing="ij",
    )
    inputs = _inputs(grid.take(srgb).reshape(3, -1), y.reshape(-1), x.reshape(-1), grid)
    index, weight = _neighbourhoods(y.reshape(-1), x.reshape(-1), grid)
    networks = _initial(size, _TILES * _TILES, srgb.device)
    networks = _train(networks, inputs, values.reshape(3, -1).T, index, weight, size, part(0.0, 0.8))
    single = tuple([_Layer(la.weight.float(), la.bias.float()) for la in part] for part in networks)
    out = torch.empty(srgb.shape, dtype=torch.float32, device=srgb.device)
    advance = part(0.8, 1.0)
    for tile in range(_TILES * _TILES):
        advance(tile, _TILES * _TILES)
        own = tuple([_Layer(la.weight[tile : tile + 1], la.bias[tile : tile + 1]) for la in part] for part in single)
        _evaluate(out, own, srgb, tile, grid, size)
    return out


def complexity(size: Size) -> Mapping[str, float]:
    """Parameters of one network, and multiply-accumulates of one evaluation a pixel."""
    shapes = [shape for part in _shapes(size.width) for shape in part]
    macs = sum(a * b for a, b in shapes)
    return {"parameters": float(macs + sum(b for _, b in shapes)), "decode_kmac_per_pixel": macs / 1000}


def _shapes(width: int) -> list[list[tuple[int, int]]]:
    branch = [(width, width), (width, width // 2)]
    return [[(3, width), *branch], [(2, width), *branch], [(width, width)] * 3 + [(width, 3)]]


def _initial(size: Size, count: int, device: torch.device) -> Networks:
    """The same networks in each tile, spread as sines want it (Sitzmann et al., NeurIPS 2020, section 3.2)."""
    generator = torch.Generator().manual_seed(_SEED)

    def uniform(shape: tuple[int, ...], bound: float) -> Tensor:
        values = (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * bound
        return values.expand(count, *shape[1:]).contiguous().to(device)

    parts = []
    for number, shapes in enumerate(_shapes(size.width)):
        layers = []
        for position, (inputs, outputs) in enumerate(shapes):
            first = number < 2 and position == 0
            bound = 1 / inputs if first else math.sqrt(6 / inputs) / size.frequency
            layers.append(_Layer(uniform((1, inputs, outputs), bound), uniform((1, 1, outputs), inputs**-0.5)))
        parts.append(layers)
    last = parts[2][-1]
    parts[2][-1] = _Layer(torch.zeros_like(last.weight), torch.zeros_like(last.bias))
    return parts[0], parts[1], parts[2]


def _forward(networks: Networks, inputs: Tensor, frequency: float) -> Tensor:
    """Evaluate networks (T) at inputs (T, N, 5): (T, N, 3)."""
    colour, position, after = networks
    ends = []
    for layers, x in ((colour, inputs[..., :3]), (position, inputs[..., 3:])):
        for layer in layers:
            x = torch.sin(frequency * torch.baddbmm(layer.bias, x, layer.weight))
        ends.append(x)
    x = torch.cat(ends, 2)
    for layer in after[:-1]:
        x = torch.sin(frequency * torch.baddbmm(layer.bias, x, layer.weight))
    return torch.baddbmm(after[-1].bias, x, after[-1].weight)


def _train(
    networks: Networks,
    inputs: Tensor,
    values: Tensor,
    index: Tensor,
    weight: Tensor,
    size: Size,
    advance: Callable[[int, int], None],
) -> Networks:
    """Adam on the weighted mean squared error; index and weight are (T, N)."""
    groups = []
    for layers, decay in zip(networks, size.decay, strict=True):
        tensors = [t.requires_grad_() for layer in layers for t in (layer.weight, layer.bias)]
        groups.append({"params": tensors, "weight_decay": decay})
    optimizer = torch.optim.Adam(groups, lr=size.rate)
    turns = -(-index.shape[1] // size.rows)
    with torch.enable_grad():
        for step in range(size.steps):
            advance(step, size.steps)
            for group in optimizer.param_groups:
                group["lr"] = size.rate * 0.5 ** (step // size.halve_every)
            own, share = index[:, step % turns :: turns], weight[:, step % turns :: turns]
            optimizer.zero_grad()
            error = (_forward(networks, inputs[own], size.frequency) - values[own]).square().mean(2)
            # Tiles do not meet: a sum over them trains each by the mean over its own samples.
            ((error * share).sum(1) / share.sum(1).clamp_min(1.0)).sum().backward()
            optimizer.step()
    for group in optimizer.param_groups:
        for tensor in group["params"]:
            tensor.requires_grad_(False)
    return networks


def _evaluate(out: Tensor, network: tuple[list[_Layer], ...], srgb: Tensor, tile: int, grid: Grid, size: Size) -> None:
    rows, columns = (_extent(length, part) for length, part in zip(srgb.shape[1:], divmod(tile, _TILES), strict=True))
    y, x = torch.meshgrid(
        torch.arange(*rows, device=srgb.device), torch.arange(*columns, device=srgb.device), indexing="ij"
    )
    y, x = y.reshape(-1), x.reshape(-1)
    for part in chunks(len(y), _CHUNK):
        inputs = _inputs(pick(srgb, slice(None), y[part], x[part]), y[part], x[part], grid).float()
        out[:, y[part], x[part]] = _forward(network, inputs[None], size.frequency)[0].T  # type: ignore[arg-type]


def _extent(length: int, number: int) -> tuple[int, int]:
    """First and last (excluded) row or column of a tile."""
    return length * number // _TILES, length * (number + 1) // _TILES


def _inputs(codes: Tensor, y: Tensor, x: Tensor, grid: Grid) -> Tensor:
    """Colour and position in [-1, 1]: float64 (N, 5)."""
    place = torch.stack([2 * y.double() / max(grid.height - 1, 1) - 1, 2 * x.double() / max(grid.width - 1, 1) - 1])
    return torch.cat([2 * codes.double() / full_scale(codes) - 1, place]).T


def _neighbourhoods(y: Tensor, x: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """The samples that each tile trains on, those of it and its neighbours: index and weight (T, N), 0 for padding."""
    tile_y, tile_x = (_tile_of(place, length) for place, length in ((y, grid.height), (x, grid.width)))
    found = []
    for tile in range(_TILES * _TILES):
        near = ((tile_y - tile // _TILES).abs() <= 1) & ((tile_x - tile % _TILES).abs() <= 1)
        found.append(torch.nonzero(near).squeeze(1))
    longest = max(1, max(len(rows) for rows in found))
    index = torch.zeros(len(found), longest, dtype=torch.int64, device=y.device)
    weight = torch.zeros(len(found), longest, dtype=torch.float64, device=y.device)
    for tile, rows in enumerate(found):
        index[tile, : len(rows)], weight[tile, : len(rows)] = rows, 1.0
    return index, weight


def _tile_of(place: Tensor, length: int) -> Tensor:
    starts = torch.tensor([_extent(length, number)[1] for number in range(_TILES - 1)], device=place.device)
    return torch.bucketize(place.contiguous(), starts, right=True)
