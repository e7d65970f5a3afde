"""Tiny trees in the layout of each of the field's datasets, by the simulated camera."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from rawbench.camera.cfa import mosaic_of
from rawbench.camera.read import CameraFile, read_camera_file
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import CfaImage, Shot, take_picture

SIZE = (48, 64)


def take(seed: int, camera: str = "sony-slt-a57", size: tuple[int, int] = SIZE, **shot: object) -> CfaImage:
    """A picture of a landscape of its own for each seed."""
    random = np.random.default_rng(seed)
    light = np.full((*size, 3), 0.2) * random.uniform(0.9, 1.1, (*size, 1))
    for _ in range(25):
        top, left = random.integers(0, size[0] - 8), random.integers(0, size[1] - 8)
        tint = random.uniform(0.6, 1.4, 3) * random.uniform(0.05, 1.0)
        light[top : top + random.integers(6, 20), left : left + random.integers(6, 20)] = tint
    return take_picture(light, find_camera(camera), Shot(**shot), random)


def read(folder: Path, image: CfaImage) -> CameraFile:
    """What LibRaw makes of a picture."""
    path = folder / "picture.dng"
    write_cfa_dng(path, image)
    try:
        return read_camera_file(path)
    finally:
        path.unlink()


def sixteen_bits(srgb8: np.ndarray) -> np.ndarray:
    """uint16 values that round to these, up to the edges of the interval."""
    offset = np.random.default_rng(0).integers(-128, 129, srgb8.shape)
    return np.clip(srgb8.astype(int) * 257 + offset, 0, 65535).astype(np.uint16)


@pytest.fixture
def nus_tree(tmp_path) -> Path:
    """The prepared layout: Sony with 16-bit TIFF, Samsung with 8-bit PNG, one of whose portraits lies on its side."""
    root = tmp_path / "nus"
    for folder, camera in (("SonyA57", "sony-slt-a57"), ("SamsungNX2000", "samsung-nx2000")):
        for number, split in enumerate(("train", "train", "val", "test"), 1):
            portrait = folder.startswith("Samsung") and split == "test"
            picture = read(tmp_path, take(number + 10 * len(folder), camera, SIZE[::-1] if portrait else SIZE))
            for kind in ("raw", "sRGB"):
                (root / folder / split / kind).mkdir(parents=True, exist_ok=True)
            name = f"{folder}_{number:04d}"
            tifffile.imwrite(root / folder / split / "raw" / f"{name}.tif", picture.raw16)
            if folder == "SonyA57":
                tifffile.imwrite(root / folder / split / "sRGB" / f"{name}.tif", sixteen_bits(picture.srgb8))
            else:
                srgb = np.rot90(picture.srgb8, 1) if portrait else picture.srgb8
                Image.fromarray(np.ascontiguousarray(srgb)).save(root / folder / split / "sRGB" / f"{name}.png")
    return root


@pytest.fixture
def nus_camera_files(tmp_path) -> Path:
    """The original layout: a folder a camera, JPEGs beside the camera files."""
    root = tmp_path / "originals"
    for folder, camera in (("SonyA57", "sony-slt-a57"), ("Canon600D", "canon-eos-600d")):
        (root / folder).mkdir(parents=True)
        for number in range(1, 9):
            path = root / folder / f"{folder}_{number:04d}.dng"
            write_cfa_dng(path, take(number + 100 * len(folder), camera))
            if number < 3:
                Image.fromarray(read_camera_file(path).srgb8[2:-2, 4:-4]).save(path.with_suffix(".JPG"), quality=90)
    return root


@pytest.fixture
def fivek_tree(tmp_path) -> Path:
    root = tmp_path / "fivek"
    (root / "HQa1to700").mkdir(parents=True)
    for number in (1, 2, 3, 16, 26):
        name = f"a{number:04d}-_MG_{number}.dng"
        write_cfa_dng(root / "HQa1to700" / name, take(number, cfa="GBRG", bits=14))
    return root


@pytest.fixture
def rawir_tree(tmp_path) -> Path:
    """RGGB planes of 12 bits, and sRGB of twice their size."""
    root = tmp_path / "rawir"
    for phone, suffix in (("iphone-x", "npz"), ("samsung-s9", "npy")):
        for split, numbers in (("train", (1, 2)), ("test", (3,))):
            folder = root / phone / split
            folder.mkdir(parents=True)
            for number in numbers:
                picture = read(tmp_path, take(number + 10 * len(phone)))
                mosaic = np.rint(mosaic_of(picture.raw16, "RGGB") / 65535 * 4095).astype(np.uint16)
                planes = np.stack([mosaic[row::2, column::2] for row in (0, 1) for column in (0, 1)], axis=2)
                if suffix == "npz":
                    np.savez(folder / f"{number}.npz", raw=planes, max_val=4095)
                else:
                    np.save(folder / f"{number}.npy", planes)
                (folder / f"{number}.png").write_bytes(imagecodecs.png_encode(picture.srgb8))
    return root
