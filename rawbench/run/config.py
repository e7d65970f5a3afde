"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from rawbench.errors import UsageError, suggest
from rawbench.files import read_toml
from rawbench.options import Options


class RunConfig(Options):
    """What ``rawbench run`` is asked to do; the form of ``--config FILE.toml`` too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...]
    dataset: tuple[str, ...] = ("sample",)
    split: str = "test"
    rate_points: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limit: int | None = Field(default=None, ge=1)
    images: tuple[str, ...] = ()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 0
    jobs: int = Field(default=1, ge=1)
    executor: str | None = None
    timeout_seconds: float | None = Field(default=None, gt=0)
    timing: bool = False
    out: str | None = None
    plugins: tuple[str, ...] = ()


def read_config(path: Path, overrides: Mapping[str, Any]) -> RunConfig:
    """A run configuration from TOML, with the command line's values on top.

    Raises:
        UsageError: names the file and the entry.
    """
    return make_config({**read_toml(path), **overrides}, str(path))


def make_config(values: Mapping[str, Any], owner: str) -> RunConfig:
    """Validate a run configuration.

    Raises:
        UsageError: names the entry.
    """
    for key in values:
        if key not in RunConfig.model_fields:
            raise UsageError(f"{owner}: no setting {key!r}{suggest(key, RunConfig.model_fields)}")
    as_lists = {k: (v,) if isinstance(v, str) and k in _LISTS else v for k, v in values.items()}
    try:
        return RunConfig.model_validate(as_lists)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{owner}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


_LISTS = {"methods", "dataset", "rate_points", "metrics", "images", "plugins"}
