"""From a run configuration to cells with keys.

A key is the SHA-256 of canonical JSON over what determines a result, and nothing else: order of methods, number of
jobs, executor and output folder are not in it. There are three stages, so that a new metric needs no new encode, and
a new decode device no new stream::

    cell key     codec, format version, code digest, libraries, options after defaults, identity (weights, and files
                 that options name), rate point, dataset and image by name, image digest, seed, device kind
    decode key   stream digest, codec, its code, libraries and identity, decode device
    metric key   decode key, metric name and version
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rawbench.codec import Codec
from rawbench.dataset import Dataset
from rawbench.errors import PluginError, UsageError, suggest
from rawbench.keys import digest_json
from rawbench.options import Options, build_options, parse_spec, validated
from rawbench.plugins import Catalogue
from rawbench.run.code import code_of, content_of_options
from rawbench.run.config import RunConfig
from rawbench.run.device import resolve_device
from rawbench.types import Place, RatePoint, SampleInfo


@dataclass(frozen=True)
class MethodSpec:
    """A method with its options, after defaults, as plain JSON values.

    Attributes:
        label: the shortest form of name and options.
        name: of the method.
        options: all of them.
        resources: those that the decoder gets too.
        format_version: of its payloads.
        code_digest: of the code and data that it is made of (``run.code``).
        identity: what else decides a stream: what the method says of its weights, and the digests of files that
            options name.
        libraries: other people's, with their versions.
    """

    label: str
    name: str
    options: Mapping[str, Any]
    resources: Mapping[str, Any]
    format_version: int
    code_digest: str
    identity: Mapping[str, Any]
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> dict[str, Any]:
        """All that the method is, besides its options: part of every key."""
        return {
            "codec": self.name,
            "format_version": self.format_version,
            "code": self.code_digest,
            "libraries": dict(self.libraries),
            "identity": dict(self.identity),
        }


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset with its options, after defaults."""

    label: str
    name: str
    revision: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One method at one rate point on one image: the unit of work, and a row of the results."""

    key: str
    method: MethodSpec
    rate_point: RatePoint
    dataset: DatasetSpec
    image: SampleInfo
    device: str
    seed: int

    @property
    def place(self) -> Place:
        """Where its result belongs."""
        return Place(self.method.label, self.rate_point.name, self.dataset.label, self.image.id)

    @property
    def title(self) -> str:
        """How messages name the cell."""
        return str(self.place)


@dataclass(frozen=True)
class Plan:
    """Everything that a run will do, before it does anything."""

    cells: tuple[Cell, ...]
    metrics: tuple[str, ...]
    methods: tuple[MethodSpec, ...]
    datasets: tuple[DatasetSpec, ...]
    protocol: str
    device: str
    problems: tuple[str, ...] = field(default=())


PROTOCOL = "rawbench-1: linear raw, peak 1, clipped, mean of per-image values; bpp = 8 x file bytes / (H x W)"


def decode_key(stream_digest: str, method: MethodSpec, device: str) -> str:
    """The key of a decoded raw."""
    return digest_json(["decode", stream_digest, method.source, device])


def metric_key(cell: str, decode: str, name: str, version: int) -> str:
    """The key of one measurement; its cell is in it, because cells with other options may have the same stream."""
    return digest_json(["metric", cell, decode, name, version])


def make_plan(config: RunConfig, catalogue: Catalogue, device: str) -> Plan:
    """Resolve names, options, images and rate points into cells, image by image.

    Datasets come first: one that is not there is said before any method is loaded.

    Args:
        config: the run.
        catalogue: the plugins.
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for what this machine has.

    Raises:
        UsageError: an unknown name, option, rate point or image.
        PluginError: a plugin that breaks the contract.
    """
    datasets = [dataset_spec(text, catalogue) for text in config.dataset]
    _refuse_twice([d.label for d in datasets], "dataset")
    images = {dataset.label: _images(dataset, config, catalogue) for dataset in datasets}
    if device not in ("cpu", "cuda"):
        device = resolve_device(device)
    methods = [method_spec(text, catalogue) for text in _expand(config.methods, catalogue)]
    metrics = metric_names(config.metrics, catalogue)
    _refuse_twice([m.label for m in methods], "method")
    points = _rate_points(methods, config.rate_points, catalogue)
    cells, problems = [], []
    for dataset in datasets:
        infos, found = _infos(dataset, *images[dataset.label])
        problems += found
        for info in infos:
            for method in methods:
                cells += [_cell(method, p, dataset, info, device, config.seed) for p in points[method.label]]
    return Plan(tuple(cells), metrics, tuple(methods), tuple(datasets), PROTOCOL, device, tuple(problems))


def method_spec(text: str, catalogue: Catalogue) -> MethodSpec:
    """Resolve ``NAME:option=value``.

    Raises:
        UsageError: unknown name or option.
        PluginError: the method cannot be loaded.
    """
    name, given = parse_spec(text)
    codec = catalogue.methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    values = options.model_dump(mode="json")
    resources = {key: values[key] for key in codec.resource_options}
    code = code_of(codec, catalogue.manager.get_plugin(catalogue.methods.entry(name).plugin))
    files = content_of_options({key: getattr(options, key) for key in values})
    return MethodSpec(
        label=_label(name, values, codec.Options),
        name=name,
        options=values,
        resources=resources,
        format_version=codec.format_version,
        code_digest=code.digest,
        identity={**codec.identity(options), **{f"option {place}": digest for place, digest in files.items()}},
        libraries=code.libraries,
    )


def dataset_spec(text: str, catalogue: Catalogue) -> DatasetSpec:
    """Resolve ``NAME:option=value``; raises as ``method_spec`` does."""
    name, given = parse_spec(text)
    dataset = catalogue.datasets.load(name)
    values = build_options(dataset.Options, given, f"dataset {name}").model_dump(mode="json")
    return DatasetSpec(_label(name, values, dataset.Options), name, dataset.revision, values)


def open_dataset(spec: DatasetSpec, catalogue: Catalogue) -> Dataset:
    """The dataset of a spec."""
    dataset: type[Dataset] = catalogue.datasets.load(spec.name)
    return dataset(validated(dataset.Options, spec.options))


def metric_names(wanted: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """The metrics to compute: those named (``all`` for every one), else the defaults."""
    names = list(dict.fromkeys(wanted))
    if names == ["all"]:
        return tuple(catalogue.metrics.names())
    if not names:
        return tuple(n for n in catalogue.metrics.names() if catalogue.metrics.load(n).default)
    for name in names:
        catalogue.metrics.entry(name)
    return tuple(names)


def _expand(methods: Sequence[str], catalogue: Catalogue) -> list[str]:
    if not methods:
        raise UsageError(f"no methods named (known: {', '.join(catalogue.methods.names())})")
    return [name for method in methods for name in (_all(catalogue) if method == "all" else [method])]


def _all(catalogue: Catalogue) -> list[str]:
    """Every method that works as it is; ``external`` does nothing until a file is named."""
    return [name for name in catalogue.methods.names() if works_as_it_is(catalogue.methods.load(name))]


def works_as_it_is(codec: type[Codec]) -> bool:
    """Whether a method has rate points by default."""
    try:
        return bool(codec.rate_points(codec.Options()))
    except (UsageError, ValueError):
        return False


def _refuse_twice(labels: Sequence[str], kind: str) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"{kind} {label!r} is named twice")


def _label(name: str, values: Mapping[str, Any], model: type[Options]) -> str:
    """The spec in its shortest form: options at their defaults are left out."""
    defaults = {key: value.get_default(call_default_factory=True) for key, value in model.model_fields.items()}
    shown = [f"{k}={_text(v)}" for k, v in sorted(values.items()) if v != defaults[k]]
    return ":".join([name, *shown])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rate_points(
    methods: Sequence[MethodSpec], wanted: Sequence[str], catalogue: Catalogue
) -> dict[str, list[RatePoint]]:
    """The rate points of each method by its label: all of them, or those that are named, by name or number.

    Raises:
        UsageError: a name that no method has, or a method that has none of the names: it would not be measured.
        PluginError: two rate points of one name or index.
    """
    found, known = {}, set()
    for method in methods:
        codec = catalogue.methods.load(method.name)
        points = codec.rate_points(validated(codec.Options, method.options))
        for what, values in (("index", [p.index for p in points]), ("name", [p.name for p in points])):
            if (twice := _most_common(values))[1] > 1:
                raise PluginError(f"method {method.label}: two rate points have the {what} {twice[0]}")
        known |= {name for i, point in enumerate(points) for name in (point.name, str(i))}
        found[method.label] = [p for i, p in enumerate(points) if not wanted or p.name in wanted or str(i) in wanted]
    for name in wanted:
        if name not in known:
            raise UsageError(f"no method has a rate point {name}; give names, or numbers from 0 (fewest bytes)")
    for label, points in found.items():
        if not points and wanted:
            raise UsageError(f"{label} has none of the rate points {', '.join(wanted)}")
    return found


def _most_common(values: Sequence[Any]) -> tuple[Any, int]:
    return Counter(values).most_common(1)[0] if values else (None, 0)


def shard_of(ids: list[str], shard: str) -> list[str]:
    """Every N-th image from the I-th, of a shard ``I/N``.

    Raises:
        UsageError: I is not from 1 to N.
    """
    part, parts = (int(text) for text in shard.split("/"))
    if not 1 <= part <= parts:
        raise UsageError(f"--shard {shard}: the part is not from 1 to {parts}")
    return ids[part - 1 :: parts]


def _images(spec: DatasetSpec, config: RunConfig, catalogue: Catalogue) -> tuple[Dataset, list[str]]:
    """The opened dataset, and the ids of the images that are wanted of it."""
    dataset = open_dataset(spec, catalogue)
    ids = dataset.ids(config.split)
    for wanted in config.images:
        if wanted not in ids:
            raise UsageError(f"dataset {spec.label}: no image {wanted!r}{suggest(wanted, ids)}")
    ids = [id for id in ids if not config.images or id in config.images][: config.limit]
    if not ids:
        raise UsageError(f"dataset {spec.label}: split {config.split!r} has no images")
    if (twice := _most_common(ids))[1] > 1:
        raise PluginError(f"dataset {spec.label}: two images have the id {twice[0]!r}")
    return dataset, shard_of(ids, config.shard) if config.shard else ids


def _infos(spec: DatasetSpec, dataset: Dataset, ids: Sequence[str]) -> tuple[list[SampleInfo], list[str]]:
    infos: list[SampleInfo] = []
    problems: list[str] = []
    for id in ids:
        try:
            infos.append(dataset.info(id))
        except (Exception, SystemExit) as error:
            from rawbench.run.failure import failure_of  # imports torch

            problems.append(f"{spec.label}/{id}: {failure_of(error).text}")
    return infos, problems


def _cell(method: MethodSpec, point: RatePoint, dataset: DatasetSpec, info: SampleInfo, device: str, seed: int) -> Cell:
    key = digest_json(
        {
            **method.source,
            "options": dict(method.options),
            "rate_point": point.index,
            "place": [dataset.label, info.id],  # equal pixels under two names are two results
            "image": info.source_digest,
            "seed": seed,
            "device": device,
        }
    )
    return Cell(key, method, point, dataset, info, device, seed)
