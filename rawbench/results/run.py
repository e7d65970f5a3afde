"""A run as everybody reads it: from its folder, its database, or the JSON that is committed, all alike.

Tables, report, comparison, gate, leaderboard and exports start from ``Run``, so that a run measured here and one that
came by mail are judged by the same code. What a file holds is checked here, once: a foreign or damaged one is refused
with one line.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rawbench.errors import UsageError
from rawbench.results.checked import Checked, key_of_method, known_outcomes
from rawbench.results.facts import DatasetFacts, Environment, ImageFacts, Meta, MethodFacts, MetricFacts, Rule, Timing
from rawbench.results.means import Group, Row, ceiling_rows, group_by_camera, macro_average
from rawbench.results.plain import as_text, one_line
from rawbench.results.store import DATABASE, Store
from rawbench.types import Place

ALL_CAMERAS = "all images"
RATES = {"bpp": "bit/pixel", "bpp_padded": "bit/pixel", "bytes": "byte", "bits_estimated": "bit"}


@dataclass(frozen=True)
class Run:
    """What a run found.

    Attributes:
        name: of the run: its folder, or the JSON file without its suffix.
        meta: protocol, command, versions of rawbench and of the schema.
        rows: all cells, the failed ones too, with rates and metrics by name.
        images: by (dataset, image).
        methods: by label.
        datasets: by label.
        metrics: by name; of one that came in several versions the newest.
        environments: what the cells were measured in.
        timings: of the timing pass; empty where there was none.
        checked: what ``rawbench check`` said of methods with this very code and weights, by label.
    """

    name: str
    meta: Meta
    rows: tuple[Row, ...]
    images: Mapping[tuple[str, str], ImageFacts]
    methods: Mapping[str, MethodFacts]
    datasets: Mapping[str, DatasetFacts]
    metrics: Mapping[str, MetricFacts]
    environments: tuple[Environment, ...]
    timings: tuple[Timing, ...]
    checked: Mapping[str, Checked] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, Rule]:
        """How each metric is averaged over images."""
        return {name: metric.aggregate for name, metric in self.metrics.items()}

    @cached_property
    def messages(self) -> dict[Place, str]:
        """Why cells failed, in words."""
        return {row.place: row.message for row in self.rows if row.message and row.status != "ok"}

    @cached_property
    def by_place(self) -> dict[Place, Row]:
        """The cells by what names them across runs."""
        return {row.place: row for row in self.rows}

    @cached_property
    def means(self) -> tuple[Group, ...]:
        """Averages over all images of each dataset and rendition, whatever the camera."""
        return tuple(mean_groups(self.rows, self.rules))

    @cached_property
    def full_means(self) -> tuple[Group, ...]:
        """Those of ``means`` that rest on every image of their dataset: what an unfinished run may draw and rank."""
        counts = Counter(dataset for dataset, _ in self.images)
        return tuple(group for group in self.means if not group.failed and group.images == counts[group.dataset])

    @cached_property
    def by_camera(self) -> tuple[Group, ...]:
        """Averages over the images of each camera."""
        return tuple(group_by_camera(self.rows, self.rules))

    @cached_property
    def over_cameras(self) -> tuple[Group, ...]:
        """The averages of the cameras' averages."""
        return tuple(macro_average(self.by_camera, self.rules))

    @cached_property
    def ceilings(self) -> tuple[Group, ...]:
        """Ceilings of the images (``rawbench.run.ceiling``), averaged as ``means`` does."""
        return tuple(mean_groups(ceiling_rows(self.images.values(), self.rows), self.rules))

    @cached_property
    def camera_ceilings(self) -> tuple[Group, ...]:
        """Ceilings of the images, averaged as ``by_camera`` does."""
        return tuple(group_by_camera(ceiling_rows(self.images.values(), self.rows), self.rules))

    def of_camera(self, camera: str) -> Run:
        """The run with the cells of one camera alone; the other images stay, for speeds were measured on them."""
        return replace(self, rows=tuple(row for row in self.rows if row.camera == camera))


