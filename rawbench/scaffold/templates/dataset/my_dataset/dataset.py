"""The dataset. ``rawbench.Dataset``'s docstring is the manual; ``rawbench datasets check`` holds it to that."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field

import rawbench


class MyDataset(rawbench.Dataset):
    """Pairs of a folder: ``NAME.tiff``, a raw of 16 bits (H, W, 3), and ``NAME.png``, its sRGB of 8 bits."""

    name = "my-dataset"
    revision = "1"  # another one whenever ids, splits or pixels change
    summary = "16-bit TIFFs, each with a PNG beside it"

    class Options(rawbench.Options):
        root: Path = Field(description="the folder")

    def ids(self, split="test"):
        if not self.options.root.is_dir():
            raise rawbench.SampleError(f"{self.options.root}: no such folder")
        return sorted(path.stem for path in self.options.root.glob("*.tiff")) if split == "test" else []

    def info(self, id):
        import tifffile

        raw, srgb = self._pair(id)
        try:
            with tifffile.TiffFile(raw) as file:
                height, width = file.pages[0].shape[:2]
        except tifffile.TiffFileError as error:
            raise rawbench.SampleError(f"{raw}: {error}") from None
        digest = hashlib.sha256(raw.read_bytes() + srgb.read_bytes()).hexdigest()
        return rawbench.SampleInfo(id, "my camera", "png", "camera", height, width, digest)

    def load(self, id):
        import torch

        from rawbench.camera.images import read_raw16, read_srgb8

        raw, srgb = (read(path) for read, path in zip((read_raw16, read_srgb8), self._pair(id), strict=True))
        if raw.shape != srgb.shape:
            raise rawbench.SampleError(f"{id}: the raw is {raw.shape}, the sRGB {srgb.shape}")
        planes = torch.from_numpy(raw.astype("float32") / 65535).permute(2, 0, 1).contiguous()
        return rawbench.Sample(self.info(id), planes, torch.from_numpy(srgb).permute(2, 0, 1).contiguous())

    def verify(self, root):
        found = []
        for id in self.ids():
            try:
                self.load(id)
            except rawbench.SampleError as error:
                found.append(rawbench.Problem(id, str(error)))
        return found

    def _pair(self, id):
        raw, srgb = (self.options.root / f"{id}{suffix}" for suffix in (".tiff", ".png"))
        for path in (raw, srgb):
            if not path.is_file():
                raise rawbench.SampleError(f"{path}: no such file")
        return raw, srgb
