"""The base: raw is first guessed by one global mapping of the sRGB, of 64 coefficients that are fitted to each image.

The mapping is linear in them: mapping = offset + directions @ coefficients, applied to `features.global_features`. So
the best coefficients of an image are a small least-squares problem. (They stand where the paper has m(v), the channel
means of a hyper-latent; a fit in their place is this implementation's.)
Offset and directions are the low-rank model of the training frames' own best mappings: alternating least squares,
each image weighted by the inverse of what no global mapping of it could do better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve_triangular
from torch import Tensor

from rawbench_learned.features import (
    EVERYWHERE_FEATURES,
    GLOBAL_FEATURES,
    everywhere,
    global_features,
    linearised,
    where_clipped,
)

UNIT = 2.0**-16
"""Coefficients are integers times this and a power of two that goes with the image; one moves the base by 0.6 of
itself (root mean square over channels, in the metric of the training frames)."""
EXPONENTS = 16
LARGEST_INTEGER = 2**15 - 1
LOW_MULTIPLIER = 0.06
"""Of the training's loss at low qualities, where the base is nearly all there is."""
RIDGE = 1e-7
_PART = 1 << 14
"""Pixels that are mapped at once: what a processor's cache holds of their some forty intermediate values."""


@dataclass(frozen=True)
class Moments:
    """An image's sufficient statistics, means over pixels, float64.

    Attributes:
        gram: (F, F), of the features.
        cross: (F, 3), of features and raw.
        energy: of raw, summed over channels.
    """

    gram: np.ndarray
    cross: np.ndarray
    energy: float


@dataclass(frozen=True)
class Coefficients:
    """The base's coefficients as they are written.

    Attributes:
        integers: int64 (M,).
        exponent: 0..15, of the power of two.
    """

    integers: np.ndarray
    exponent: int

    @property
    def values(self) -> np.ndarray:
        """The coefficients, float64 (M,)."""
        return self.integers * (UNIT * 2**self.exponent)


def moments(raw: Tensor, srgb: Tensor, stride: int = 1) -> Moments:
    """Return the statistics of one image, from every ``stride``-th pixel.

    Args:
        raw: float32 (3, H, W).
        srgb: uint8 (3, H, W).
        stride: in both directions.
    """
    gram = np.zeros((GLOBAL_FEATURES, GLOBAL_FEATURES))
    cross = np.zeros((GLOBAL_FEATURES, 3))
    energy = 0.0
    rows = range(0, raw.shape[-2], 64 * stride)
    count = 0
    for top in rows:  # in bands: float64 features of a photograph would fill the memory
        band = (slice(None), slice(top, top + 64 * stride, stride), slice(None, None, stride))
        values, codes = raw[band].flatten(1).double(), srgb[band].flatten(1)
        _add_moments(gram, cross, values, codes)
        energy += float((values**2).sum())
        count += values.shape[1]
    gram[:EVERYWHERE_FEATURES, EVERYWHERE_FEATURES:] = gram[EVERYWHERE_FEATURES:, :EVERYWHERE_FEATURES].T
    return Moments(gram / count, cross / count, energy / count)


def _add_moments(gram: np.ndarray, cross: np.ndarray, values: Tensor, codes: Tensor) -> None:
    # What is zero but where a channel is clipped is built and summed there alone. The lower half of the gram.
    features = everywhere(codes[None, :, None])[0, :, 0].double()
    places = (codes.amax(0) == 255).nonzero()[:, 0]
    special = where_clipped(codes[None, :, None, places])[0, :, 0].double()
    first, rest = slice(0, EVERYWHERE_FEATURES), slice(EVERYWHERE_FEATURES, None)
    gram[first, first] += (features @ features.T).cpu().numpy()
    gram[rest, first] += (special @ features[:, places].T).cpu().numpy()
    gram[rest, rest] += (special @ special.T).cpu().numpy()
    cross[first] += (features @ values.T).cpu().numpy()
    cross[rest] += (special @ values[:, places].T).cpu().numpy()


def error(image: Moments, mapping: np.ndarray) -> float:
    """Return the mean squared error over pixels and channels of a mapping (F, 3)."""
    total = image.energy - 2 * float((mapping * image.cross).sum())
    total += float((mapping * (image.gram @ mapping)).sum())
    return max(total / 3, 1e-12)


