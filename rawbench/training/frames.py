"""Training frames on disk: pairs of raw and sRGB that a camera simulation wrote, opened without copying.

Layout: ``manifest.csv`` and, in ``train/`` and ``validation/``, ``raw_NNNNN.npy`` (uint16 (H, W, 3), 65535 is
white) with ``srgb_NNNNN.npy`` (uint8 (H, W, 3), the 8-bit rendition) and, where the manifest gives its digest,
``developed_NNNNN.npy`` (the same, of an in-camera-like rendition). The manifest says which split a frame belongs to,
and which scenes are tested elsewhere (split ``excluded``); folders alone are not believed.
`rawbench.simulate.frames` writes this form.
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
EXCLUDED = "excluded"
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Frame:
    """``raw`` uint16 (H, W, 3), ``srgb`` and perhaps ``developed`` uint8 (H, W, 3), mapped from disk, read-only."""

    raw: np.ndarray
    srgb: np.ndarray
    developed: np.ndarray | None = None


class Frames:
    """One split of a frames folder. A frame's digest is compared with the manifest's when it is first used.

    Args:
        folder: holds ``manifest.csv``.
        split: ``train`` or ``validation``.
        excluded_scenes: scenes that must not have a frame, beside those that the manifest itself excludes.

    Raises:
        SampleError: no manifest, another split in it, a frame of an excluded scene, one scene in both splits,
            a file that the manifest does not list, or a listed frame that is missing or not as listed.
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
        self._checked: set[int] = set()

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        if index not in self._checked:
            self._check_digests(index)
            self._checked.add(index)
        return self._frames[index]

    @property
    def all_developed(self) -> bool:
        """Whether every frame has an in-camera-like rendition."""
        return all(frame.developed is not None for frame in self._frames)

    @property
    def smallest_side(self) -> int:
        """The shortest side of any frame, in pixels."""
        return min(min(frame.raw.shape[:2]) for frame in self._frames)

    def _path(self, kind: str, row: Mapping[str, str]) -> Path:
        return self.folder / self.split / f"{kind}_{int(row['frame']):05d}.npy"

    def _open(self, row: Mapping[str, str]) -> Frame:
        raw = _map(self._path("raw", row), np.uint16)
        renditions = [_map(self._path(kind, row), np.uint8) for kind in _kinds(row) if kind != "raw"]
        for srgb in renditions:
            if raw.shape != srgb.shape:
                raise SampleError(f"{self._path('srgb', row)}: is {srgb.shape[:2]}, its raw is {raw.shape[:2]}")
        return Frame(raw, *renditions)

    def _check_digests(self, index: int) -> None:
        row, frame = self.rows[index], self._frames[index]
        for kind in _kinds(row):
            expected = row.get(f"{kind}_sha256")
            if expected and hashlib.sha256(getattr(frame, kind).tobytes()).hexdigest() != expected:
                raise SampleError(f"{self._path(kind, row)}: is not the frame that the manifest lists")

    def _refuse_unlisted(self) -> None:
        listed = {self._path(kind, row).name for row in self.rows for kind in _kinds(row)}
        for path in sorted((self.folder / self.split).glob("*.npy")):
            if path.name not in listed:
                raise SampleError(f"{path}: the manifest does not list it as {self.split}")


def _kinds(row: Mapping[str, str]) -> tuple[str, ...]:
    return ("raw", "srgb", "developed") if row.get("developed_sha256") else ("raw", "srgb")


def read_manifest(folder: Path, excluded_scenes: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read and check ``manifest.csv``: the columns ``split``, ``scene``, ``frame`` (a number), and digests.

    Returns:
        The rows of frames; those of excluded scenes have done their work.

    Raises:
        SampleError: see `Frames`.
    """
    path = folder / MANIFEST
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(enumerate(csv.DictReader(file), start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SampleError(f"{path}: cannot be read: {error}") from error
    excluded = {_plain(scene) for scene in excluded_scenes}
    excluded |= {_plain(row.get("scene") or "") for _, row in rows if row.get("split") == EXCLUDED}
    frames = [(line, row) for line, row in rows if row.get("split") != EXCLUDED]
    splits: dict[str, str] = {}
    for line, row in frames:
        split, scene = row.get("split"), row.get("scene")
        if not split or not scene or not (row.get("frame") or "").isdigit():
            raise SampleError(f"{path}, line {line}: needs split, scene and frame, the frame's number")
        if split not in SPLITS:
            raise SampleError(f"{path}, line {line}: split {split!r} has no place in training frames")
        if _plain(scene) in excluded:
            raise SampleError(f"{path}, line {line}: scene {scene} is excluded from training")
        if splits.setdefault(_plain(scene), split) != split:
            raise SampleError(f"{path}, line {line}: scene {scene} is in both splits")
    return [row for _, row in frames]


def _plain(scene: str) -> str:
    """A scene's name, whatever the case or the format of its file."""
    return scene.strip().lower().removesuffix(".hdr").removesuffix(".exr")


def _map(path: Path, dtype: type[np.generic]) -> np.ndarray:
    try:
        image = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SampleError(f"{path}: cannot be opened: {error}") from error
    if not isinstance(image, np.ndarray) or image.dtype != dtype or image.ndim != 3 or image.shape[2] != 3:
        raise SampleError(f"{path}: is not an array of {np.dtype(dtype)}, (H, W, 3)")
    return image
