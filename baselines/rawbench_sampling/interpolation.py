"""Spreads what samples know to the pixels between them: by position, and by likeness of colour."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rawbench.blocks.polynomial import chunks, clip_class
from rawbench.srgb import code_step, pick
from rawbench_sampling.grid import Grid
from rawbench_sampling.rbf import interpolate_at

_REACH = 2  # samples to each side of the nearest one
_TRIAL_PIXELS = 8192
_WORTH = 0.01  # part of the squared error that a kernel has to take away


@dataclass(frozen=True)
class Kernel:
    """How a sample's weight falls off, and how much the mean is drawn to zero.

    Attributes:
        position: per squared distance in grid steps.
        colour: per squared difference of the sRGB codes in steps of 8 bits, all channels that are not clipped.
        damping: weight of zero.
    """

    position: float
    colour: float
    damping: float


@dataclass(frozen=True)
class Radial:
    """Radial basis functions instead of a mean (``rawbench_sampling.rbf``).

    Attributes:
        position: weight of the position against colours in [0, 1].
    """

    position: float


# By index, as the payload has it; the first leaves the prediction as it is.
KERNELS: tuple[Kernel | Radial, ...] = (
    Kernel(0.0, 0.0, 1e9),
    *(
        Kernel(position, colour, damping)
        for position, colour, damping in itertools.product(
            (0.2, 0.6, 2.0), (0.0, 1 / 4096, 1 / 512, 1 / 64), (0.003, 0.1, 1.0)
        )
    ),
    Radial(0.3),
    Radial(3.0),
)


def spread(
    values: Tensor,
    codes: Tensor,
    srgb: Tensor,
    grid: Grid,
    kernels: tuple[Kernel | Radial, Kernel | Radial],
    advance: Callable[[int, int], None],
) -> Tensor:
    """Spread sample values to each pixel: weighted means of those around it, or radial basis functions.

    In means, samples whose clipped channels are not the pixel's own do not count.

    Args:
        values: float64 (3, rows, columns), at the samples.
        codes: uint8 or uint16 (3, rows, columns), sRGB at the samples.
        srgb: uint8 or uint16 (3, H, W).
        grid: where the samples are.
        kernels: for pixels without and with clipped channels.
        advance: is told how many of the pixels are done.

    Returns:
        float32 (3, H, W).
    """
    pixels = srgb.reshape(3, -1)
    out = torch.zeros(pixels.shape, dtype=torch.float32, device=srgb.device)
    clipped = clip_class(pixels.T) != 0
    done = 0
    for wanted, kernel in zip((False, True), kernels, strict=True):
        rows = torch.nonzero(clipped == wanted).squeeze(1)
        for part in chunks(len(rows), 1 << 16) if kernel != KERNELS[0] else ():
            here = rows[part]
            advance(done, len(clipped))
            done += len(here)
            out[:, here] = _estimates(values, codes, pick(pixels, slice(None), here), here, grid, (kernel,))[0]
    return out.reshape(srgb.shape)


def _estimates(
    values: Tensor, codes: Tensor, pixels: Tensor, position: Tensor, grid: Grid, kernels: Sequence[Kernel | Radial]
) -> list[Tensor]:
    """What each of some kernels makes of the values, float32 (3, N); arguments as of ``_means``."""
    means = iter(
        _means(values, codes, pixels, position, grid, [kernel for kernel in kernels if isinstance(kernel, Kernel)])
    )
    return [
        next(means)
        if isinstance(kernel, Kernel)
        else interpolate_at(values, codes, pixels, position, grid, kernel.position).float()
        for kernel in kernels
    ]


def _means(
    values: Tensor, codes: Tensor, pixels: Tensor, position: Tensor, grid: Grid, kernels: Sequence[Kernel]
) -> list[Tensor]:
    """Weighted means by each of some kernels, float32 (3, N), at pixels, sRGB (3, N), of positions, int64 (N,)."""
    values, codes = values.reshape(3, -1).float(), codes.reshape(3, -1)
    step = code_step(codes)
    row, column = grid.nearest(pixels.device)
    y, x = position // grid.width, position % grid.width
    row, column = row[y], column[x]
    classes, own = clip_class(codes.T), clip_class(pixels.T)
    colours = pixels.float() / step
    sums = [torch.zeros_like(colours) for _ in kernels]
    totals = [torch.full_like(colours[0], kernel.damping) for kernel in kernels]
    reach = range(-_REACH, _REACH + 1)
    for dy, dx in itertools.product(reach, reach):
        rows, columns = row + dy, column + dx
        inside = (rows >= 0) & (rows < grid.rows) & (columns >= 0) & (columns < grid.columns)
        index = rows.clamp(0, grid.rows - 1) * grid.columns + columns.clamp(0, grid.columns - 1)
        alike = (inside & (classes[index] == own)).float()
        across = (grid.first_row + rows * grid.step - y).float() / grid.step
        along = (grid.first_column + columns * grid.step - x).float() / grid.step
        distance = across * across + along * along
        difference = pick(codes, slice(None), index).float() / step - colours
        colour = (difference * difference).sum(0)
        near = values[:, index]
        for kernel, sum_, total in zip(kernels, sums, totals, strict=True):
            weight = torch.exp(-kernel.position * distance - kernel.colour * colour) * alike
            sum_ += near * weight
            total += weight
    return [sum_ / total for sum_, total in zip(sums, totals, strict=True)]


def choose_kernels(
    values: Tensor, codes: Tensor, srgb: Tensor, target: Tensor, grid: Grid, seed: int
) -> tuple[int, int]:
    """Indices of the kernels that bring the spread values nearest to a target, float (3, H, W), at random pixels.

    One for pixels without and one for pixels with clipped channels.
    """
    generator = torch.Generator().manual_seed(seed)
    classes = clip_class(srgb.reshape(3, -1).T).cpu() != 0
    chosen = []
    for wanted in (False, True):
        candidates = torch.nonzero(classes == wanted).squeeze(1)
        if not len(candidates):
            chosen.append(0)
            continue
        order = torch.randperm(len(candidates), generator=generator)[:_TRIAL_PIXELS]
        picks = candidates[order].to(srgb.device)
        pixels = pick(srgb.reshape(3, -1), slice(None), picks)
        means = _estimates(values, codes, pixels, picks, grid, KERNELS)
        truth = target.reshape(3, -1)[:, picks]
        errors = [float(((mean - truth) ** 2).sum()) for mean in means]
        best = errors.index(min(errors))
        chosen.append(best if errors[best] < (1 - _WORTH) * errors[0] else 0)
    return chosen[0], chosen[1]
