"""In every layout, ``verify`` names the file that was deleted, cut, turned or swapped, and the reason."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from rawbench.datasets.fivek import FiveKDataset
from rawbench.datasets.folder import FolderDataset
from rawbench.datasets.nus import NusDataset
from rawbench.datasets.rawir import RawIrDataset

# Dataset and fixture, two files of one kind, and what verify says of the first when it is turned by 180 degrees.
LAYOUTS = {
    "nus: prepared, sRGB": (
        "nus", "nus_tree", "SamsungNX2000/train/sRGB/SamsungNX2000_0001.png",
        "SamsungNX2000/train/sRGB/SamsungNX2000_0002.png", "turned by 180 degrees to the left against its raw",
    ),
    "nus: prepared, raw": (
        "nus", "nus_tree", "SonyA57/train/raw/SonyA57_0001.tif", "SonyA57/train/raw/SonyA57_0002.tif",
        "turned by 180 degrees to the left against its raw",
    ),
    "nus: camera files": (
        "nus", "nus_camera_files", "SonyA57/SonyA57_0003.dng", "SonyA57/SonyA57_0004.dng",
        "turned by 180 degrees to the left since",
    ),
    "nus: JPEG beside": (
        "nus", "nus_camera_files", "SonyA57/SonyA57_0001.JPG", "SonyA57/SonyA57_0002.JPG",
        "turned by 180 degrees to the left against its raw",
    ),
    "fivek": (
        "fivek", "fivek_tree", "HQa1to700/a0001-_MG_1.dng", "HQa1to700/a0002-_MG_2.dng",
        "turned by 180 degrees to the left since",
    ),
    "rawir: planes": (
        "rawir", "rawir_tree", "iphone-x/train/1.npz", "iphone-x/train/2.npz",
        "turned by 180 degrees to the left against its raw",
    ),
    "rawir: sRGB": (
        "rawir", "rawir_tree", "samsung-s9/train/1.png", "samsung-s9/train/2.png",
        "turned by 180 degrees to the left against its raw",
    ),
    "folder: camera files": (
        "folder", "fivek_tree", "HQa1to700/a0001-_MG_1.dng", "HQa1to700/a0002-_MG_2.dng",
        "turned by 180 degrees to the left since",
    ),
    "folder: pairs": (
        "folder", "nus_tree", "SonyA57/train/sRGB/SonyA57_0001.tif", "SonyA57/train/sRGB/SonyA57_0002.tif",
        "turned by 180 degrees to the left against its raw",
    ),
}  # fmt: skip


def turn(path) -> None:
    """Turn what an image file shows by 180 degrees; of a camera file, by its orientation alone."""
    if path.suffix == ".dng":
        with tifffile.TiffFile(path, mode="r+b") as file:
            file.pages.first.tags[274].overwrite(3)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, np.rot90(tifffile.imread(path), 2))
    elif path.suffix == ".npz":
        with np.load(path) as planes:
            contents = {**planes, "raw": planes["raw"][::-1, ::-1, ::-1]}
        np.savez(path, **contents)
    else:
        with Image.open(path) as image:
            turned = image.transpose(Image.Transpose.ROTATE_180)
        turned.save(path)


@pytest.fixture(params=LAYOUTS)
def copy(request, tmp_path):
    """A prepared copy: the dataset, where its manifest and its files are, and what is to be said of a turned one."""
    name, fixture, first, second, said = LAYOUTS[request.param]
    source, root = request.getfixturevalue(fixture), tmp_path / "root"
    kind = {"nus": NusDataset, "fivek": FiveKDataset, "rawir": RawIrDataset, "folder": FolderDataset}[name]
    dataset = kind(kind.Options(root=source if name == "folder" else root))
    dataset.prepare(source, root)
    kept = [p for p in dataset.verify(root) if not p.what.startswith("not used")]
    assert kept == []
    return dataset, root, source, first, second, said


def problems(copy) -> dict[str, str]:
    found = [p for p in copy[0].verify(copy[1]) if not p.what.startswith("not used")]
    assert all("\n" not in problem.what for problem in found)
    return {problem.where: problem.what for problem in found}


def test_a_deleted_file(copy):
    (copy[2] / copy[3]).unlink()
    assert problems(copy) == {copy[3]: "missing"}


def test_a_cut_file(copy):
    path = copy[2] / copy[3]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    ((where, what),) = problems(copy).items()
    assert where == copy[3]
    assert re.search(rf"changed since it was prepared: {len(whole) * 2 // 3} bytes, {len(whole)} then", what)


def test_a_turned_file(copy):
    turn(copy[2] / copy[3])
    ((where, what),) = problems(copy).items()
    assert where == copy[3] and what.startswith("changed since it was prepared") and what.endswith(copy[5])


def test_two_swapped_files(copy):
    first, second = copy[2] / copy[3], copy[2] / copy[4]
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    said = problems(copy)
    assert list(said) == [copy[3], copy[4]]
    assert f"(that of {copy[4]})" in said[copy[3]] and f"(that of {copy[3]})" in said[copy[4]]
