"""Photographs packed one after the other or side by side, each by itself: one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rawbench.errors import RawbenchError, SampleError, UsageError
from rawbench.executor import WorkerDied
from rawbench.files import write_atomically
from rawbench.options import build_options, parse_spec
from rawbench.photo.budget import pack_within
from rawbench.photo.pack import Packed, Photo, pack_photo, read_photo
from rawbench.photo.steps import Report, Silent
from rawbench.photo.verify import VERIFIED_PIXELS, read_back, verify
from rawbench.plugins import Catalogue, load_plugins
from rawbench.run.rate import bits_per_pixel
from rawbench.types import RatePoint

SUFFIX = ".rb.jpg"


@dataclass(frozen=True)
class Task:
    """One photograph to pack.

    Attributes:
        photo: the camera file.
        carrier: the JPEG to put it into; None renders one.
        output: the packed JPEG.
        method: ``NAME:option=value``.
        point: the rate point; None for ``max_bytes``.
        max_bytes: the budget.
        rendition: of a rendered JPEG.
        white: white level in place of the camera file's.
        verified: whether the raw is rebuilt and compared; None: up to ``VERIFIED_PIXELS``.
        device: ``cpu`` or ``cuda``.
        seed: of methods that draw random numbers.
        plugins: files and modules to load.
        threads: of torch; None leaves them.
    """

    photo: Path
    carrier: Path | None
    output: Path
    method: str
    point: RatePoint | None
    max_bytes: int
    rendition: str = "jpeg95"
    white: int | None = None
    verified: bool | None = None
    device: str = "cpu"
    seed: int = 0
    plugins: tuple[str, ...] = ()
    threads: int | None = None


@dataclass(frozen=True)
class Done:
    """What became of a photograph: lines to print, what to warn of, or why it failed."""

    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""


def outputs(photos: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Where each photograph goes in a folder.

    Raises:
        UsageError: two have one name.
    """
    found: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for photo in photos:
        name = photo.stem + SUFFIX
        other = taken.setdefault(name.lower(), photo)
        if other is not photo:
            raise UsageError(f"{photo} and {other} would both become {folder / name}")
        found[photo] = folder / name
    return found


def pack_file(task: Task, catalogue: Catalogue, report: Report) -> Done:
    """Read, encode, read back, verify, write.

    Raises:
        RawbenchError: in one line, why not; nothing is written.
    """
    name, given = parse_spec(task.method)
    codec = catalogue.methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    report.step(f"reading {task.photo.name}")
    photo = read_photo(task.photo, task.carrier, task.rendition, task.white)
    if task.point is not None:
        packed = pack_photo(photo, codec, options, task.point, task.device, task.seed, report)
    else:
        packed = pack_within(photo, codec, options, task.max_bytes, task.device, task.seed, report)
    resources = {option: getattr(options, option) for option in codec.resource_options}
    _, height, width = photo.sample.srgb.shape
    verified = task.verified if task.verified is not None else height * width <= VERIFIED_PIXELS
    quality = ""
    if verified:
        quality = f"; {verify(packed, photo, codec, resources, task.device, report)}"
    else:
        read_back(packed, photo)
    report.step(f"writing {task.output.name}")
    write_atomically(task.output, packed.jpeg)
    return _done(task, name, photo, packed, quality)


def _done(task: Task, name: str, photo: Photo, packed: Packed, quality: str) -> Done:
    info, lines, warnings = photo.sample.info, [], []
    if photo.fit is not None:
        shown = f"the carrier shows {info.width}x{info.height} pixels; the raw is cropped to them; "
        lines.append(f"{shown if any(photo.border) else ''}{photo.fit}")
        if photo.fit.is_poor:
            warnings.append(f"{task.carrier}: {photo.fit}: it may show another crop or lens correction than the raw")
    if photo.warning:
        warnings.append(photo.warning)
    exif = f" + Exif {packed.exif_bytes}" if packed.exif_bytes else ""
    before = len(packed.jpeg) - packed.added_bytes
    lines.append(
        f"{task.output}: {name} {packed.point.name}, {packed.added_bytes} bytes added to {before} "
        f"(stream {packed.stream_bytes} + camera facts {packed.facts_bytes} + segments {packed.segment_bytes}{exif}), "
        f"{bits_per_pixel(packed.added_bytes, info.height, info.width):.4f} bpp{quality}"
    )
    return Done(tuple(lines), tuple(warnings))


@cache
def _catalogue(plugins: tuple[str, ...]) -> Catalogue:
    return load_plugins(plugins)


def pack_task(task: Task) -> Done:
    """``pack_file`` for a worker: never raises, but for Ctrl-C."""
    import torch

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    try:
        return pack_file(task, _catalogue(task.plugins), Silent())
    except RawbenchError as error:
        text = str(error)
        return Done(problem=text if str(task.photo) in text else f"{task.photo}: {text}")
    except (Exception, MemoryError) as error:  # one photograph is not to take the others with it
        text = (str(error).strip().splitlines() or ["no message"])[0]
        return Done(problem=f"{task.photo}: {type(error).__name__}: {text}")


def pack_all(tasks: list[Task], jobs: int) -> Iterator[tuple[Task, Done]]:
    """Pack photographs in ``jobs`` processes, in any order."""
    import os

    from rawbench.executors.process import Process

    threads = max(1, (os.cpu_count() or 1) // jobs)
    placed = [replace(task, threads=threads) for task in tasks]
    for task, outcome in Process(jobs).map_unordered(pack_task, placed):
        if isinstance(outcome, WorkerDied):
            outcome = Done(problem=f"{task.photo}: {outcome.reason}")
        yield task, outcome


def carriers(photos: Iterable[Path], given: Path | None) -> dict[Path, Path | None]:
    """The JPEG of each photograph: the one given, that of its name in the folder given, or none.

    Raises:
        UsageError: one JPEG for several photographs.
        SampleError: a folder that has none for a photograph.
    """
    photos = list(photos)
    if given is None or not given.is_dir():
        if given is not None and len(photos) > 1:
            raise UsageError(f"--carrier {given}: one JPEG for {len(photos)} photographs; name the folder of theirs")
        return dict.fromkeys(photos, given)
    names = {path.name.lower(): path for path in given.iterdir()}
    found: dict[Path, Path | None] = {}
    for photo in photos:
        beside = [names[name] for suffix in (".jpg", ".jpeg") if (name := (photo.stem + suffix).lower()) in names]
        if not beside:
            raise SampleError(f"{given}: holds no JPEG of the name {photo.stem}, for {photo}")
        found[photo] = beside[0]
    return found
