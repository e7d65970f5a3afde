"""An in-camera-like rendition of our own: not one global curve, but what cameras really do, in documented steps.

On a global rendition a polynomial of a hundred bytes brings the raw back nearly; on this one it does not, because the
same raw value becomes different sRGB values in different places. The steps, in order, on linear camera RGB after white
balance, in float64:

1. shading correction: a gain of ``1 + 0.3 r^2``, r = 1 in the corners, as lens profiles have;
2. denoising: luminance by a sigma filter over 5x5 pixels (neighbours within 2 sigma of a shot and read noise model),
   chrominance by a Gaussian of 1.5 pixels;
3. colour matrix to linear sRGB;
4. exposure: the gain (at most 4) that takes the 99th percentile of luminance to 0.9;
5. local tone mapping: log luminance less its Gaussian base (an eighth of the shorter side), the base's contrast about
   middle grey times 0.65, by at most two stops;
6. tone curve: filmic shoulder ``x (1 + x / 4) / (1 + x)`` scaled to keep 1, then the sRGB curve;
7. look: a 17x17x17 table, trilinear: richer blues and greens, calmer reds, warm lights and cool shadows;
8. sharpening: unsharp mask of the luma, Gaussian of 1 pixel, amount 0.7, at most 0.06 of white;
9. eight bits, and a JPEG of quality 92 with colour at half size.

Those are the numbers of the rendition `camera` (`CAMERA`); training draws others (`random_development`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from rawbench.camera.color import SRGB_TO_XYZ, camera_to_srgb, srgb_encode
from rawbench.errors import SampleError

NOISE = (2e-6, 4e-4)  # variance: read, and per unit of signal
MIDDLE_GREY = 0.18
MOST_STOPS = 2.0
LOOK_SIDE = 17
SHARPEN_LIMIT = 0.06
_LUMA = SRGB_TO_XYZ[1]


@dataclass(frozen=True)
class Development:
    """What differs from camera to camera.

    Attributes:
        shading: gain in the corners, less one.
        chroma_sigma: of the chrominance's denoising, in pixels.
        white: where the 99th percentile of luminance goes.
        contrast: by which the base of the local tone mapping is multiplied.
        reach: sigma of that base, over the shorter side.
        look: how much of the look is applied.
        sharpen: amount of the unsharp mask.
    """

    shading: float = 0.3
    chroma_sigma: float = 1.5
    white: float = 0.9
    contrast: float = 0.65
    reach: float = 1 / 8
    look: float = 1.0
    sharpen: float = 0.7


CAMERA = Development()


def random_development(rng: np.random.Generator) -> Development:
    """Some other camera's, from almost global to strongly local."""
    return Development(
        shading=float(rng.uniform(0, 0.4)),
        chroma_sigma=float(rng.uniform(0.7, 2.0)),
        white=float(rng.uniform(0.7, 1.0)),
        contrast=float(rng.uniform(0.5, 1.0)),
        reach=float(np.exp(rng.uniform(np.log(1 / 20), np.log(1 / 4)))),
        look=float(rng.uniform(0, 1.2)),
        sharpen=float(rng.uniform(0, 1)),
    )


def develop_pixels(raw16: np.ndarray, xyz_to_balanced: tuple[float, ...], how: Development = CAMERA) -> np.ndarray:
    """Steps 1 to 8 and the rounding to eight bits.

    Args:
        raw16: uint16 (H, W, 3), linear camera RGB after white balance.
        xyz_to_balanced: XYZ (D65) to camera RGB, row by row; rows may have any scale.
        how: the camera's ways.

    Returns:
        uint8 (H, W, 3).

    Raises:
        SampleError: the camera's colour matrix is not known.
    """
    matrix = np.array(xyz_to_balanced, dtype=np.float64)
    if matrix.size != 9 or not matrix.any():
        raise SampleError("rendition camera: the colour matrix of the camera is not known")
    linear = raw16.astype(np.float64) / 65535
    height, width = linear.shape[:2]
    linear = np.minimum(linear * shading_gain(height, width, how.shading)[..., None], 1.0)
    linear = denoise(linear, how.chroma_sigma)
    linear = np.clip(linear @ camera_to_srgb(matrix.reshape(3, 3)).T, 0, None)
    linear = local_tone(expose(linear, how.white), how.contrast, how.reach)
    encoded = srgb_encode(shoulder(np.clip(linear, 0, None)))
    encoded = sharpen(apply_look(np.clip(encoded, 0, 1), how.look), how.sharpen)
    return np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8)


