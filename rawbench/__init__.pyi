from .codec import Advance, Codec, Context
from .dataset import Dataset
from .errors import PluginError, RawbenchError, SampleError, StreamError, UsageError
from .executor import Executor
from .external.codec import ExternalCodec
from .hookspecs import hookimpl
from .metric import Metric
from .options import Options
from .results.loading import load
from .results.run import Run
from .results.store import Outcome
from .run.arrays import decode, encode
from .types import Capabilities, Paper, Problem, RatePoint, Sample, SampleInfo

__version__: str

__all__ = [
    "Advance",
    "Capabilities",
    "Codec",
    "Context",
    "Dataset",
    "Executor",
    "ExternalCodec",
    "Metric",
    "Options",
    "Outcome",
    "Paper",
    "PluginError",
    "Problem",
    "RatePoint",
    "RawbenchError",
    "Run",
    "Sample",
    "SampleError",
    "SampleInfo",
    "StreamError",
    "UsageError",
    "__version__",
    "decode",
    "encode",
    "hookimpl",
    "load",
]
