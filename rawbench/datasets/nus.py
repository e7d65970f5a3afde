"""The dataset ``nus``: pairs of the NUS cameras, as Nam et al. prepared them, or the original camera files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rawbench.camera.images import IMAGE_SUFFIXES
from rawbench.datasets.prepared import SPLIT_NAMES, Found, PreparedDataset, camera_files, read_split
from rawbench.errors import SampleError

# How the prepared set calls its folders, and how tables call the cameras.
PREPARED_CAMERAS = {
    "sonya57": "Sony SLT-A57",
    "samsungnx2000": "Samsung NX2000",
    "olympusepl6": "Olympus E-PL6",
}
_NUMBER = re.compile(r"(\d+)(?!.*\d)")


class NusDataset(PreparedDataset):
    """The NUS 8-camera set (Cheng, Prasad, Brown, 2014), in either of two layouts, told apart by their folders.

    (a) The quarter-resolution set of Nam et al. (CVPR 2022): ``SonyA57|SamsungNX2000|OlympusEPL6 / train|val|test /
    raw|sRGB``, 16-bit linear TIFF, and 8-bit PNG (Samsung) or 16-bit TIFF sRGB, paired by their order of names. sRGB
    of 16 bits is rounded to 8 by 257, or taken as it is with ``rendition=png16``, for which Samsung's 8 are too few;
    portraits that lie on their side are turned. Its folders are its splits.

    (b) The original camera files of the eight cameras, rendered by LibRaw (``rendition=given`` takes the JPEG beside
    them). Fujifilm's X-Trans files are listed as not used. Splits: the frozen five folds of
    ``rawbench/datasets/splits/nus.csv``, by the number in the file's name, alike for all cameras, because they
    photographed the same scenes: fold 1 is the test, fold 2 the validation, the rest training; the papers' own
    five folds were drawn without a seed.
    """

    name = "nus"
    revision = "1"
    summary = "NUS 8-camera set: prepared quarter-size pairs, or original camera files (your own copy)"
    where = (
        "(a) the link in the README of wyf0912/R2LCM (the one in SamsungLabs/content-aware-metadata is empty); "
        "(b) cvil.eecs.yorku.ca/projects/public_html/illuminant/illuminant.html"
    )
    licence = "see its pages, and ask its authors; rawbench ships none of it"
    published_splits = "(a) its folders train, val, test; (b) none: five folds, drawn without a seed (R2LCM)"

    @classmethod
    def index(cls, source: Path) -> Iterator[Found]:
        """The pairs of the prepared layout, else the camera files."""
        prepared = {name: folder for folder in _folders(source) if (name := _camera_of(folder))}
        if prepared:
            for name, folder in sorted(prepared.items()):
                yield from _prepared_pairs(folder, name)
            return
        files = camera_files(source)
        if not files:
            raise SampleError(
                f"dataset nus: {source} has neither a folder SonyA57, SamsungNX2000 or OlympusEPL6 nor camera files"
            )
        folds = read_split("nus")
        for path in files:
            number = _NUMBER.search(path.stem)
            if number is None:
                raise SampleError(f"dataset nus: {path} has no number in its name, so it is in no split")
            yield Found(path.relative_to(source).as_posix(), split_of_fold(folds[int(number[1]) % len(folds)]), path,
                        _beside(path))  # fmt: skip

    def scene_of(self, id: str) -> str:
        """The number in the file's name: the cameras photographed the same scenes."""
        number = _NUMBER.search(Path(id).stem)
        return f"scene {int(number[1])}" if number else id


def split_of_fold(fold: str) -> str:
    """The split that a fold is in."""
    return {"1": "test", "2": "validation"}.get(fold, "train")


def _folders(source: Path) -> list[Path]:
    return sorted(path for path in [source, *source.iterdir()] if path.is_dir())


def _camera_of(folder: Path) -> str | None:
    known = re.sub(r"[^a-z0-9]", "", folder.name.lower())
    return PREPARED_CAMERAS.get(known) if any((folder / split / "raw").is_dir() for split in SPLIT_NAMES) else None


def _prepared_pairs(folder: Path, camera: str) -> Iterator[Found]:
    for split_folder in sorted(path for path in folder.iterdir() if path.name in SPLIT_NAMES):
        raws, srgbs = _images(split_folder / "raw"), _images(split_folder / "sRGB")
        if [path.stem for path in raws] == [path.stem for path in srgbs] or len(raws) == len(srgbs):
            pairs: dict[Path, Path | None] = dict(zip(raws, srgbs, strict=True))
        else:
            names = {path.stem: path for path in srgbs}
            pairs = {path: names.get(path.stem) for path in raws}
        for raw, srgb in pairs.items():
            split = SPLIT_NAMES[split_folder.name]
            yield Found(f"{folder.name}/{split_folder.name}/{raw.stem}", split, raw, srgb, camera)


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _beside(path: Path) -> Path | None:
    from rawbench.datasets.found_files import image_beside

    return image_beside(path)
