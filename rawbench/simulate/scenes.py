"""Scene-linear images: read Radiance and OpenEXR files, and take views of panoramas."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from scipy import ndimage

from rawbench.camera.color import primaries_to_srgb
from rawbench.errors import SampleError

SCENE_SUFFIXES = (".hdr", ".exr")

# A pixel darker than this share of its neighbourhood is an artefact, not a detail.
HOLE_DEPTH = 0.04

# Rows and columns copied around a panorama so that cubic splines see no edge.
_MARGIN = 8


def list_scenes(folder: Path) -> list[Path]:
    """The scene files below a folder, sorted by path.

    Raises:
        SampleError: the folder is missing or holds no scene.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SampleError(f"{folder}: no such folder of scenes")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SCENE_SUFFIXES)
    if not found:
        raise SampleError(f"{folder}: holds no {' or '.join(SCENE_SUFFIXES)} file")
    return found


def read_scene(path: Path) -> np.ndarray:
    """Read one scene as linear sRGB light.

    Values below zero (compression leaves small ones) and the black holes that sharpening digs beside lamps are
    healed.

    Returns:
        float32 (H, W, 3), non-negative, in the file's own unit.

    Raises:
        SampleError: the file is missing, damaged, of another kind, or holds values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise SampleError(f"{path}: no such scene file")
    suffix = path.suffix.lower()
    if suffix not in SCENE_SUFFIXES:
        raise SampleError(f"{path}: not a scene-linear file ({' or '.join(SCENE_SUFFIXES)})")
    scene = _read_radiance(path) if suffix == ".hdr" else _read_openexr(path)
    if not np.isfinite(scene).all():
        raise SampleError(f"{path}: holds values that are not finite")
    return heal_holes(np.maximum(scene, 0).astype(np.float32))


def heal_holes(scene: np.ndarray) -> np.ndarray:
    """Replace pixels with a channel far below its neighbourhood by the neighbourhood's median (5x5).

    Panoramas that were sharpened when they were scaled down, or lossily compressed, go to zero and below right
    beside the sun and lamps, where no camera would see black.
    """
    median = np.stack([ndimage.median_filter(scene[..., c], size=5, mode="nearest") for c in range(3)], axis=2)
    holes = (scene < HOLE_DEPTH * median).any(axis=2)
    return np.where(holes[..., None], median, scene)


def _read_radiance(path: Path) -> np.ndarray:
    try:
        scene = imagecodecs.rgbe_decode(path.read_bytes())
    except (imagecodecs.RgbeError, ValueError, RuntimeError, OSError) as error:
        raise SampleError(f"{path}: not a readable Radiance file ({error})") from error
    return scene


def _read_openexr(path: Path) -> np.ndarray:
    try:
        import OpenEXR
    except ImportError as error:
        raise SampleError(f"{path}: reading .exr needs OpenEXR: pip install 'rawbench[simulate]'") from error
    try:
        with OpenEXR.File(str(path)) as file:
            channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
            chromaticities = file.header().get("chromaticities")
    except Exception as error:  # the binding raises bare RuntimeError, TypeError and ValueError alike
        raise SampleError(f"{path}: not a readable OpenEXR file ({error})") from error
    colour = next((channels[name] for name in ("RGB", "RGBA") if name in channels), None)
    if colour is None:
        raise SampleError(f"{path}: no RGB channels (has {', '.join(sorted(channels))})")
    scene = colour[..., :3].astype(np.float32)
    if chromaticities is not None:
        scene = scene @ primaries_to_srgb(tuple(chromaticities)).T.astype(np.float32)
    return scene


def is_panorama(scene: np.ndarray) -> bool:
    """Whether the scene has an equirectangular panorama's shape (twice as wide as high)."""
    return scene.shape[1] == 2 * scene.shape[0]


def scene_view(scene: np.ndarray, yaw: float, pitch: float, fov: float, height: int, width: int) -> np.ndarray:
    """A photograph-shaped view: of a panorama in a direction, of a flat picture its part.

    For a flat picture ``fov`` is the crop's side in percent of the largest one that fits, ``yaw`` (-180 to
    180) and ``pitch`` (-90 to 90) its place from edge to edge.
    """
    if is_panorama(scene):
        return panorama_view(scene, yaw, pitch, fov, height, width)
    return picture_view(scene, yaw / 360 + 0.5, 0.5 - pitch / 180, min(fov / 100, 1.0), height, width)


