"""What a run is asked to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from rawbench.errors import UsageError, first_message, suggest
from rawbench.files import read_toml
from rawbench.options import Options, split_unescaped
from rawbench.run.device import DEVICE


class RunConfig(Options):
    """What ``rawbench run`` is asked to do; the form of ``--config FILE.toml`` too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...] = Field(description="methods, each `NAME:option=value`; `all` for every one")
    dataset: tuple[str, ...] = Field(("sample",), description="datasets, each `NAME:option=value`")
    split: str = Field("test", description="split of the datasets")
    rate_points: tuple[str, ...] = Field((), description="only these: numbers from 0 (fewest bytes), or names")
    metrics: tuple[str, ...] = Field((), description="metrics; none for the standard ones, `all` for every one")
    limit: int | None = Field(default=None, ge=1, description="only the first images")
    images: tuple[str, ...] = Field((), description="only these images")
    device: str = Field("auto", pattern=f"^({DEVICE})$", description="where to compute: auto, cpu, cuda or cuda:N")
    seed: int = Field(0, description="for methods that draw random numbers")
    jobs: int = Field(default=1, ge=1, description="worker processes")
    threads: int | None = Field(default=None, ge=1, description="threads of each process; none for the cores, shared")
    executor: str | None = Field(None, description="where cells run; `rawbench executors list`")
    address: str | None = Field(None, description="of the cluster, for executors that have one")
    timeout_seconds: float | None = Field(default=None, gt=0, description="a cell that takes longer is ended")
    timing: bool = Field(False, description="a timing pass after the measurements")
    out: str | None = Field(None, description="run folder; none for one by the plan")
    name: str | None = Field(None, description="name of the folder in `rawbench-runs`")
    shard: str | None = Field(None, description="`I/N`: every N-th image from the I-th, from 1")
    plugins: tuple[str, ...] = Field((), description="files or modules to load beside the installed plugins")

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and (name in (".", "..") or not name.isprintable() or not re.fullmatch(r"[^/\\]+", name)):
            raise ValueError(f"{name!r} is not the name of one folder; --out takes a path")
        return name

    @field_validator("shard")
    @classmethod
    def _is_a_part(cls, shard: str | None) -> str | None:
        if shard is not None and not re.fullmatch(r"[0-9]+/[0-9]+", shard):
            raise ValueError(f"{shard!r} is not of the form I/N, such as 1/4")
        return shard


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
    given = {_SAME.get(key, key.replace("-", "_")): key for key in values}
    for name, key in given.items():
        if name not in RunConfig.model_fields:
            raise UsageError(f"{owner}: no setting {key!r}{suggest(key, RunConfig.model_fields)}")
    named = {name: _split(values[key]) if name in _LISTS else values[key] for name, key in given.items()}
    try:
        return RunConfig.model_validate(named)
    except ValidationError as error:
        name, *places = map(str, error.errors()[0]["loc"])
        where = ".".join((given.get(name, name), *places))
        raise UsageError(f"{owner}: {where}: {first_message(error)}") from None


def _split(value: Any) -> Any:
    """What the command line takes: text with commas, or a list of such texts, or of numbers."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    parts = [str(part) if isinstance(part, int | float) and not isinstance(part, bool) else part for part in value]
    return tuple(
        piece.strip() if isinstance(piece, str) else piece
        for part in parts
        for piece in (split_unescaped(part, ",") if isinstance(part, str) else [part])
        if piece != ""
    )


_SAME = {"timeout": "timeout_seconds", "plugin": "plugins", "datasets": "dataset"}
_LISTS = {"methods", "dataset", "rate_points", "metrics", "images", "plugins"}
