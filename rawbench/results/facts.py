"""What a run says of itself: its methods, datasets, metrics, images, environments and timings, as frozen types.

They are checked where a run is read (``rawbench.results.run``), so that nothing behind it meets a value of another
type, an image without pixels or a metric with an unknown rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

Rule = Literal["mean", "mse"]
Size = Annotated[int, Field(ge=1, le=2**31)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Meta:
    """Of the run as a whole.

    Attributes:
        protocol: the protocol id of its numbers.
        rawbench: the version that wrote it.
        command: the commands that made it, a line each.
        last_run: when the last of them began, ISO 8601.
        schema_version: of the database.
    """

    protocol: str
    rawbench: str = ""
    command: str = ""
    last_run: str = ""
    schema_version: str = ""


@dataclass(frozen=True)
class MethodFacts:
    """One method of a run.

    Attributes:
        method: its label, with the options that are not at their defaults.
        name: without options.
        options: all of them.
        format_version: of its streams.
        code_digest: of the code that decides its results.
        identity: digests of its weights and the like, by name.
        capabilities: what it declares (``rawbench.Capabilities``).
        complexity: kMAC a pixel and parameters, by its own word.
    """

    method: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = 1
    code_digest: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    complexity: Mapping[str, Annotated[float, Field(allow_inf_nan=False)]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset of a run: label, name, revision and options."""

    dataset: str
    name: str
    revision: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricFacts:
    """One metric of a run: version, unit, direction, how it is averaged over images, and what it is."""

    metric: str
    version: int
    unit: str
    higher_is_better: bool
    aggregate: Rule = "mean"
    summary: str = ""


@dataclass(frozen=True)
class ImageFacts:
    """One image of a run.

    Attributes:
        dataset: label of its dataset.
        image: its id.
        camera: maker and model.
        rendition: how the sRGB was made.
        raw_space: ``camera`` or ``xyz``.
        height: rows.
        width: columns.
        source_digest: of all that determines its pixels.
        simulated: no photograph but a simulated camera made it.
        facts: further plain values.
        ceiling_psnr: see ``rawbench.run.ceiling``; None where it is not known.
    """

    dataset: str
    image: str
    camera: str
    rendition: str
    raw_space: str
    height: Size
    width: Size
    source_digest: str
    simulated: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    ceiling_psnr: float | None = None

    @property
    def megapixels(self) -> float:
        """Pixels, in millions."""
        return self.height * self.width / 1e6


@dataclass(frozen=True)
class Environment:
    """Where cells were measured: versions, processor, and what else decides floating-point results.

    Attributes:
        rawbench: its version.
        python: its version.
        system: name and machine.
        processor: its model.
        cores: of the machine.
        threads: that torch computed with.
        cpu_capability: torch's vector level.
        device: ``cpu`` or ``cuda``.
        libraries: installed versions by name.
        deterministic: torch's switches that change results, by name.
        gpu: its name.
        cuda: version.
        cudnn: version.
    """

    rawbench: str
    system: str
    processor: str
    threads: int
    cpu_capability: str
    device: str
    python: str = ""
    cores: int | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    deterministic: Mapping[str, bool] = field(default_factory=dict)
    gpu: str | None = None
    cuda: str | None = None
    cudnn: int | None = None

    @property
    def machine(self) -> str:
        """The device that was measured on, with its threads."""
        if self.device != "cpu":
            return self.gpu or self.device
        return f"{self.processor}, {self.threads} thread{'s' * (self.threads != 1)}"

    @property
    def computes_with(self) -> tuple[Any, ...]:
        """What must be the same before two measurements must give the same bytes."""
        switches = tuple(sorted(self.deterministic.items()))
        libraries = tuple(sorted(self.libraries.items()))
        return self.system, self.device, self.gpu, self.cpu_capability, self.threads, switches, libraries


@dataclass(frozen=True)
class Timing:
    """The repeats of one thing that was timed, in seconds or bytes: median and quartiles."""

    dataset: str
    image: str
    method: str
    rate_point: str
    what: str
    unit: str
    repeats: Size
    median: Seconds
    lower: Seconds
    upper: Seconds