def mean_groups(rows: Iterable[Row], rules: Mapping[str, Rule]) -> list[Group]:
    """Averages of cells over all images of each dataset and rendition, whatever the camera."""
    return group_by_camera(rows, rules, ALL_CAMERAS)


def read_run(path: Path, facts: Container[str] | None = None) -> Run:
    """A run folder, its database, or a JSON that ``rawbench.results.committed.write_run`` wrote.

    Args:
        path: of the run.
        facts: of the cells, to keep (``Row.facts``): a run of many images is half as large without; None keeps all.

    Raises:
        UsageError: there is no run, or it is damaged.
        NotComparable: a newer rawbench wrote it.
    """
    if path.suffix == ".json" and path.is_file():
        from rawbench.results.committed import read_document, run_of

        return with_checks(run_of(read_document(path), path), path.parent)
    with Store.open(path) as store, damaged(store.path):
        folder = path.parent if path.name == DATABASE else path
        return with_checks(from_store(store, as_text(folder.resolve().name), facts), folder)


def with_checks(run: Run, folder: Path) -> Run:
    """The run with what is known of its methods' checks, here or beside it."""
    known = known_outcomes(folder)
    keys = {label: key_of_method(asdict(method)) for label, method in run.methods.items()}
    return replace(run, checked={label: known[key] for label, key in keys.items() if key in known})


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turns what is wrong with the contents of a file into one line that names it."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path} is damaged: {one_line(where)}: {first['msg']}") from None
    except KeyError as error:
        raise UsageError(f"{path} is damaged: there is no {one_line(error)}") from None
    except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UsageError(f"{path} is damaged: {one_line(error)}") from None


def from_store(store: Store, name: str, facts: Container[str] | None = None) -> Run:
    """All that a run's store holds, its repeats as medians; of the cells' facts those that are asked for.

    Raises:
        ValueError: it holds something that a run cannot hold; ``pydantic.ValidationError`` is one.
    """
    found = {table: store.described(table) for table in ("methods", "datasets", "metrics", "images")}
    failed: dict[str, dict[str, str]] = defaultdict(dict)
    for row in store.failed_measurements():
        failed[row["cell"]][row["metric"]] = row["message"]
    repeats = store.table("timings")
    timed: dict[str, dict[str, Any]] = {row["cell"]: {} for row in repeats}
    cells = _with_values(_noting(store.each_cell(), timed), store.values())
    return make_run(
        name=name,
        meta=store.meta(),
        cells=(_cell(cell, failed.get(cell["cell"], {}), facts) for cell in cells),
        environments=store.environments(),
        timings=lambda: list(_timings(repeats, timed)),
        **found,
    )


