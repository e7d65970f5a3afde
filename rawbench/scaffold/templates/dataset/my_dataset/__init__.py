"""The plugin of my-dataset: this module is the entry point, and imports nothing heavy."""

from __future__ import annotations

import rawbench


@rawbench.hookimpl
def register_datasets(register):
    register("my-dataset", "my_dataset.dataset:MyDataset", summary="16-bit TIFFs, each with a PNG beside it")
