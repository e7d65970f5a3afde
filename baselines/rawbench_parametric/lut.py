"""``lut``: a smooth 3-D lattice sRGB -> raw for each image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor

import rawbench
from rawbench.blocks.bits import BitReader, BitWriter
from rawbench.blocks.integer_coding import (
    RangeEncoder,
    Spread,
    decode_values,
    encode_values,
    finish,
    measure_spread,
    start,
)
from rawbench.blocks.polynomial import Polynomial, chunks
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench_parametric.poly import per_bit

SIZES = (3, 5, 9, 17, 25, 33)
_STEP = 2.0**-10  # of the stored values
_SMOOTHNESS = 0.3  # weight, in pixels, of a second difference
_SHRINKAGE = 0.3  # weight, in pixels, of a node's distance from the polynomial
_SPREAD = 8.0  # expected spread of stored values, in steps
_FEW = 8.0  # pixels near a node that has few
_LARGEST = 100_000  # of a stored value, in steps
_PRICE = 25.0  # decibels that a bit per pixel of the polynomial has to buy


class Lut(rawbench.Codec):
    """A lattice over sRGB codes whose nodes hold what a linear mapping leaves of raw.

    Payload: a coded polynomial of degree 1 (``blocks.polynomial_coding``); two bytes a channel, the spread of nodes
    with many and with few pixels; the values of all nodes that the image's colours touch, in steps of 2**-10, range
    coded. The decoder knows the colours, and so which nodes these are.
    """

    name = "lut"
    summary = "smooth 3-D lattice sRGB -> raw for each image"
    paper = rawbench.Paper(
        citation=(
            "Nguyen & Brown, 'Raw Image Reconstruction Using a Self-Contained sRGB-JPEG Image with Only 64 KB "
            "Overhead', CVPR 2016 (IJCV 2018)."
        ),
        published="A global model of the rendition in the image file itself, 64 KB, error within 0.3 %.",
        ours=(
            "Not their parametric tone and gamut model, but a lattice of 3 to 33 nodes a side on gamma-coded sRGB, "
            "trilinear, fitted by least squares with a penalty on second differences, on top of a polynomial of degree "
            "1."
        ),
        licence="No code of the authors is public.",
    )

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Nodes a side."""
        return [rawbench.RatePoint(index, f"lattice={size}") for index, size in enumerate(SIZES)]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Fit the polynomial, then the lattice to what it leaves."""
        size = SIZES[self.rate_point.index]
        with self.context.stage("analysis"):
            fitted = fit_polynomial(srgb, raw, 1, per_bit(_PRICE, srgb))
            colours, counts, means = colour_means(srgb, raw.double() - base(fitted.polynomial(), srgb))
            near = node_weights(colours, counts, size)
            nodes = fit_lattice(colours, counts, means, size)
        touched = near > 0
        integers = np.clip(np.rint(nodes[touched] / _STEP), -_LARGEST, _LARGEST).astype(np.int64)
        groups = node_groups(near[touched])
        with self.context.stage("entropy"):
            return fitted.to_bytes() + encode_nodes(integers, groups)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Read the nodes, and look every pixel up."""
        size = SIZES[self.rate_point.index]
        with self.context.stage("entropy"):
            fitted, rest = read_polynomial(payload)
            colours, counts = srgb_colours(srgb)
            near = node_weights(colours, counts, size)
            touched = near > 0
            nodes = np.zeros((size**3, 3))
            nodes[touched] = decode_nodes(rest, node_groups(near[touched])) * _STEP
        with self.context.stage("synthesis"):
            out = base(fitted.polynomial(), srgb) + look_up(nodes, srgb, size, self.context.advance)
            return out.clamp(0.0, 1.0).float()


def base(polynomial: Polynomial, srgb: Tensor) -> Tensor:
    """The polynomial without being cut to [0, 1], float64 (3, H, W)."""
    codes = srgb.reshape(3, -1)
    out = torch.empty(codes.shape, dtype=torch.float64, device=srgb.device)
    for part in chunks(codes.shape[1]):
        out[:, part] = polynomial.predict(codes[:, part].T).T
    return out.reshape(srgb.shape)


