"""The timing pass: what encode and decode take, with the device idle before and after.

It is a pass of its own, one job a device, after the measurements, on the first image of each size. A codec is set up
and warmed up, then repeated ten times or for two seconds, whichever comes first, but at least three times; a call that
takes more than two seconds by itself is repeated twice, and one of more than ten seconds once. Every repeat is kept;
tables show medians. What took more than a minute in the run is named and left out. Loading, ``setup``, file access and
metrics are not in it.

Stages are what a codec marks with ``context.stage``; they are synchronised too, and so are timed in repeats of their
own, three or two seconds of them, not in those of the whole. The peak of memory is that of the whole process, with the
image, the libraries and one instance of the codec.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from rawbench.codec import Codec, Context
from rawbench.errors import RawbenchError
from rawbench.files import read_bytes
from rawbench.keys import digest_json
from rawbench.options import validated
from rawbench.plugins import Catalogue
from rawbench.results.store import Store
from rawbench.run.cell import Bench
from rawbench.run.coding import point_of
from rawbench.run.device import synchroniser
from rawbench.run.environment import describe_environment
from rawbench.run.lock import locked
from rawbench.run.memory import forget_peak, peak_resident_bytes
from rawbench.run.own_rendition import sample_of_stream
from rawbench.run.plan import Cell, Plan
from rawbench.run.precision import full_precision
from rawbench.stream import read_stream
from rawbench.types import Sample

Row = tuple[str, int, float, str]

LONGEST = 60.0  # seconds that a cell took in the run, above which it is not timed


@dataclass(frozen=True)
class Effort:
    """How often to repeat a call; smaller values are for tests.

    Attributes:
        warm_ups: calls before the first that counts.
        repeats: that are enough.
        least: repeats of a call that takes no more than ``seconds`` by itself.
        least_long: repeats of one that does.
        seconds: of repeats that are enough.
        patience: seconds of repeats after which none is added, whatever their number.
        stage_repeats: of the stages; fewer where they take more than ``seconds``.
    """

    warm_ups: int = 1
    repeats: int = 10
    least: int = 3
    least_long: int = 2
    seconds: float = 2.0
    patience: float = 10.0
    stage_repeats: int = 3

    def wants_more(self, taken: Sequence[float]) -> bool:
        """Whether to repeat once more after repeats that took these seconds."""
        spent = sum(taken)
        if not taken or (len(taken) < self.repeats and spent < self.seconds):
            return True
        least = self.least if min(taken) <= self.seconds else self.least_long
        return len(taken) < least and spent < self.patience


def repeat(call: Callable[[], object], synchronise: Callable[[], None], effort: Effort = Effort()) -> list[float]:
    """Time a call: warm it up, then repeat it, with the device idle before and after each.

    Returns:
        Seconds of every repeat, in order.
    """
    for _ in range(effort.warm_ups):
        call()
    taken: list[float] = []
    while effort.wants_more(taken):
        synchronise()
        started = time.perf_counter()
        call()
        synchronise()
        taken.append(time.perf_counter() - started)
    return taken


class Stages:
    """Adds up the seconds of each stage while it is watching; hands ``stage`` to a ``Context``."""

    def __init__(self, synchronise: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.watching = False
        self._synchronise = synchronise

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one passage through a stage; passages add up."""
        if not self.watching:
            yield
            return
        self._synchronise()
        started = time.perf_counter()
        try:
            yield
        finally:
            self._synchronise()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def time_run(
    plan: Plan, catalogue: Catalogue, folder: Path, device: str, tell: Callable[[str], None], again: bool = False
) -> list[str]:
    """Time every method and rate point of a run on the first image of each size, and store the repeats.

    Args:
        plan: the run; cells that failed are left out.
        catalogue: the plugins.
        folder: the run folder, with its streams.
        device: ``cpu`` or ``cuda``.
        tell: takes a line for every cell.
        again: time also what was timed before in this environment.

    Returns:
        A line for each cell that could not be timed, though it could be measured.
    """
    bench = Bench(catalogue)
    environment = digest_json(describe_environment(device))[:16]
    problems = []
    with locked(folder), Store.create(folder) as store:
        known = store.finished()
        chosen = _chosen(plan, known)
        timed = {row["cell"] for row in store.table("timings") if row["environment"] == environment}
        for number, cell in enumerate(chosen, 1):
            taken = known[cell.key]["encode_seconds"] + known[cell.key]["decode_seconds"]
            if taken > LONGEST:
                tell(f"not timed, because it took {taken:.0f} s in the run: {cell.title}")
            elif again or cell.key not in timed:
                try:
                    rows = _time_stored(cell, bench, folder / "streams" / f"{cell.key}.rbs")
                except (Exception, SystemExit) as error:
                    problems.append(f"not timed: {cell.title}: {_cause(error)}")
                    tell(problems[-1])
                    continue
                store.put_timings(cell.key, environment, rows)
                tell(f"{number}/{len(chosen)} {_line(cell, rows)}")
    return problems


def _time_stored(cell: Cell, bench: Bench, path: Path) -> list[Row]:
    codec_class = bench.catalogue.methods.load(cell.method.name)
    return time_cell(codec_class, cell, sample_of_stream(bench.load(cell).sample(cell.device), path), read_bytes(path))


def _cause(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, RawbenchError) else f"{type(error).__name__}: {text}"


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
    codec_class: type[Codec], cell: Cell, sample: Sample, stream: bytes, effort: Effort = Effort()
) -> list[Row]:
    """All timings of one cell: (what, repeat, value, unit).

    ``encode`` and ``decode`` in seconds, a row a repeat; their stages as ``encode/entropy``; the peak of the process's
    resident memory as ``encode/peak_rss``, and on a GPU the peak of its own as ``encode/peak_device_memory``.
    """
    synchronise = synchroniser(cell.device)
    header, payload = read_stream(stream, sample.srgb)
    options = validated(codec_class.Options, cell.method.options)
    decoder_options = validated(codec_class.Options, cell.method.resources)
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
    effort: Effort,
) -> list[Row]:
    """Time encode or decode: the whole first, and then its stages."""
    stages = Stages(synchronise)
    codec = make()
    with full_precision():
        codec.setup(Context(cell.device, cell.seed, stages.stage))
    rows: list[Row] = []
    with torch.inference_mode(), full_precision():
        with _peak_memory(what, cell.device, rows):
            taken = repeat(lambda: use(codec), synchronise, effort)
        rows += [(what, number, seconds, "s") for number, seconds in enumerate(taken)]
        rows += _stage_rows(what, lambda: use(codec), stages, effort)
    return rows


def _stage_rows(what: str, call: Callable[[], object], stages: Stages, effort: Effort) -> list[Row]:
    rows: list[Row] = []
    stages.watching = True
    started = time.perf_counter()
    for number in range(effort.stage_repeats):
        stages.seconds.clear()
        call()
        rows += [(f"{what}/{name}", number, seconds, "s") for name, seconds in stages.seconds.items()]
        if time.perf_counter() - started > effort.seconds:
            break
    return rows


@contextmanager
def _peak_memory(what: str, device: str, rows: list[Row]) -> Iterator[None]:
    forget_peak()
    if device != "cpu":
        getattr(torch, device).reset_peak_memory_stats()
    yield
    rows.append((f"{what}/peak_rss", 0, float(peak_resident_bytes()), "byte"))
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