def shading_gain(height: int, width: int, corners: float) -> np.ndarray:
    """(H, W): step 1."""
    y = np.linspace(-1, 1, height)[:, None] if height > 1 else np.zeros((1, 1))
    x = np.linspace(-1, 1, width)[None, :] if width > 1 else np.zeros((1, 1))
    return 1 + corners * (y**2 + x**2) / 2


def denoise(linear: np.ndarray, chroma_sigma: float) -> np.ndarray:
    """Step 2: (H, W, 3) linear light."""
    luma = linear @ _LUMA
    chroma = linear - luma[..., None]
    chroma = np.stack([gaussian_filter(chroma[..., c], chroma_sigma, mode="mirror") for c in range(3)], axis=2)
    return np.clip(sigma_filter(luma)[..., None] + chroma, 0, None)


def sigma_filter(luma: np.ndarray) -> np.ndarray:
    """The mean of those of 5x5 neighbours that differ by no more than the noise would make them."""
    height, width = luma.shape
    padded = np.pad(luma, 2, mode="edge")
    reach = 2 * np.sqrt(NOISE[0] + NOISE[1] * luma)
    total, count = np.zeros_like(luma), np.zeros_like(luma)
    for row in range(5):
        for column in range(5):
            other = padded[row : row + height, column : column + width]
            near = np.abs(other - luma) <= reach
            total += np.where(near, other, 0)
            count += near
    return total / count


def expose(linear: np.ndarray, white: float) -> np.ndarray:
    """Step 4."""
    bright = float(np.quantile(linear @ _LUMA, 0.99))
    return linear * min(white / max(bright, 1e-6), 4.0)


def local_tone(linear: np.ndarray, contrast: float, reach: float) -> np.ndarray:
    """Step 5."""
    luma = np.log2(np.maximum(linear @ _LUMA, 1e-4))
    base = gaussian_filter(luma, min(luma.shape) * reach, mode="mirror")
    middle = np.log2(MIDDLE_GREY)
    gain = np.clip((contrast - 1) * (base - middle), -MOST_STOPS, MOST_STOPS)
    return linear * np.exp2(gain)[..., None]


def shoulder(linear: np.ndarray) -> np.ndarray:
    """Step 6, before the sRGB curve: 0 -> 0, 1 -> 1, flattening towards 1 and clipped there."""
    return np.minimum(1.6 * linear * (1 + linear / 4) / (1 + linear), 1.0)


def look_table() -> np.ndarray:
    """Step 7: float64 (17, 17, 17, 3), sRGB in [0, 1] -> sRGB."""
    axis = np.linspace(0, 1, LOOK_SIDE)
    colour = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    luma = (colour @ np.array([0.299, 0.587, 0.114]))[..., None]
    chroma = colour - luma
    richness = 1.1 + 0.25 * np.maximum(chroma[..., 2:], 0) + 0.15 * np.maximum(chroma[..., 1:2], 0)
    richness = richness - 0.25 * np.maximum(chroma[..., :1], 0)
    tint = (luma - 0.5) * np.array([0.03, 0.005, -0.03]) * 4 * luma * (1 - luma)
    return np.clip(luma + chroma * richness + tint, 0, 1)


def apply_look(encoded: np.ndarray, amount: float) -> np.ndarray:
    """Step 7 on (H, W, 3) in [0, 1]."""
    table = look_table()
    places = np.moveaxis(encoded, 2, 0) * (LOOK_SIDE - 1)
    looked = np.stack([map_coordinates(table[..., c], places, order=1, mode="nearest") for c in range(3)], axis=2)
    return looked if amount == 1 else np.clip(encoded + amount * (looked - encoded), 0, 1)


def sharpen(encoded: np.ndarray, amount: float) -> np.ndarray:
    """Step 8."""
    luma = encoded @ np.array([0.299, 0.587, 0.114])
    detail = amount * (luma - gaussian_filter(luma, 1.0, mode="mirror"))
    return encoded + np.clip(detail, -SHARPEN_LIMIT, SHARPEN_LIMIT)[..., None]
