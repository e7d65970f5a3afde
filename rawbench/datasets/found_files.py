"""Which files of a folder are camera files, raw images and the sRGB beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rawbench.errors import SampleError

if TYPE_CHECKING:
    pass

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def image_beside(path: Path) -> Path | None:
    """The image of a camera file's name beside it, in any case of its suffix; None where there is none."""
    names = {name.name.lower(): name for name in path.parent.iterdir()}
    for suffix in (".png", ".tif", ".tiff", ".jpg", ".jpeg"):
        if (path.stem + suffix).lower() in names:
            return names[(path.stem + suffix).lower()]
    return None


# Camera files by suffix; anything else in the folder (JPEGs, sidecars) is passed over.
# fmt: off
CAMERA_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})


RAW_FOLDERS = frozenset({"raw"})


SRGB_FOLDERS = ("srgb", "rgb")


def folder_files(root: Path) -> dict[str, Path]:
    """The camera files, and the raws of pairs, in a folder and below it, by their path below it, sorted.

    Raises:
        SampleError: no such folder, or it holds none.
    """
    if not root.is_dir():
        raise SampleError(f"dataset folder: {root} is no folder")
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in CAMERA_SUFFIXES or is_raw_image(path))
    files = {path.relative_to(root).as_posix(): path for path in found if path.is_file()}
    if not files:
        raise SampleError(
            f"dataset folder: {root} holds no camera file (.dng, .nef, .arw, ...), and no pairs in raw/ and sRGB/"
        )
    return files


def is_raw_image(path: Path) -> bool:
    """Whether a file is the raw of a pair, by its suffix and folder."""
    return path.suffix.lower() in (".tif", ".tiff", ".png") and path.parent.name.lower() in RAW_FOLDERS


def srgb_of_pair(path: Path) -> Path | None:
    """The sRGB image of the same name as a raw one, in a folder beside; None where there is none."""
    from rawbench.datasets.found_files import image_beside

    for folder in sorted(path.parent.parent.iterdir()):
        if folder.is_dir() and folder.name.lower() in SRGB_FOLDERS:
            found = image_beside(folder / path.name)
            if found is not None:
                return found
    return None
