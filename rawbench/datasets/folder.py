"""The dataset ``folder``: a photographer's own camera files, or anybody's pairs of raw and sRGB images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from rawbench.datasets.camera_files import CameraFilesDataset
from rawbench.datasets.found_files import CAMERA_SUFFIXES, folder_files, srgb_of_pair
from rawbench.errors import SampleError
from rawbench.types import Problem, Sample, SampleInfo

if TYPE_CHECKING:
    from rawbench.datasets.indexed_folder import IndexedFolder


class FolderDataset(CameraFilesDataset):
    """The camera files in a folder and below it: ``folder:root=DIR``.

    Or pairs of images, matched by name: linear 16-bit TIFF or PNG in a folder ``raw``, and 8-bit sRGB (16 bits are
    rounded, unless the rendition is ``png16``, which needs them) in a folder ``sRGB`` or ``rgb`` beside it. Ids are the
    files' paths below the folder, so that they stay the same when the folder moves.
    """

    name = "folder"
    revision = "1"
    summary = "the camera files, or pairs in raw/ and sRGB/, of a folder (folder:root=DIR)"

    class Options(CameraFilesDataset.Options):
        """Options of the dataset ``folder``."""

        root: Path
        white: int | None = Field(
            default=None, ge=1, le=65535,
            description="value of white in the raws of pairs; else 65535, if they make use of all bits",
        )  # fmt: skip

    def info(self, id: str) -> SampleInfo:
        """What the file says of itself; a pair is read for it."""
        if id in self._infos or self._path(id).suffix.lower() in CAMERA_SUFFIXES:
            return super().info(id)
        return self.load(id).info

    def load(self, id: str) -> Sample:
        """The file's raw and sRGB, or those of the pair."""
        path = self._path(id)
        return super().load(id) if path.suffix.lower() in CAMERA_SUFFIXES else self._load_pair(id, path)

    def _load_pair(self, id: str, path: Path) -> Sample:
        from rawbench.camera.images import pair_with, read_raw16
        from rawbench.camera.renditions import apply_rendition
        from rawbench.camera.tensors import raw_tensor, srgb_tensor

        rendition, space = self._rendition(), self.options.raw_space
        if rendition.in_camera or space != "camera":
            raise SampleError(f"{path}: rendition camera and raw space xyz are made from camera files, not from pairs")
        other = srgb_of_pair(path)
        if other is None:
            raise SampleError(f"{path}: no image of this name in a folder sRGB beside")
        pair = pair_with(read_raw16(path, image_white=self.options.white), other, rendition.bits)
        srgb, carrier_bytes = apply_rendition(pair.srgb, rendition)
        white = f" white={self.options.white}" if self.options.white else ""
        said = f" {rendition.name} {space}{white}".encode()
        digest = hashlib.sha256(path.read_bytes() + other.read_bytes() + said)
        facts: dict[str, Any] = {"fit": round(pair.fit.detail, 4)}
        if carrier_bytes is not None:
            facts["carrier_bytes"] = carrier_bytes
        self._infos[id] = SampleInfo(id, "unknown", rendition.name, space, srgb.shape[0], srgb.shape[1],
                                     digest.hexdigest(), facts=facts)  # fmt: skip
        return Sample(self._infos[id], raw_tensor(pair.raw16), srgb_tensor(srgb))

    def prepare(self, source: Path, root: Path) -> None:
        """Write a manifest of the files, for ``verify``; a run needs none."""
        self._indexed(root).prepare(source, root)

    def verify(self, root: Path) -> list[Problem]:
        """Files that are not what the manifest below ``root`` says; without one, those that cannot be used."""
        from rawbench.datasets.manifest import NAME

        if (root / NAME).is_file():
            return self._indexed(root).verify(root)
        return super().verify(root)

    @property
    def root(self) -> Path:
        """Where the manifest is, if there is one."""
        from rawbench.datasets.indexed_folder import manifest_root

        return manifest_root(self.options.root)

    def _indexed(self, root: Path) -> IndexedFolder:
        from rawbench.datasets.indexed_folder import IndexedFolder

        return IndexedFolder(IndexedFolder.Options(root=root, white=self.options.white))

    def _find_files(self) -> dict[str, Path]:
        return folder_files(self.options.root)
