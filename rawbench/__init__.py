"""rawbench: measure methods that rebuild a camera's raw image from its sRGB and a few bytes of metadata.

These names are the public interface; all are loaded on first use, and none of them imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Capabilities": "rawbench.types",
    "Codec": "rawbench.codec",
    "Context": "rawbench.codec",
    "Dataset": "rawbench.dataset",
    "Executor": "rawbench.executor",
    "ExternalCodec": "rawbench.external.codec",
    "Metric": "rawbench.metric",
    "Options": "rawbench.options",
    "PluginError": "rawbench.errors",
    "Problem": "rawbench.types",
    "RatePoint": "rawbench.types",
    "RawbenchError": "rawbench.errors",
    "Sample": "rawbench.types",
    "SampleError": "rawbench.errors",
    "SampleInfo": "rawbench.types",
    "StreamError": "rawbench.errors",
    "UsageError": "rawbench.errors",
    "hookimpl": "rawbench.hookspecs",
}

__all__ = [
    "Capabilities",
    "Codec",
    "Context",
    "Dataset",
    "Executor",
    "ExternalCodec",
    "Metric",
    "Options",
    "PluginError",
    "Problem",
    "RatePoint",
    "RawbenchError",
    "Sample",
    "SampleError",
    "SampleInfo",
    "StreamError",
    "UsageError",
    "__version__",
    "hookimpl",
]

if TYPE_CHECKING:
    from rawbench.codec import Codec, Context
    from rawbench.dataset import Dataset
    from rawbench.errors import PluginError, RawbenchError, SampleError, StreamError, UsageError
    from rawbench.executor import Executor
    from rawbench.external.codec import ExternalCodec
    from rawbench.hookspecs import hookimpl
    from rawbench.metric import Metric
    from rawbench.options import Options
    from rawbench.types import Capabilities, Problem, RatePoint, Sample, SampleInfo


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rawbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
