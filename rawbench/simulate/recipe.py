"""Simulated pictures in bulk: by a recipe, byte for byte the same each time, or of every scene in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.errors import SampleError, UsageError
from rawbench.files import read_toml
from rawbench.options import Options, build_options
from rawbench.simulate.cameras import Camera, find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.scenes import is_panorama, list_scenes, read_scene, scene_view
from rawbench.simulate.sensor import CfaImage, Shot, take_picture

# LibRaw takes nothing smaller for a camera file.
SMALLEST_SIDE = 32

_CFA_PATTERN = "|".join(CFA_ORDERS)


class Picture(Options):
    """One simulated photograph of a recipe; angles in degrees, exposure in stops (see ``Shot``)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    scene: str
    camera: str
    yaw: float
    pitch: float = 0.0
    fov: float = Field(gt=0, le=170)
    height: int = Field(default=384, ge=SMALLEST_SIDE, le=8192)
    width: int = Field(default=512, ge=SMALLEST_SIDE, le=8192)
    iso: int = Field(default=100, ge=25, le=65535)
    clipped: float = Field(default=0.01, ge=0, lt=1)
    exposure_ev: float = 0.0
    kelvin: float = Field(default=5500, ge=2000, le=20000)
    tint: float = Field(default=1.0, gt=0.5, lt=2)
    shading: float = Field(default=0.15, ge=0, lt=1)
    bits: int = Field(default=12, ge=8, le=16)
    cfa: str = Field(default="RGGB", pattern=f"^({_CFA_PATTERN})$")
    seed: int = Field(default=0, ge=0)

    @property
    def shot(self) -> Shot:
        """How the picture is taken."""
        return Shot(
            iso=self.iso,
            clipped=self.clipped,
            exposure_ev=self.exposure_ev,
            kelvin=self.kelvin,
            tint=self.tint,
            shading=self.shading,
            bits=self.bits,
            cfa=self.cfa,
        )


