"""The training configuration: a TOML file with the tables ``[task]``, ``[data]`` and ``[fit]``.

Example::

    [task]                      # whatever the method's Task.Config declares
    width = 64

    [data]
    frames = "frames"           # relative to this file
    patch = 256
    batch = 8
    [data.renditions]
    developed = 0.2             # as cameras do; the rest as LibRaw does
    eight_bit = 0.5             # the rest are JPEG
    jpeg_quality = [10, 95]

    [fit]
    minutes = 100               # or: steps = 20000
    validate_every = 500
    seed = 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rawbench.errors import UsageError, first_message, suggest
from rawbench.files import read_toml

Sampling = Literal["4:2:0", "4:4:4"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Renditions(_Table):
    """Which sRGB a patch gets: LibRaw's or an in-camera-like rendition, with 8 bits or as a JPEG."""

    developed: float = Field(0.0, ge=0, le=1, description="probability of the in-camera-like rendition")
    eight_bit: float = Field(0.5, ge=0, le=1, description="probability of the 8-bit rendition without JPEG")
    jpeg_quality: tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]] = (10, 95)
    jpeg_sampling: tuple[Sampling, ...] = Field(
        ("4:2:0", "4:4:4"), min_length=1, description="chroma, chosen at random"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Renditions:
        if self.jpeg_quality[0] > self.jpeg_quality[1]:
            raise ValueError("jpeg_quality must be [lowest, highest]")
        return self


class DataConfig(_Table):
    """Where the frames are and how batches are cut from them."""

    frames: Path = Field(description="folder with manifest.csv, train/ and validation/")
    patch: int = Field(256, ge=16, description="side of a training patch in pixels")
    batch: int = Field(8, ge=1, description="patches a step on each device")
    renditions: Renditions = Field(default_factory=lambda: Renditions.model_validate({}))
    frame_samples: int = Field(0, ge=0, description="side of a grid of pixels of the whole frame, beside each patch")
    excluded_scenes: tuple[str, ...] = Field((), description="scenes that must not occur in the manifest")
    workers: int = Field(1, ge=0, description="threads that prepare batches ahead; changes no batch")
    validation_patch: int | None = Field(None, ge=16, description="side of a validation patch; else as patch")
    validation_batches: int = Field(8, ge=1, description="fixed batches that one validation looks at")


class FitConfig(_Table):
    """How long, where, and how often things are written."""

    steps: int | None = Field(None, ge=1, description="the budget in steps; or give minutes")
    minutes: float | None = Field(None, gt=0, description="the budget in minutes; or give steps")
    seed: int = Field(0, ge=0)
    accelerator: Literal["cpu", "cuda", "gpu", "auto"] = "cpu"
    devices: int = Field(1, ge=1, description="more than one: data parallel (DDP)")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    average: float = Field(0.0, ge=0, lt=1, description="decay of the mean weights that are validated; 0: none")
    clip: float | None = Field(1.0, gt=0, description="largest gradient norm of an optimizer's parameters")
    validate_every: int = Field(500, ge=1, description="steps")
    log_every: int = Field(50, ge=1, description="steps")
    checkpoint_every_minutes: float = Field(5.0, gt=0)
    export_every_minutes: float | None = Field(None, gt=0, description="export the best weights meanwhile")
    start_from: Path | None = Field(None, description="checkpoint whose matching weights a fresh run takes")
    nonfinite_limit: int = Field(20, ge=1, description="steps in a row with NaN or infinity before giving up")

    @model_validator(mode="after")
    def _one_budget(self) -> FitConfig:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("give one of steps and minutes")
        return self


@dataclass(frozen=True)
class TrainingConfig:
    """A configuration file, validated."""

    task: BaseModel
    data: DataConfig
    fit: FitConfig

    def as_json(self) -> dict[str, Any]:
        """Return the three tables with all defaults, as JSON types."""
        return {name: getattr(self, name).model_dump(mode="json") for name in ("task", "data", "fit")}


def read_config(path: Path, task_config: type[BaseModel]) -> TrainingConfig:
    """Read and validate a training configuration.

    Paths inside it are relative to the file.

    Raises:
        UsageError: the file cannot be read, is not TOML, or holds an unknown name or a bad value.
    """
    tables = read_toml(path)
    models: dict[str, type[BaseModel]] = {"task": task_config, "data": DataConfig, "fit": FitConfig}
    for name, table in tables.items():
        if name not in models:
            raise UsageError(f"{path}: unknown table [{name}]; there are [task], [data] and [fit]")
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} must be a table, [{name}]")
    parts = {name: _validate(path, name, model, tables.get(name, {})) for name, model in models.items()}
    data, fit = parts["data"], parts["fit"]
    data = data.model_copy(update={"frames": path.parent / data.frames})
    if fit.start_from is not None:
        fit = fit.model_copy(update={"start_from": path.parent / fit.start_from})
    return TrainingConfig(parts["task"], data, fit)


def _validate(path: Path, name: str, model: type[BaseModel], table: dict[str, Any]) -> Any:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([name, *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            known = suggest(str(first["loc"][0]), model.model_fields) if len(first["loc"]) == 1 else ""
            raise UsageError(f"{path}: unknown name {where}{known}") from None
        raise UsageError(f"{path}: {where}: {first_message(error)}") from None
