"""The embedded dataset ``sample``: camera files that come with rawbench."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from rawbench.datasets.camera_files import CameraFilesDataset
from rawbench.errors import SampleError


class SampleDataset(CameraFilesDataset):
    """Twelve simulated photographs and one of a real sensor, as DNG files; for testing only.

    The simulated ones show CC0 panoramas through the published colour matrices of three NUS cameras (Samsung NX2000,
    Olympus E-PL6, Sony SLT-A57); see ``sample/ATTRIBUTION.md`` and ``sample/recipe.toml`` beside this module.
    """

    name = "sample"
    revision = "1"
    summary = "13 embedded camera files: 12 simulated photographs, one real colour chart; for testing only"

    def _find_files(self) -> dict[str, Path]:
        folder = sample_folder()
        files = {path.stem: path for path in sorted(folder.glob("*.dng"))}
        if not files:
            raise SampleError(f"{folder}: the embedded camera files are missing; install rawbench again")
        return files


def sample_folder() -> Path:
    """Where the embedded camera files, their recipe and attribution lie."""
    return Path(str(resources.files("rawbench.datasets"))) / "sample"
