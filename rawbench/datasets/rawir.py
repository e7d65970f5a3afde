"""The dataset ``rawir``: smartphone pairs of the NTIRE 2025 challenge on raw reconstruction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from rawbench.camera.images import IMAGE_SUFFIXES, PACKED_SUFFIXES
from rawbench.datasets.found_files import files_below
from rawbench.datasets.prepared import SPLIT_NAMES, Found, PreparedDataset
from rawbench.errors import SampleError


class RawIrDataset(PreparedDataset):
    """NTIRE 2025 RAW reconstruction from RGB on smartphones (arXiv 2506.01947).

    512x512x4 RGGB planes, 12 bit, black removed, not white-balanced; and 1024x1024x3 sRGB of the phones.
    A pair is a ``.npz`` (``raw``, ``max_val``) or ``.npy`` file and the image of the same name in whatever folders; the
    camera is the folder of the planes, or the one above a folder ``raw``. The planes are demosaiced bilinearly to the
    size of the sRGB: figures are not those of the challenge, which measures the planes. The phones' ``.pkl`` metadata
    are never opened. Splits: folders ``train``, ``val`` or ``test`` on the way; where there is none, by a hash of the
    name (a tenth each for test and validation), so that they stay the same when files are added.
    """

    name = "rawir"
    revision = "1"
    summary = "NTIRE 2025 smartphone pairs of raw planes and sRGB (your own copy)"
    where = "huggingface.co/datasets/marcosv/rawir"
    licence = "see its page; rawbench ships none of it"
    published_splits = "training data are public; those of the test phones are not"
    white = 4095

    @classmethod
    def index(cls, source: Path) -> Iterator[Found]:
        """The planes, each with the image of its name."""
        images: dict[tuple[str, str], Path] = {}
        planes = []
        for path in files_below(source):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                images[_camera(source, path), path.stem] = path
            elif path.suffix.lower() in PACKED_SUFFIXES:
                planes.append(path)
        if not planes:
            raise SampleError(f"dataset rawir: {source} holds no planes (.npz, .npy)")
        for path in planes:
            camera = _camera(source, path)
            split = next((SPLIT_NAMES[part] for part in path.relative_to(source).parts if part in SPLIT_NAMES), "")
            id = path.relative_to(source).with_suffix("").as_posix()
            yield Found(
                id, split or hashed_split(f"{camera}/{path.stem}"), path, images.get((camera, path.stem)), camera
            )


def hashed_split(name: str) -> str:
    """The split of an image whose dataset has none."""
    part = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 10
    return {0: "test", 1: "validation"}.get(part, "train")


_KINDS = {"raw", "srgb", "rgb", "raws", "rgbs", *SPLIT_NAMES}


def _camera(source: Path, path: Path) -> str:
    """The innermost folder that is neither a split nor a kind of image."""
    parts = path.relative_to(source).parts[:-1]
    return next((part for part in reversed(parts) if part.lower() not in _KINDS), "unknown")