def srgb_colours(srgb: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The colours of an image, uint8 (U, 3), and how many pixels have each, int64 (U,)."""
    keys, counts = torch.unique(_keys(srgb), return_counts=True)
    return _unpacked(keys.cpu().numpy()), counts.cpu().numpy()


def colour_means(srgb: Tensor, values: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours, uint8 (U, 3), their pixel counts (U,), and the mean of values (3, H, W) for each, (U, 3)."""
    keys, inverse, counts = torch.unique(_keys(srgb), return_inverse=True, return_counts=True)
    sums = torch.zeros(len(keys), 3, dtype=torch.float64, device=srgb.device)
    sums.index_add_(0, inverse, values.reshape(3, -1).T.double())
    means = (sums / counts[:, None]).cpu().numpy()
    return _unpacked(keys.cpu().numpy()), counts.cpu().numpy(), means


def _keys(srgb: Tensor) -> Tensor:
    red, green, blue = srgb.reshape(3, -1).long()
    return (red << 16) | (green << 8) | blue


def _unpacked(keys: np.ndarray) -> np.ndarray:
    return np.stack([keys >> 16, keys >> 8 & 255, keys & 255], 1).astype(np.uint8)


def corners(size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each code the lower node, int64 (256,), and the share of the upper one, float64 (256,)."""
    position = np.arange(256) * (size - 1)
    lower = np.minimum(position // 255, size - 2)
    return lower, (position - 255 * lower) / 255


def trilinear(colours: np.ndarray, size: int) -> scipy.sparse.csr_matrix:
    """The weights of the nodes for each colour: sparse (U, size**3)."""
    lower, share = corners(size)
    rows, columns, weights = [], [], []
    for bits in range(8):
        node, weight = np.zeros(len(colours), dtype=np.int64), np.ones(len(colours))
        for channel in range(3):
            code, up = colours[:, channel], bits >> channel & 1
            node = node * size + lower[code] + up
            weight = weight * (share[code] if up else 1 - share[code])
        rows.append(np.arange(len(colours)))
        columns.append(node)
        weights.append(weight)
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    matrix = scipy.sparse.csr_matrix(entries, shape=(len(colours), size**3))
    matrix.eliminate_zeros()
    return matrix


def node_weights(colours: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """How many pixels, counted in parts, lie near each node: float64 (size**3,), computed without rounding."""
    lower, _ = corners(size)
    near = np.zeros(size**3)
    for bits in range(8):
        node, weight = np.zeros(len(colours), dtype=np.int64), counts.astype(np.int64)
        for channel in range(3):
            code, up = colours[:, channel].astype(np.int64), bits >> channel & 1
            part = code * (size - 1) - 255 * lower[code]
            node = node * size + lower[code] + up
            weight = weight * (part if up else 255 - part)
        near += np.bincount(node, weight, minlength=size**3)  # sums of integers below 2**53
    return near / 255**3


def fit_lattice(colours: np.ndarray, counts: np.ndarray, means: np.ndarray, size: int) -> np.ndarray:
    """Least squares for the nodes, float64 (size**3, 3), with second differences and the nodes held small."""
    weights = trilinear(colours, size)
    weighted = weights.multiply(counts[:, None]).tocsr()
    one, second = scipy.sparse.identity(size), scipy.sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(size - 2, size))
    system = weights.T @ weighted + _SHRINKAGE * scipy.sparse.identity(size**3)
    for axis in range(3):
        parts = [second if a == axis else one for a in range(3)]
        difference = scipy.sparse.kron(scipy.sparse.kron(parts[0], parts[1]), parts[2]).tocsr()
        system = system + _SMOOTHNESS * (difference.T @ difference)
    right = weighted.T @ means
    inverse = scipy.sparse.diags(1 / system.diagonal())
    columns = [scipy.sparse.linalg.cg(system, right[:, c], rtol=1e-4, maxiter=200, M=inverse)[0] for c in range(3)]
    return np.stack(columns, 1)


def node_groups(near: np.ndarray) -> list[np.ndarray]:
    """Positions of the touched nodes with many and with few pixels."""
    return [np.flatnonzero(near >= _FEW), np.flatnonzero(near < _FEW)]


def encode_nodes(integers: np.ndarray, groups: list[np.ndarray]) -> bytes:
    """Code node values, int64 (N, 3)."""
    bits, coder = BitWriter(), RangeEncoder()
    parts = [integers[rows, channel] for channel in range(3) for rows in groups]
    spreads = [measure_spread(part, np.full(len(part), _SPREAD)) for part in parts]
    for part, spread in zip(parts, spreads, strict=True):
        spread.write(bits)
        encode_values(coder, part, np.full(len(part), _SPREAD), spread)
    return bits.to_bytes() + finish(coder)


def decode_nodes(payload: bytes, groups: list[np.ndarray]) -> np.ndarray:
    """Decode what ``encode_nodes`` wrote: int64 (N, 3).

    Raises:
        StreamError: the payload is malformed.
    """
    reader = BitReader(payload)
    spreads = iter([Spread.read(reader) for _ in range(6)])
    count = sum(map(len, groups))
    decoder = start(reader.rest(), 3 * count)
    integers = np.zeros((count, 3), dtype=np.int64)
    for channel in range(3):
        for rows in groups:
            integers[rows, channel] = decode_values(decoder, np.full(len(rows), _SPREAD), next(spreads))
    return integers


def look_up(nodes: np.ndarray, srgb: Tensor, size: int, advance: Callable[[int, int], None]) -> Tensor:
    """Trilinear interpolation of nodes, float64 (size**3, 3), at each pixel: float64 (3, H, W).

    ``advance`` is told how many of the pixels are done.
    """
    lower, share = (torch.from_numpy(a).to(srgb.device) for a in corners(size))
    table = torch.from_numpy(nodes).to(srgb.device)
    codes = srgb.reshape(3, -1)
    out = torch.empty(codes.shape, dtype=torch.float64, device=srgb.device)
    for part in chunks(codes.shape[1]):
        advance(part.start, codes.shape[1])
        here = codes[:, part].long()
        low, up = lower[here], share[here]
        total = torch.zeros(here.shape[1], 3, dtype=torch.float64, device=srgb.device)
        for bits in range(8):
            node = torch.zeros_like(low[0])
            weight = torch.ones_like(up[0])
            for channel in range(3):
                step = bits >> channel & 1
                node = node * size + low[channel] + step
                weight = weight * (up[channel] if step else 1 - up[channel])
            total += table[node] * weight[:, None]
        out[:, part] = total.T
    return out.reshape(srgb.shape)