def solve(image: Moments, directions: np.ndarray, offset: np.ndarray, step: float = 0.0) -> np.ndarray:
    """Return the coefficients (M,) that make the base best, by ridge least squares.

    With a step, they are rounded to its multiples one after the other, each time with the best for the rest, so that
    later ones make up for the rounding of earlier ones: all from one factorisation.

    Args:
        image: statistics.
        directions: (F, 3, M).
        offset: (F, 3).
        step: grid, or 0.
    """
    flat = directions.reshape(-1, directions.shape[2])
    seen = np.tensordot(image.gram, directions, 1).reshape(flat.shape)
    normal = flat.T @ seen + RIDGE * np.eye(flat.shape[1])
    target = np.einsum("fcm,fc->m", directions, image.cross - image.gram @ offset)
    # normal = upper @ upper.T: the error is that of the best plus the squares of upper.T @ (coefficients - best).
    upper = np.linalg.cholesky(normal[::-1, ::-1])[::-1, ::-1]
    best = solve_triangular(upper, solve_triangular(upper, target), trans="T")
    if not step:
        return best
    moved = np.zeros(len(best))
    for k in range(len(best)):
        wanted = best[k] - upper[:k, k] @ moved[:k] / upper[k, k]
        moved[k] = np.round(wanted / step) * step - best[k]
    return best + moved


