"""The manifest of the dataset ``folder``, for those who want to know later that their files are what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rawbench.datasets.found_files import CAMERA_SUFFIXES, folder_files, srgb_of_pair
from rawbench.datasets.prepared import Found, PreparedDataset, default_root
from rawbench.errors import SampleError


class IndexedFolder(PreparedDataset):
    """A folder's camera files and pairs, all of them test images, behind a manifest."""

    name = "folder"
    revision = "1"

    class Options(PreparedDataset.Options):
        """Those of the dataset ``folder`` that its index needs."""

        white: int | None = None

    @classmethod
    def index(cls, source: Path) -> Iterator[Found]:
        """The files that the dataset ``folder`` finds."""
        for id, path in folder_files(source).items():
            yield Found(id, "test", path, None if path.suffix.lower() in CAMERA_SUFFIXES else srgb_of_pair(path))

    def _measure_pair(self, found: Found) -> dict[str, Any]:
        measured = super()._measure_pair(found)
        if measured["orientation"]:
            raise SampleError(f"{found.srgb}: turned by 90 degrees against its raw")
        return measured

    def _image_white(self) -> int | None:
        return self.options.white


def manifest_root(folder: Path) -> Path:
    """Where the manifest of a folder is unless an option says otherwise."""
    return default_root("folder") / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