class SensorFrame(Options):
    """One frame of a real sensor in a recipe: a headerless file of little-endian 16-bit values."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    file: str
    height: int = Field(ge=SMALLEST_SIDE)
    width: int = Field(ge=SMALLEST_SIDE)
    cfa: str = Field(pattern=f"^({_CFA_PATTERN})$")
    bits: int = Field(ge=8, le=16)
    black: int = Field(ge=0)
    white: int = Field(ge=1, le=65535)
    as_shot_neutral: tuple[float, float, float]
    xyz_to_camera: tuple[float, float, float, float, float, float, float, float, float]
    make: str
    model: str
    iso: int = Field(default=100, ge=1, le=65535)
    description: str = ""


def read_recipe(path: Path) -> tuple[list[Picture], list[SensorFrame]]:
    """Read a recipe: a TOML file of ``[[picture]]`` and ``[[sensor_frame]]`` tables.

    Raises:
        UsageError: the file is missing or no TOML, or an entry is incomplete, misspelt or out of range.
    """
    path = Path(path)
    tables = read_toml(path)
    unknown = sorted(set(tables) - {"picture", "sensor_frame"})
    if unknown:
        raise UsageError(f"{path}: unknown table {unknown[0]!r}; there are picture and sensor_frame")
    pictures = [_entry(Picture, path, "picture", entry) for entry in tables.get("picture", [])]
    frames = [_entry(SensorFrame, path, "sensor_frame", entry) for entry in tables.get("sensor_frame", [])]
    names = [entry.name for entry in [*pictures, *frames]]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{path}: two entries are called {twice!r}")
    return pictures, frames


def _entry(model: type[Options], path: Path, table: str, values: dict[str, Any]) -> Any:
    return build_options(model, values, f"{path}: [[{table}]] {values.get('name', '(without a name)')}")


def simulate_folder(
    scenes: Path,
    out: Path,
    *,
    camera: str | None = None,
    recipe: Path | None = None,
    seed: int = 0,
    views: int = 1,
    size: tuple[int, int] = (384, 512),
    shot: Shot | None = None,
) -> list[Path]:
    """Photograph the scenes of a folder with a simulated camera and write DNG files.

    With a recipe, exactly its pictures: the same scene files and recipe give the same bytes. With a camera,
    ``views`` pictures of every scene, turned evenly from a random first direction (flat scenes: one picture).

    Args:
        scenes: folder with ``.hdr`` and ``.exr`` files (and the recipe's sensor frames, if it has any).
        out: folder for the DNG files; made if missing.
        camera: slug or name of one of the eight cameras.
        recipe: recipe file; exclusive with ``camera``.
        seed: of directions and noise, without a recipe.
        views: pictures of each panorama, without a recipe.
        size: rows and columns, without a recipe.
        shot: settings, without a recipe; the camera's usual bit depth and mild clipping by default.

    Returns:
        The files written, in order.

    Raises:
        UsageError: neither or both of camera and recipe, an unknown camera, a wrong recipe, no views.
        SampleError: a scene is missing or cannot be read.
    """
    if (camera is None) == (recipe is None):
        raise UsageError("give either a camera or a recipe")
    if views < 1:
        raise UsageError(f"{views} views of a scene: at least one is needed")
    scenes, out = Path(scenes), Path(out)
    if recipe is not None:
        images = _images_of_recipe(scenes, Path(recipe))
    else:
        images = _images_of_folder(scenes, find_camera(camera or ""), seed, views, size, shot)
    return [_write(out / f"{name}.dng", image) for name, image in images]


def _write(path: Path, image: CfaImage) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_cfa_dng(path, image)
    return path


def _images_of_recipe(scenes: Path, recipe: Path) -> Iterator[tuple[str, CfaImage]]:
    pictures, frames = read_recipe(recipe)
    for picture in pictures:
        yield picture.name, simulate_picture(read_scene(_find(scenes, picture.scene)), picture)
    for frame in frames:
        yield frame.name, read_sensor_frame(_find(scenes, frame.file), frame)


def simulate_picture(scene: np.ndarray, picture: Picture) -> CfaImage:
    """Take one picture of a recipe; its seed and entry determine every value."""
    light = scene_view(scene, picture.yaw, picture.pitch, picture.fov, picture.height, picture.width)
    return take_picture(
        light,
        find_camera(picture.camera),
        picture.shot,
        np.random.default_rng(picture.seed),
        description=f"simulated view of {picture.scene}",
    )


def read_sensor_frame(path: Path, frame: SensorFrame) -> CfaImage:
    """A real sensor's values with the metadata that the recipe gives them.

    Raises:
        SampleError: the file has another size.
    """
    values = np.fromfile(path, dtype="<u2")
    if values.size != frame.height * frame.width or path.stat().st_size != 2 * values.size:
        raise SampleError(f"{path}: is not {frame.width}x{frame.height} values of 16 bits")
    return CfaImage(
        mosaic=values.reshape(frame.height, frame.width).astype(np.uint16),
        cfa=frame.cfa,
        bits=frame.bits,
        black=frame.black,
        white=frame.white,
        as_shot_neutral=frame.as_shot_neutral,
        xyz_to_camera=np.array(frame.xyz_to_camera).reshape(3, 3),
        make=frame.make,
        model=frame.model,
        iso=frame.iso,
        simulated=False,
        description=frame.description,
    )


def _find(folder: Path, name: str) -> Path:
    """The file of this name in a folder or below it."""
    found = sorted(folder.rglob(name)) if folder.is_dir() else []
    if not found:
        raise SampleError(f"{folder}: holds no {name}, which the recipe asks for")
    return found[0]


def _images_of_folder(
    scenes: Path, camera: Camera, seed: int, views: int, size: tuple[int, int], shot: Shot | None
) -> Iterator[tuple[str, CfaImage]]:
    for index, path in enumerate(list_scenes(scenes)):
        scene = read_scene(path)
        rng = np.random.default_rng([seed, index])
        first = rng.uniform(-180, 180)
        for view in range(views if is_panorama(scene) else 1):
            yaw = (first + 360 * view / views + 180) % 360 - 180
            light = scene_view(scene, yaw, 0.0, 90.0, *size)
            settings = shot or Shot(bits=camera.bits)
            image = take_picture(light, camera, settings, rng, description=f"simulated view of {path.name}")
            yield f"{camera.slug}_{path.stem.lower().replace(' ', '-')}_{view + 1}", image
