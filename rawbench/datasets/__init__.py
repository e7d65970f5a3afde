"""Built-in datasets, registered like anybody's."""

from __future__ import annotations

from collections.abc import Callable

from rawbench.hookspecs import hookimpl


@hookimpl
def register_datasets(register: Callable[..., None]) -> None:
    register(
        "sample",
        "rawbench.datasets.embedded:SampleDataset",
        summary="13 embedded camera files: 12 simulated photographs, one real colour chart; for testing only",
    )
    register(
        "folder",
        "rawbench.datasets.folder:FolderDataset",
        summary="the camera files of a folder (folder:root=DIR)",
    )
