"""The images that methods are held to: made from seeds, so that the kit needs no dataset.

Natural scenes are dead leaves (overlapping discs whose radii follow a power law: the size and contrast statistics of
photographs; Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 2001) under a smooth illumination, with
shading, fine texture, sensor noise and clipped highlights. All raw values lie on the 16-bit grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

# Rows sum to 1, so that grey stays grey; the size of the terms is that of real cameras.
CAMERA_TO_SRGB = np.array([[1.65, -0.50, -0.15], [-0.22, 1.50, -0.28], [0.02, -0.52, 1.50]])


@dataclass(frozen=True)
class Image:
    """One pair.

    Attributes:
        name: unique in the kit.
        kind: which checks it serves: natural, medium, pair, odd, small, plain, noise or deep.
        raw: float32 (3, H, W) in [0, 1], on the 16-bit grid.
        srgb: uint8 (3, H, W); uint16 of the kind deep.
    """

    name: str
    kind: str
    raw: np.ndarray
    srgb: np.ndarray


# Also with an sRGB of 16 bits, for the methods that take it: "scene-a-16" is "scene-a" otherwise.
DEEP = ("scene-a", "17x33", "1x1", "constant", "black", "saturated", "noise")


@cache
def kit_images() -> tuple[Image, ...]:
    """Every image of the kit, in a fixed order."""
    scenes = [
        _natural("scene-a", "natural", 128, 192, 11),
        _natural("scene-b", "natural", 160, 144, 12),
        _natural("scene-c", "natural", 112, 208, 13),
        _natural("medium", "medium", 256, 384, 14),
        _natural("pair-a", "pair", 32, 48, 15),
        _natural("pair-b", "pair", 32, 48, 16),
        _natural("17x33", "odd", 17, 33, 17),
        _natural("16x16", "small", 16, 16, 18),
        _natural("7x12", "small", 7, 12, 19),
        _natural("1x1", "small", 1, 1, 20),
    ]
    flat = np.broadcast_to(np.array([0.21, 0.34, 0.17])[:, None, None], (3, 40, 48))
    noise = np.random.default_rng(21).random((3, 40, 56))
    other = np.random.default_rng(22).integers(0, 256, (3, 40, 56), dtype=np.uint8)
    images = (
        *scenes,
        _image("constant", "plain", flat),
        _image("black", "plain", np.zeros((3, 40, 48))),
        _image("saturated", "plain", np.ones((3, 40, 48))),
        _image("noise", "noise", noise),
        Image("unrelated-noise", "noise", _on_grid(noise), other),
    )
    return (*images, *(_deep(image) for image in images if image.name in DEEP))


def render(raw: np.ndarray, bits: int = 8) -> np.ndarray:
    """A plain rendition: colour matrix, a brightening tone curve, the sRGB transfer function, 8 or 16 bits.

    Args:
        raw: (3, H, W) in [0, 1], white-balanced camera RGB.
        bits: of a code.

    Returns:
        uint8 or uint16 (3, H, W).
    """
    linear = np.clip(np.einsum("ij,jhw->ihw", CAMERA_TO_SRGB, raw), 0, 1)
    linear = 1 - (1 - linear) ** 1.4
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return np.round(np.clip(encoded, 0, 1) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def dead_leaves(height: int, width: int, seed: int) -> np.ndarray:
    """A scene-linear image of overlapping, shaded, textured discs.

    Returns:
        float64 (3, height, width), exposed so that some 1 % of the values lie beyond 1.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    scene = np.empty((3, height, width))
    scene[:] = _colour(rng)[:, None, None]
    smallest, largest = 2.0 + max(height, width) / 80, max(height, width) / 2 + 4.0
    for _ in range(500):
        share = rng.random()
        radius = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
        centre_y, centre_x = rng.uniform(-radius / 2, height + radius / 2), rng.uniform(-radius / 2, width + radius / 2)
        angle, wavelength, contrast = rng.uniform(0, np.pi), rng.uniform(2.5, 20), rng.exponential(0.08)
        colour = _colour(rng)
        inside = (y - centre_y) ** 2 + (x - centre_x) ** 2 < radius**2
        if not inside.any():
            continue
        along = (x[inside] * np.cos(angle) + y[inside] * np.sin(angle)) / wavelength
        shade = 1 + contrast * np.sin(2 * np.pi * along) + 0.3 * (x[inside] - centre_x) / radius
        scene[:, inside] = colour[:, None] * np.maximum(shade, 0.05)
    light = 1.6 * np.exp(0.9 * np.cos(2.2 * x / width + rng.uniform(0, 6)) * np.cos(1.7 * y / height))
    scene *= light
    return scene / max(1.0, float(np.percentile(scene, 98.5)))


def _colour(rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.normal(-1.9, 0.8)) * np.exp(rng.normal(0, 0.22, 3))


def _natural(name: str, kind: str, height: int, width: int, seed: int) -> Image:
    scene = dead_leaves(height, width, seed)
    for axis in (1, 2):  # the blur of a lens and of demosaicing
        padded = np.pad(scene, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        before, after = np.arange(scene.shape[axis]), np.arange(scene.shape[axis]) + 2
        scene = 0.5 * scene + 0.25 * (padded.take(before, axis) + padded.take(after, axis))
    noise = np.random.default_rng(seed + 1000).normal(size=scene.shape)
    return _image(name, kind, scene + noise * np.sqrt(2e-5 * scene + 1e-7))


def _image(name: str, kind: str, raw: np.ndarray) -> Image:
    stored = _on_grid(raw)
    return Image(name, kind, stored, render(stored.astype(np.float64)))


def _deep(image: Image) -> Image:
    return Image(f"{image.name}-16", "deep", image.raw, render(image.raw.astype(np.float64), 16))


def _on_grid(raw: np.ndarray) -> np.ndarray:
    return (np.round(np.clip(raw, 0, 1) * 65535).astype(np.float32) / np.float32(65535)).astype(np.float32)
