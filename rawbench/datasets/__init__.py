"""Built-in datasets, registered like anybody's."""

from __future__ import annotations

from rawbench.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    """Offer the built-in datasets."""
    register(
        "sample",
        "rawbench.datasets.embedded:SampleDataset",
        summary="13 embedded camera files: 12 simulated photographs, one real colour chart; for testing only",
    )
    register(
        "folder",
        "rawbench.datasets.folder:FolderDataset",
        summary="the camera files, or pairs in raw/ and sRGB/, of a folder (folder:root=DIR)",
    )
    register(
        "nus",
        "rawbench.datasets.nus:NusDataset",
        summary="NUS 8-camera set: prepared quarter-size pairs, or original camera files (your own copy)",
    )
    register(
        "fivek",
        "rawbench.datasets.fivek:FiveKDataset",
        summary="MIT-Adobe FiveK, its DNG files (your own copy)",
    )
    register(
        "rawir",
        "rawbench.datasets.rawir:RawIrDataset",
        summary="NTIRE 2025 smartphone pairs of raw planes and sRGB (your own copy)",
    )