def panorama_view(panorama: np.ndarray, yaw: float, pitch: float, fov: float, height: int, width: int) -> np.ndarray:
    """A perspective view of an equirectangular panorama.

    Twice as many points as pixels are taken each way, by cubic splines of the logarithm (a sun 10,000 times
    as bright as its sky must not ring), and averaged in linear light.

    Args:
        panorama: float32 (H, 2H, 3), linear, non-negative.
        yaw: degrees to the right of the panorama's centre.
        pitch: degrees above the horizon.
        fov: horizontal angle of view in degrees, between 0 and 170.
        height: rows of the view.
        width: columns of the view.

    Returns:
        float32 (height, width, 3).
    """
    if not 0 < fov <= 170:
        raise ValueError(f"a perspective view has an angle between 0 and 170 degrees, not {fov}")
    rows, columns = panorama_coordinates(panorama.shape[0], yaw, pitch, fov, 2 * height, 2 * width)
    padded = np.pad(panorama, ((0, 0), (_MARGIN, _MARGIN), (0, 0)), mode="wrap")
    padded = np.pad(padded, ((_MARGIN, _MARGIN), (0, 0), (0, 0)), mode="edge")
    return _resample(padded, rows + _MARGIN, columns + _MARGIN)


def panorama_coordinates(
    panorama_height: int, yaw: float, pitch: float, fov: float, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a panorama (float64 (height, width)) that a perspective view's pixels look at."""
    focal = width / 2 / np.tan(np.radians(fov) / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
    tilt = np.radians(pitch)
    ahead = focal * np.cos(tilt) - y * np.sin(tilt)
    up = focal * np.sin(tilt) + y * np.cos(tilt)
    longitude = np.arctan2(x, ahead) + np.radians(yaw)
    latitude = np.arctan2(up, np.hypot(x, ahead))
    panorama_width = 2 * panorama_height
    columns = (longitude / (2 * np.pi) + 0.5) % 1.0 * panorama_width - 0.5
    rows = (0.5 - latitude / np.pi) * panorama_height - 0.5
    return rows, columns


def picture_view(picture: np.ndarray, right: float, down: float, share: float, height: int, width: int) -> np.ndarray:
    """A crop of a flat picture, resampled to (height, width).

    Args:
        picture: float32 (H, W, 3), linear, non-negative.
        right: 0 for the left-most crop, 1 for the right-most.
        down: 0 for the upper-most crop, 1 for the lower-most.
        share: side of the crop relative to the largest one of this shape, in (0, 1].
    """
    scale = share * min(picture.shape[0] / height, picture.shape[1] / width)
    top = np.clip(down, 0, 1) * (picture.shape[0] - scale * height)
    left = np.clip(right, 0, 1) * (picture.shape[1] - scale * width)
    samples = 2 * max(1, round(scale))
    rows = top + (np.arange(samples * height) + 0.5) * scale / samples - 0.5
    columns = left + (np.arange(samples * width) + 0.5) * scale / samples - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    return _resample(picture, grid[0], grid[1], samples)


def _resample(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, samples: int = 2) -> np.ndarray:
    """Cubic splines of the logarithm at these points, averaged over samples x samples of them."""
    positive = image[image > 0]
    floor = float(np.median(positive)) * 1e-4 if positive.size else 1e-6
    top, left = int(rows.min()) - 12, int(columns.min()) - 12
    top, left = max(top, 0), max(left, 0)
    part = image[top : int(rows.max()) + 13, left : int(columns.max()) + 13]
    height, width = rows.shape[0] // samples, rows.shape[1] // samples
    view = np.empty((height, width, 3), dtype=np.float32)
    for channel in range(3):
        logarithm = np.log(part[..., channel].astype(np.float64) + floor)
        points = ndimage.map_coordinates(logarithm, [rows - top, columns - left], order=3, mode="nearest")
        light = np.maximum(np.exp(points) - floor, 0)
        view[..., channel] = light.reshape(height, samples, width, samples).mean(axis=(1, 3))
    return view