def _noting(cells: Iterable[dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same cells; those that are wanted are kept by their key as they pass."""
    for cell in cells:
        if cell["cell"] in wanted:
            wanted[cell["cell"]] = cell
        yield cell


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(what: str, kind: Any, value: Any) -> Any:
    """A plain value as what it must be.

    Raises:
        ValueError: names the part of it that is something else.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([what, *map(str, first["loc"])])
        raise ValueError(f"{where}: {first['msg']}") from None


def make_run(
    name: str,
    meta: Mapping[str, Any],
    cells: Iterable[Mapping[str, Any]],
    images: Sequence[Mapping[str, Any]],
    methods: Sequence[Mapping[str, Any]],
    datasets: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    environments: Sequence[Mapping[str, Any]],
    timings: Callable[[], Sequence[Mapping[str, Any]]],
) -> Run:
    """A run of plain records, each checked, and each cell with its image, method and dataset.

    Cells are taken one by one, so that only the run holds them all; timings are asked for after them.

    Raises:
        ValueError: a record of another form, a cell twice, or one of an image, method or dataset that is not there.
    """
    described = {(i.dataset, i.image): i for i in checked("images", tuple[ImageFacts, ...], images)}
    run = Run(
        name=name,
        meta=checked("meta", Meta, meta),
        rows=tuple(checked(f"cells.{n}", Row, _on_image(cell, described)) for n, cell in enumerate(cells)),
        images=described,
        methods={m.method: m for m in checked("methods", tuple[MethodFacts, ...], methods)},
        datasets={d.dataset: d for d in checked("datasets", tuple[DatasetFacts, ...], datasets)},
        metrics=_newest(checked("metrics", tuple[MetricFacts, ...], metrics)),
        environments=checked("environments", tuple[Environment, ...], environments),
        timings=checked("timings", tuple[Timing, ...], timings()),
    )
    _check_references(run)
    return run


def _newest(metrics: Iterable[MetricFacts]) -> dict[str, MetricFacts]:
    return {metric.metric: metric for metric in sorted(metrics, key=lambda metric: (metric.metric, metric.version))}


def _on_image(cell: Mapping[str, Any], images: Mapping[tuple[str, str], ImageFacts]) -> dict[str, Any]:
    image = images.get((cell["dataset"], cell["image"]))
    if image is None:
        raise ValueError(f"a cell is of the image {cell['dataset']}/{cell['image']}, which is not described")
    return {**cell, "camera": image.camera, "rendition": image.rendition, "simulated": image.simulated}


def _check_references(run: Run) -> None:
    places = set()
    for row in run.rows:
        place = row.method, row.rate_point, row.dataset, row.image
        if place in places:
            raise ValueError(f"a cell stands there twice: {row.place}")
        places.add(place)
    for row in run.rows:
        if row.method not in run.methods or row.dataset not in run.datasets:
            raise ValueError(f"the method or the dataset of a cell is not described: {row.place}")
    for timing in run.timings:
        if (timing.dataset, timing.image) not in run.images:
            raise ValueError(f"a timing is of the image {timing.dataset}/{timing.image}, which is not described")


_ROW = ("dataset", "method", "rate_point", "rate_order", "image", "status", "message")


def _with_values(
    cells: Iterable[Mapping[str, Any]], values: Mapping[str, Mapping[str, float | None]]
) -> Iterator[dict[str, Any]]:
    for cell in cells:
        measured = dict(values.get(cell["cell"], {}))
        rates = {"bpp": cell["bpp"], "bpp_padded": cell["bpp_padded"], "bytes": cell["stream_bytes"]}
        if cell["bits_estimated"] is not None:
            rates["bits_estimated"] = cell["bits_estimated"]
        yield {**cell, "values": {**measured, **rates} if cell["status"] == "ok" else {}}


def _cell(cell: Mapping[str, Any], failed: Mapping[str, str], wanted: Container[str] | None = None) -> dict[str, Any]:
    """A cell of the store as a row: what a row has no field for is among its facts, where it is wanted."""
    kept = {name: cell[name] for name in (*_ROW, "values")}
    facts = {n: value for n, value in cell.items() if n not in kept and (wanted is None or n in wanted)}
    return {**kept, "failed_metrics": failed, "facts": facts}


def _timings(rows: Iterable[Mapping[str, Any]], cells: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        found[row["cell"], row["what"], row["unit"]].append(float(row["value"]))
    for (key, what, unit), values in found.items():
        if not (cell := cells.get(key)):  # superseded
            continue
        lower, middle, upper = quartiles(values)
        place = {name: cell[name] for name in ("dataset", "image", "method", "rate_point")}
        yield {**place, "what": what, "unit": unit, "repeats": len(values), "median": middle, "lower": lower,
               "upper": upper}  # fmt: skip


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile, interpolated linearly."""
    ordered = sorted(values)

    def at(share: float) -> float:
        position = share * (len(ordered) - 1)
        low = math.floor(position)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (position - low) * (ordered[high] - ordered[low])

    return at(0.25), at(0.5), at(0.75)
