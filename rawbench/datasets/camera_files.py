"""What every dataset of camera files shares: each file is read and rendered by the field's protocol."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from rawbench import options
from rawbench.dataset import Dataset
from rawbench.errors import SampleError, UsageError
from rawbench.names import suggest
from rawbench.types import Problem, Sample, SampleInfo

if TYPE_CHECKING:
    from rawbench.camera.read import CameraFile, CameraFileInfo
    from rawbench.camera.renditions import Rendition


class CameraFilesDataset(Dataset):
    """Camera files read by LibRaw: linear white-balanced camera RGB, and its 8-bit rendition.

    The rendition is what becomes of the 8-bit image: ``png`` (nothing), ``jpeg90`` (a JPEG of quality 90, decoded
    again) or ``jpeg90-444``. All images are test images.
    """

    class Options(options.Options):
        """Options of a dataset of camera files."""

        rendition: str = "png"

        @field_validator("rendition")
        @classmethod
        def _known(cls, value: str) -> str:
            from rawbench.camera.renditions import parse_rendition

            try:
                return parse_rendition(value).name
            except UsageError as error:
                raise ValueError(str(error)) from None

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
            if self._rendition().quality is None:
                self._infos[id] = self._info(id, read_camera_info(path), None)
            else:
                camera = read_camera_file(path)
                self._infos[id] = self._info(id, camera.info, self._render(camera)[1])
        return self._infos[id]

    def load(self, id: str) -> Sample:
        """The file's raw and sRGB."""
        from rawbench.camera.read import read_camera_file
        from rawbench.pictures import raw_tensor, srgb_tensor

        camera = read_camera_file(self._path(id))
        srgb, carrier_bytes = self._render(camera)
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

    def _render(self, camera: CameraFile) -> tuple[Any, int | None]:
        from rawbench.camera.renditions import apply_rendition

        return apply_rendition(camera.srgb8, self._rendition())

    def _info(self, id: str, camera: CameraFileInfo, carrier_bytes: int | None) -> SampleInfo:
        rendition = self._rendition().name
        facts: dict[str, Any] = {
            "simulated": camera.simulated,
            "iso": camera.iso,
            "camera": camera.camera,
            "xyz_to_camera": list(camera.xyz_to_camera),
        }
        if carrier_bytes is not None:
            facts["carrier_bytes"] = carrier_bytes
        return SampleInfo(
            id=id,
            camera=camera.camera,
            rendition=rendition,
            raw_space="camera",
            height=camera.height,
            width=camera.width,
            source_digest=hashlib.sha256(f"{camera.digest} {rendition} camera".encode()).hexdigest(),
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
