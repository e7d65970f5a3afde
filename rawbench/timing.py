"""The timing pass: what encode and decode take, with the device idle before and after.

It is a pass of its own, one job a device, after the measurements: each codec is set up and warmed up, then repeated at
least ten times, or for two seconds where once takes long (three times, unless that takes more than ten seconds). Every
repeat is kept; tables show medians. What took more than a minute in the run is named and left out. Loading, ``setup``,
file access and metrics are not in it. Stages are what a codec marks with ``context.stage``; they are synchronised too,
and so are timed in repeats of their own, not in those of the whole.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch

from rawbench.codec import Codec, Context
from rawbench.device import synchroniser
from rawbench.environment import describe_environment
from rawbench.own_rendition import sample_of_stream
from rawbench.plan import Cell, Plan, digest_json
from rawbench.plugins import Catalogue
from rawbench.runner import Bench, point_of
from rawbench.store import Store
from rawbench.stream import read_stream
from rawbench.types import Sample

T = TypeVar("T")
Row = tuple[str, int, float, str]

WARM_UPS = 1
REPEATS = 10
LEAST_REPEATS = 3
SECONDS = 2.0
PATIENCE = 10.0  # seconds of repeats after which fewer than the least are enough
STAGE_REPEATS = 3
LONGEST = 60.0  # seconds that a cell took in the run, above which it is not timed


@dataclass(frozen=True)
class Effort:
    """How often to repeat; smaller values are for tests."""

    warm_ups: int = WARM_UPS
    repeats: int = REPEATS
    least: int = LEAST_REPEATS
    seconds: float = SECONDS


def repeat(call: Callable[[], object], synchronise: Callable[[], None], effort: Effort | None = None) -> list[float]:
    """Time a call: warm it up, then repeat it, with the device idle before and after each.

    10 repeats or 2 s, at least 3 repeats or 10 s.

    Returns:
        Seconds of every repeat, in order.
    """
    effort = effort or Effort()
    for _ in range(effort.warm_ups):
        call()
    taken: list[float] = []
    while (len(taken) < effort.least and sum(taken) < PATIENCE) or (
        len(taken) < effort.repeats and sum(taken) < effort.seconds
    ):
        synchronise()
        started = time.perf_counter()
        call()
        synchronise()
        taken.append(time.perf_counter() - started)
    return taken


class Stages:
    """Adds up the seconds of each stage; hands ``stage`` to a ``Context``."""

    def __init__(self, synchronise: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._synchronise = synchronise

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one passage through a stage; passages add up."""
        self._synchronise()
        started = time.perf_counter()
        try:
            yield
        finally:
            self._synchronise()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def time_run(plan: Plan, catalogue: Catalogue, folder: Path, device: str, tell: Callable[[str], None]) -> None:
    """Time every method and rate point of a run on the first image of each size, and store the repeats.

    Args:
        plan: the run; cells that failed are left out.
        catalogue: the plugins.
        folder: the run folder, with its streams.
        device: ``cpu`` or ``cuda``.
        tell: takes a line for every cell.
    """
    bench = Bench(catalogue)
    environment = describe_environment(device)
    digest = digest_json(environment)[:16]
    with Store.create(folder) as store:
        known = store.finished()
        for cell in _chosen(plan, known):
            taken = known[cell.key]["encode_seconds"] + known[cell.key]["decode_seconds"]
            if taken > LONGEST:
                tell(f"not timed, because it took {taken:.0f} s in the run: {cell.title}")
                continue
            codec_class = catalogue.methods.load(cell.method.name)
            path = folder / "streams" / f"{cell.key}.rbs"
            rows = time_cell(codec_class, cell, sample_of_stream(bench.load(cell), path), path.read_bytes())
            store.put_timings(cell.key, digest, rows)
            tell(_line(cell, rows))


