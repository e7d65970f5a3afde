"""The dataset ``folder``: a photographer's own camera files."""

from __future__ import annotations

from pathlib import Path

from rawbench.datasets.camera_files import CameraFilesDataset
from rawbench.errors import SampleError

# Camera files by suffix; anything else in the folder (JPEGs, sidecars) is passed over.
# fmt: off
CAMERA_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
# fmt: on


class FolderDataset(CameraFilesDataset):
    """The camera files in a folder and below it: ``folder:root=DIR``.

    Ids are the files' paths below the folder, so that they stay the same when the folder moves.
    """

    name = "folder"
    revision = "1"
    summary = "the camera files of a folder (folder:root=DIR)"

    class Options(CameraFilesDataset.Options):
        """Options of the dataset ``folder``."""

        root: Path

    def _find_files(self) -> dict[str, Path]:
        root = self.options.root
        if not root.is_dir():
            raise SampleError(f"dataset folder: {root} is no folder")
        found = sorted(path for path in root.rglob("*") if path.suffix.lower() in CAMERA_SUFFIXES)
        files = {path.relative_to(root).as_posix(): path for path in found if path.is_file()}
        if not files:
            raise SampleError(f"dataset folder: {root} holds no camera file (.dng, .nef, .arw, ...)")
        return files
