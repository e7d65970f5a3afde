"""Training frames on disk: pairs of raw and sRGB that a camera simulation wrote, opened without copying.

Layout: ``manifest.csv`` and, in ``train/`` and ``validation/``, ``raw_NNNNN.npy`` (uint16 (H, W, 3), 65535 is white)
with ``srgb_NNNNN.npy`` (uint8 (H, W, 3), the 8-bit rendition). The manifest says which split a frame belongs to;
folders alone are not believed.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rawbench.errors import SampleError

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Frame:
    """One pair: ``raw`` uint16 (H, W, 3) and ``srgb`` uint8 (H, W, 3), both mapped from disk, read-only."""

    raw: np.ndarray
    srgb: np.ndarray


class Frames:
    """One split of a frames folder.

    Args:
        folder: holds ``manifest.csv``.
        split: ``train`` or ``validation``.
        excluded_scenes: scenes that must not occur in any row of the manifest.

    Raises:
        SampleError: no manifest, another split in it, an excluded scene, one scene in both splits, a frame that the
            manifest does not list, or a listed frame that is missing or has another form.
    """

    def __init__(self, folder: Path, split: Split, excluded_scenes: Iterable[str] = ()) -> None:
        rows = read_manifest(folder, excluded_scenes)
        self.folder = folder
        self.split = split
        self.manifest_digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        self.rows = [row for row in rows if row["split"] == split]
        if not self.rows:
            raise SampleError(f"{folder / MANIFEST}: lists no frame of the split {split}")
        self._frames = [self._open(row) for row in self.rows]
        self._refuse_unlisted()

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        return self._frames[index]

    @property
    def smallest_side(self) -> int:
        """The shortest side of any frame, in pixels."""
        return min(min(frame.raw.shape[:2]) for frame in self._frames)

    def _paths(self, row: Mapping[str, str]) -> tuple[Path, Path]:
        number = frame_number(row)
        folder = self.folder / self.split
        return folder / f"raw_{number:05d}.npy", folder / f"srgb_{number:05d}.npy"

    def _open(self, row: Mapping[str, str]) -> Frame:
        raw_path, srgb_path = self._paths(row)
        raw = _map(raw_path, np.uint16)
        srgb = _map(srgb_path, np.uint8)
        if raw.shape != srgb.shape:
            raise SampleError(f"{srgb_path}: is {srgb.shape[:2]}, its raw is {raw.shape[:2]}")
        return Frame(raw, srgb)

    def _refuse_unlisted(self) -> None:
        listed = {path.name for row in self.rows for path in self._paths(row)}
        for path in sorted((self.folder / self.split).glob("*.npy")):
            if path.name not in listed:
                raise SampleError(f"{path}: the manifest does not list it as {self.split}")


def read_manifest(folder: Path, excluded_scenes: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read and check ``manifest.csv``: one row a frame, with the columns ``split``, ``scene`` and the frame's number.

    Raises:
        SampleError: see `Frames`.
    """
    path = folder / MANIFEST
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise SampleError(f"{path}: cannot be read: {error.strerror}") from error
    excluded = {_plain(scene) for scene in excluded_scenes}
    splits: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        split, scene = row.get("split"), row.get("scene")
        if split is None or not scene:
            raise SampleError(f"{path}, line {line}: needs the columns split and scene")
        if split not in SPLITS:
            raise SampleError(f"{path}, line {line}: split {split!r} has no place in training frames")
        if _plain(scene) in excluded:
            raise SampleError(f"{path}, line {line}: scene {scene} is excluded from training")
        if splits.setdefault(scene, split) != split:
            raise SampleError(f"{path}, line {line}: scene {scene} is in both splits")
        frame_number(row)
    return rows


def frame_number(row: Mapping[str, str]) -> int:
    """Return the NNNNN of a manifest row's files."""
    for column in ("frame", "index", "number"):
        digits = (row.get(column) or "").removesuffix(".npy").rpartition("_")[2]
        if digits.isdigit():
            return int(digits)
    raise SampleError(f"{MANIFEST}: a row without the frame's number (column frame): {dict(row)}")


def _plain(scene: str) -> str:
    return scene.strip().lower()


def _map(path: Path, dtype: type[np.generic]) -> np.ndarray:
    try:
        image = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SampleError(f"{path}: cannot be opened: {error}") from error
    if image.dtype != dtype or image.ndim != 3 or image.shape[2] != 3:
        raise SampleError(f"{path}: is {image.dtype} {image.shape}, not {np.dtype(dtype)} (H, W, 3)")
    return image