def _chosen(plan: Plan, known: dict[str, dict[str, Any]]) -> list[Cell]:
    """The cells on the first image of each size: time depends on the size, hardly on the picture."""
    first: dict[tuple[str, int], str] = {}
    chosen = []
    for cell in plan.cells:
        size = (cell.dataset.label, cell.image.height * cell.image.width)
        if first.setdefault(size, cell.image.id) == cell.image.id and known.get(cell.key, {}).get("status") == "ok":
            chosen.append(cell)
    return chosen


def time_cell(
    codec_class: type[Codec], cell: Cell, sample: Sample, stream: bytes, effort: Effort | None = None
) -> list[Row]:
    """All timings of one cell: (what, repeat, value, unit).

    ``encode`` and ``decode`` in seconds, a row a repeat; their stages as ``encode/entropy``; the rise of the
    process's peak memory and, on a GPU, its own peak.
    """
    synchronise = synchroniser(cell.device)
    header, payload = read_stream(stream, sample.srgb)
    options = codec_class.Options.model_validate(dict(cell.method.options))
    decoder_options = codec_class.Options.model_validate(dict(cell.method.resources))
    decoder_point = point_of(codec_class, decoder_options, header.rate_point)
    own = codec_class.capabilities_of(options).renders_its_own_srgb

    def encode(codec: Codec) -> bytes:
        if own:  # its encoder's work is the rendition
            codec.render(sample.raw)
        return codec.encode(sample.raw, sample.srgb)

    encoder = (lambda: codec_class(options, cell.rate_point), encode)
    decoder = (lambda: codec_class(decoder_options, decoder_point), lambda codec: codec.decode(payload, sample.srgb))
    return [
        *_time_side("encode", *encoder, cell, synchronise, effort),
        *_time_side("decode", *decoder, cell, synchronise, effort),
    ]


def _time_side(
    what: str,
    make: Callable[[], Codec],
    use: Callable[[Codec], object],
    cell: Cell,
    synchronise: Callable[[], None],
    effort: Effort | None,
) -> list[Row]:
    """Time encode or decode: the whole in one instance, its stages in another."""
    stages = Stages(synchronise)
    plain, staged = make(), make()
    plain.setup(Context(cell.device, cell.seed))
    staged.setup(Context(cell.device, cell.seed, stages.stage))
    rows: list[Row] = []
    with torch.inference_mode():
        with _peak_memory(what, cell.device, rows):
            taken = repeat(lambda: use(plain), synchronise, effort)
        rows += [(what, number, seconds, "s") for number, seconds in enumerate(taken)]
        rows += _stage_rows(what, lambda: use(staged), stages)
    return rows


def _stage_rows(what: str, call: Callable[[], object], stages: Stages) -> list[Row]:
    rows: list[Row] = []
    started = time.perf_counter()
    for number in range(STAGE_REPEATS):
        stages.seconds.clear()
        call()
        rows += [(f"{what}/{name}", number, seconds, "s") for name, seconds in stages.seconds.items()]
        if time.perf_counter() - started > PATIENCE:
            break
    return rows


@contextmanager
def _peak_memory(what: str, device: str, rows: list[Row]) -> Iterator[None]:
    if device != "cpu":
        getattr(torch, device).reset_peak_memory_stats()
    yield
    # The peak of the whole process so far: it tells what a machine needs, not what this call added.
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows.append((f"{what}/peak_rss", 0, float(peak_rss), "byte"))
    if device != "cpu":
        peak = getattr(torch, device).max_memory_allocated()
        rows.append((f"{what}/peak_device_memory", 0, float(peak), "byte"))


def _line(cell: Cell, rows: list[Row]) -> str:
    pixels = cell.image.height * cell.image.width / 1e6
    parts = []
    for what in ("encode", "decode"):
        taken = [value for name, _, value, _ in rows if name == what]
        parts.append(f"{what} {median(taken):.3f} s ({pixels / median(taken):.2f} MP/s, {len(taken)} repeats)")
    return f"{cell.title}: {', '.join(parts)}"