def solve_batch(raw: Tensor, srgb: Tensor, directions: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """`moments`, `solve` and `error` of a batch of small images, on its device and without waiting for it.

    Args:
        raw: float32 (B, 3, H, W).
        srgb: uint8 (B, 3, H, W).
        directions: (F, 3, M).
        offset: (F, 3).

    Returns:
        Coefficients (B, M) and mean squared errors (B,), float64. For training: their last bits are the machine's.
    """
    directions, offset = directions.double(), offset.double()
    values, features = raw.flatten(2).double(), global_features(srgb).flatten(2).double()
    gram = features @ features.mT / features.shape[2]
    cross = features @ values.mT / features.shape[2]
    seen = torch.einsum("bfg,gcm->bfcm", gram, directions).flatten(1, 2)
    normal = directions.flatten(0, 1).T @ seen + RIDGE * torch.eye(seen.shape[2], device=raw.device)
    target = torch.einsum("fcm,bfc->bm", directions, cross - gram @ offset)
    found = torch.cholesky_solve(target.unsqueeze(2), torch.linalg.cholesky_ex(normal)[0])[..., 0]
    mapping = offset + torch.einsum("fcm,bm->bfc", directions, found)
    total = (mapping * (gram @ mapping - 2 * cross)).sum((1, 2)) + values.square().mean(2).sum(1)
    return found, (total / 3).clamp_min(1e-12)


def fitted_coefficients(image: Moments, directions: np.ndarray, offset: np.ndarray, pixels: int) -> Coefficients:
    """Return an image's coefficients, rounded as finely as pays.

    A bit more for each of M coefficients halves the step; its square times M / 36 is what rounding adds to the error,
    which costs the training's multiplier for each pixel in units of the error itself.

    Args:
        image: statistics.
        directions: (F, 3, M).
        offset: (F, 3).
        pixels: of the image.
    """
    exact = solve(image, directions, offset)
    unrounded = error(image, offset + directions @ exact)
    step = np.sqrt(18 * unrounded / (np.log(2) * LOW_MULTIPLIER * pixels))
    least = np.abs(exact).max() / (LARGEST_INTEGER / 2)
    exponent = int(np.clip(np.rint(np.log2(max(step, least) / UNIT)), 0, EXPONENTS - 1))
    step = UNIT * 2**exponent
    integers = np.rint(solve(image, directions, offset, step) / step)
    return Coefficients(integers.clip(-LARGEST_INTEGER, LARGEST_INTEGER).astype(np.int64), exponent)


def fit_directions(images: list[Moments], count: int, rounds: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return directions (F, 3, count) and offset (F, 3), float64, from images' statistics.

    Raises:
        ValueError: fewer images than directions.
    """
    if len(images) <= count:
        raise ValueError(f"{count} directions need more than {len(images)} frames")
    best = [np.linalg.solve(i.gram + 1e-6 * np.eye(GLOBAL_FEATURES), i.cross) for i in images]
    weights = np.array([1 / (error(i, w) + 1e-6) for i, w in zip(images, best, strict=True)])
    weights /= weights.sum()
    mean_gram = sum(w * i.gram for w, i in zip(weights, images, strict=True))
    root = np.linalg.cholesky(mean_gram + 1e-9 * np.eye(GLOBAL_FEATURES))
    white = np.stack([root.T @ mapping for mapping in best])
    centre = np.einsum("i,ifc->fc", weights, white)
    spread = (white - centre).reshape(len(images), -1) * np.sqrt(weights)[:, None]
    axes = np.linalg.svd(spread, full_matrices=False)[2][:count].reshape(count, GLOBAL_FEATURES, 3)
    directions = np.linalg.solve(root.T, axes.transpose(1, 2, 0).reshape(GLOBAL_FEATURES, -1))
    directions = directions.reshape(GLOBAL_FEATURES, 3, count)
    offset = np.linalg.solve(root.T, centre)
    for _ in range(rounds):
        directions, offset = _refit(images, weights, [solve(i, directions, offset) for i in images])
    return _normalised(directions, offset, images, weights, mean_gram)


def _refit(images: list[Moments], weights: np.ndarray, found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    extended = np.append(np.stack(found), np.ones((len(found), 1)), 1) * np.sqrt(weights)[:, None]
    count = extended.shape[1]
    size = GLOBAL_FEATURES * count
    # Sums over images of Kronecker products, as one product of matrices.
    grams = np.stack([i.gram.ravel() for i in images])
    pairs = np.einsum("im,in->imn", extended, extended).reshape(len(images), -1)
    normal = (grams.T @ pairs).reshape(GLOBAL_FEATURES, GLOBAL_FEATURES, count, count)
    normal = normal.transpose(0, 2, 1, 3).reshape(size, size)
    crosses = np.stack([i.cross.ravel() for i in images]) * np.sqrt(weights)[:, None]
    target = (crosses.T @ extended).reshape(GLOBAL_FEATURES, 3, count).transpose(0, 2, 1).reshape(size, 3)
    normal += 1e-8 * np.trace(normal) / size * np.eye(size)
    solution = np.linalg.solve(normal, target).reshape(GLOBAL_FEATURES, count, 3).transpose(0, 2, 1)
    return solution[:, :, :-1], solution[:, :, -1]


def _normalised(
    directions: np.ndarray, offset: np.ndarray, images: list[Moments], weights: np.ndarray, gram: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Orthonormal in the metric of the mean image, ordered by how much they vary, zero in the mean.
    found = np.stack([solve(i, directions, offset) for i in images])
    centre = weights @ found
    offset = offset + directions @ centre
    flat = directions.reshape(-1, directions.shape[2])
    metric = flat.T @ np.tensordot(gram, directions, 1).reshape(flat.shape)
    root = np.linalg.cholesky(metric + 1e-12 * np.trace(metric) * np.eye(len(metric)))
    orthonormal = np.linalg.solve(root, flat.T).T
    white = (found - centre) @ root
    turn = np.linalg.svd(white * np.sqrt(weights)[:, None], full_matrices=False)[2].T
    return (orthonormal @ turn).reshape(directions.shape), offset


def apply_base(srgb: Tensor, coefficients: Tensor, directions: Tensor, offset: Tensor) -> Tensor:
    """Return the base, float32 (B, 3, H, W), the same on every machine.

    Args:
        srgb: uint8 (B, 3, H, W).
        coefficients: float32 or float64 (B, M).
        directions: float32 (F, 3, M).
        offset: float32 (F, 3).
    """
    mappings = offset.double() + (directions.double() * coefficients.double()[:, None, None]).sum(-1)
    parts = [_mapped(part, mappings.float()) for part in srgb.flatten(2).split(_PART, 2)]
    return torch.cat(parts, 2).view(len(srgb), 3, *srgb.shape[-2:])


def _mapped(codes: Tensor, mapping: Tensor) -> Tensor:
    # `global_features` of codes (B, 3, N) times the mapping (B, F, 3), (B, 3, N), without ever building them: separate
    # products and sums in a fixed order, each correctly rounded, where a matrix product is summed as the library likes.
    rows = mapping.transpose(0, 1).unsqueeze(-1)
    total = rows[0].expand(-1, -1, codes.shape[2])
    for first, values in ((1, linearised(codes)), (20, codes.float() / 255)):
        total = total + _polynomial(values, rows[first : first + 19])
    images, places = (codes == 255).any(1).nonzero(as_tuple=True)
    if len(places):
        sums = total[images, :, places]
        features = where_clipped(codes[images, :, places].T[None, :, None])[0, :, 0]
        for feature, row in zip(features, mapping[:, EVERYWHERE_FEATURES:].unbind(1), strict=True):
            sums += feature[:, None] * row[images]
        total[images, :, places] = sums
    return total


def _polynomial(values: Tensor, rows: Tensor) -> Tensor:
    # Of `features.monomials`: r g b, rr gg bb rg gb br, rrr ggg bbb rrg rrb ggr ggb bbr bbg rgb.
    r, g, b = values.split(1, 1)
    total = r * (rows[0] + r * (rows[3] + r * rows[9]) + g * (rows[6] + r * rows[12] + g * rows[14] + b * rows[18]))
    total += g * (rows[1] + g * (rows[4] + g * rows[10]) + b * (rows[7] + g * rows[15] + b * rows[17]))
    total += b * (rows[2] + b * (rows[5] + b * rows[11]) + r * (rows[8] + r * rows[13] + b * rows[16]))
    return total
