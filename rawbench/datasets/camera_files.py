"""What every dataset of camera files shares: each file is read and rendered by the field's protocol."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.dataset import Dataset
from rawbench.datasets.found_files import image_beside
from rawbench.datasets.rendered import RenditionOptions
from rawbench.errors import SampleError, suggest
from rawbench.types import Problem, Sample, SampleInfo

if TYPE_CHECKING:
    from rawbench.camera.read import CameraFile, CameraFileInfo
    from rawbench.camera.renditions import Rendition


class CameraFilesDataset(Dataset):
    """Camera files read by LibRaw: linear white-balanced camera RGB, and its rendition.

    The rendition is what becomes of the 8-bit image: ``png`` (nothing), ``png16`` (LibRaw's 16 bits in its place),
    ``jpeg90`` (a JPEG of quality 90, decoded again), ``jpeg90-444``, ``given`` (the image of the same name beside the
    camera file, which is cropped to it) or ``camera`` (an in-camera-like rendition, see ``rawbench.camera.develop``).
    All images are test images.
    """

    class Options(RenditionOptions):
        """Options of a dataset of camera files."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._infos: dict[str, SampleInfo] = {}
        self._files: dict[str, Path] | None = None

    @abstractmethod
    def _find_files(self) -> dict[str, Path]:
        """The camera file of each id, in the order of the ids.

        Raises:
            SampleError: there is none.
        """

    def ids(self, split: str = "test") -> list[str]:
        """The ids of the files; only the split ``test`` has any."""
        return list(self._all_files()) if split == "test" else []

    def info(self, id: str) -> SampleInfo:
        """What the file says of itself.

        The pixels are demosaiced for a JPEG rendition alone, whose size is known only once it is made.
        """
        if id not in self._infos:
            from rawbench.camera.read import read_camera_file, read_camera_info

            path = self._path(id)
            if self._rendition().given:
                return self.load(id).info
            if self._rendition().quality is None:
                self._infos[id] = self._info(id, read_camera_info(path), None)
            else:
                camera = read_camera_file(path)
                self._infos[id] = self._info(id, camera.info, self._render(path, camera)[1])
        return self._infos[id]

    def load(self, id: str) -> Sample:
        """The file's raw and sRGB."""
        from rawbench.camera.read import read_camera_file
        from rawbench.camera.tensors import raw_tensor, srgb_tensor

        path = self._path(id)
        if self._rendition().given:
            return self._load_given(id, path)
        camera = read_camera_file(path, self.options.raw_space, self._rendition().bits)
        srgb, carrier_bytes = self._render(path, camera)
        info = self._infos[id] = self._info(id, camera.info, carrier_bytes)
        return Sample(info, raw_tensor(camera.raw16), srgb_tensor(srgb))

    def verify(self, root: Path) -> list[Problem]:
        """Camera files that cannot be read; ``root`` is not used, as the files are where the options say."""
        problems = []
        for id in self.ids():
            try:
                self.load(id)
            except SampleError as error:
                problems.append(Problem(id, str(error)))
        return problems

    def _rendition(self) -> Rendition:
        from rawbench.camera.renditions import parse_rendition

        return parse_rendition(self.options.rendition)

    def _render(self, path: Path, camera: CameraFile) -> tuple[Any, int | None]:
        from rawbench.camera.renditions import apply_rendition, develop

        rendition = self._rendition()
        if not rendition.in_camera:
            return apply_rendition(camera.srgb(rendition.bits), rendition)
        if self.options.raw_space != "camera":
            raise SampleError(f"{path}: rendition camera is made in raw space camera")
        return develop(camera.raw16, camera.info.xyz_to_balanced, rendition)

    def _load_given(self, id: str, path: Path) -> Sample:
        """The raw with the image beside it, to which it is cropped; what it costs is the image's file."""
        from rawbench.camera.images import pair_with
        from rawbench.camera.read import open_camera_file
        from rawbench.camera.tensors import raw_tensor, srgb_tensor

        given = image_beside(path)
        if given is None:
            raise SampleError(f"{path}: rendition given: there is no image of this name beside it")
        with open_camera_file(path) as file:
            camera, whole = file.info, file.raw16(self.options.raw_space)
        pair = pair_with(whole, given, shown=camera.shown)
        info = self._info(id, camera, given.stat().st_size)
        digest = hashlib.sha256(info.source_digest.encode() + given.read_bytes()).hexdigest()
        height, width = pair.srgb.shape[:2]
        facts = {**info.facts, "fit": round(pair.fit.detail, 4)}
        self._infos[id] = replace(info, height=height, width=width, source_digest=digest, facts=facts)
        return Sample(self._infos[id], raw_tensor(pair.raw16), srgb_tensor(pair.srgb))

    def _info(self, id: str, camera: CameraFileInfo, carrier_bytes: int | None) -> SampleInfo:
        rendition = self._rendition().name
        facts: dict[str, Any] = {
            "simulated": camera.simulated,
            "iso": camera.iso,
            "camera": camera.camera,
        }
        if self.options.raw_space == "camera":
            facts["xyz_to_camera"] = list(camera.xyz_to_balanced)
        if carrier_bytes is not None:
            facts["carrier_bytes"] = carrier_bytes
        return SampleInfo(
            id=id,
            camera=camera.camera,
            rendition=rendition,
            raw_space=self.options.raw_space,
            height=camera.height,
            width=camera.width,
            source_digest=hashlib.sha256(f"{camera.digest} {rendition} {self.options.raw_space}".encode()).hexdigest(),
            simulated=camera.simulated,
            facts=facts,
        )

    def _all_files(self) -> dict[str, Path]:
        if self._files is None:
            self._files = self._find_files()
        return self._files

    def _path(self, id: str) -> Path:
        files = self._all_files()
        if id not in files:
            raise SampleError(f"dataset {self.name}: no image {id!r}{suggest(id, files)}")
        return files[id]
