"""Which files of a folder are camera files, raw images and the sRGB beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rawbench.errors import SampleError

# Camera files by suffix; anything else in the folder (JPEGs, sidecars) is passed over.
CAMERA_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
RAW_FOLDERS = frozenset({"raw"})
SRGB_FOLDERS = ("srgb", "rgb")
_IMAGES_BESIDE = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
_APPLE_DOUBLE = "._"  # macOS keeps a file's attributes in one of this name beside it, on disks of other systems


def image_beside(path: Path) -> Path | None:
    """The image of a camera file's name beside it, in any case of its suffix; None where there is none."""
    names = {name.name.lower(): name for name in path.parent.iterdir()}
    for suffix in _IMAGES_BESIDE:
        if (path.stem + suffix).lower() in names:
            return names[(path.stem + suffix).lower()]
    return None


def files_below(root: Path) -> list[Path]:
    """The files in a folder and below it, sorted; linked folders are followed, each once; AppleDouble files are not."""
    return sorted(_walk(root, set()))


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        place = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SampleError(f"{folder}: cannot be read ({error.strerror})") from None
    if (place.st_dev, place.st_ino) in seen:
        return
    seen.add((place.st_dev, place.st_ino))
    real: list[os.DirEntry[str]] = []
    linked: list[os.DirEntry[str]] = []
    for entry in entries:
        if entry.name.startswith(_APPLE_DOUBLE):
            continue
        if entry.is_dir():
            (linked if entry.is_symlink() else real).append(entry)
        elif entry.is_file():
            yield Path(entry.path)
    for entry in [*real, *linked]:  # what is reached both ways is known by its own name
        yield from _walk(Path(entry.path), seen)


def folder_files(root: Path) -> dict[str, Path]:
    """The camera files, and the raws of pairs, in a folder and below it, by their path below it, sorted.

    Raises:
        SampleError: no such folder, or it holds none.
    """
    if not root.is_dir():
        raise SampleError(f"dataset folder: {root} is no folder")
    found = [path for path in files_below(root) if path.suffix.lower() in CAMERA_SUFFIXES or is_raw_image(path)]
    if not found:
        raise SampleError(
            f"dataset folder: {root} holds no camera file (.dng, .nef, .arw, ...), and no pairs in raw/ and sRGB/"
        )
    return {printable(path.relative_to(root).as_posix()): path for path in found}


def printable(name: str) -> str:
    r"""A file's name as text that may be kept and printed: bytes that are no UTF-8 are written as ``\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_raw_image(path: Path) -> bool:
    """Whether a file is the raw of a pair, by its suffix and folder."""
    return path.suffix.lower() in (".tif", ".tiff", ".png") and path.parent.name.lower() in RAW_FOLDERS


def srgb_of_pair(path: Path) -> Path | None:
    """The sRGB image of the same name as a raw one, in a folder beside; None where there is none."""
    for folder in sorted(path.parent.parent.iterdir()):
        if folder.is_dir() and folder.name.lower() in SRGB_FOLDERS:
            found = image_beside(folder / path.name)
            if found is not None:
                return found
    return None
