"""``rawbench pack``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawbench.cli.arguments import Device
from rawbench.cli.catalogue import catalogue_of

if TYPE_CHECKING:
    from rawbench.photo.batch import Done, Task

MAX_BYTES = 65_000


@click.command(
    epilog="""\b
Examples:
  rawbench pack photo.nef --carrier photo.jpg -o photo.rb.jpg
  rawbench pack photo.dng -o photo.rb.jpg --method poly --rate-point degree=3
  rawbench pack photo.dng -o photo.rb.jpg --max-bytes 200000 --rendition jpeg90
  rawbench pack *.DNG --out packed -j 2
  rawbench pack photographs --carrier photographs --out packed
"""
)
@click.argument("photos", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PHOTO...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.rb.jpg", help="Of one photograph.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Of several: PHOTO.rb.jpg in here.")
@click.option("--carrier", type=click.Path(path_type=Path), metavar="FILE.jpg|DIR",
              help="The JPEG to put it into: the camera's, or your own; or the folder of those of the photographs' "
              "names.  [default: rendered from PHOTO]")  # fmt: skip
@click.option("--rendition", default="jpeg95", show_default=True, help="Of a rendered carrier: jpeg10 ... jpeg100.")
@click.option("--method", default="hybrid", show_default=True, metavar="METHOD[:OPTION=VALUE]...")
@click.option("--rate-point", metavar="N|NAME", help="Number from 0 (fewest bytes), or name.")
@click.option("--max-bytes", type=click.IntRange(min=1), metavar="N",
              help=f"As much as adds at most N bytes to the JPEG.  [default: {MAX_BYTES}]")  # fmt: skip
@click.option("--verify/--no-verify", "verified", default=None,
              help="Rebuild the raw from what was packed, and print how well.  [default: up to 30 megapixels]"
              )  # fmt: skip
@click.option("--white", type=click.IntRange(1, 65535), metavar="N", help="White level, where PHOTO says a wrong one.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Photographs at a time.")
@click.option("--device", type=Device(), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.pass_context
def pack(
    context: click.Context,
    photos: tuple[Path, ...],
    output: Path | None,
    out: Path | None,
    carrier: Path | None,
    rendition: str,
    method: str,
    rate_point: str | None,
    max_bytes: int | None,
    verified: bool | None,
    white: int | None,
    jobs: int,
    device: str,
    seed: int,
) -> None:
    """Put what brings PHOTO's raw back into an ordinary JPEG, whose pixels and other metadata stay as they are.

    Of a folder, all camera files in it and below it are packed.
    """
    from rawbench.options import build_options, parse_spec
    from rawbench.run.arrays import choose_point

    _refuse_contradictions(rate_point, max_bytes, output, out)
    name, given = parse_spec(method)
    codec = catalogue_of().methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    point = choose_point(codec, options, rate_point) if rate_point is not None else None

    from rawbench.photo.batch import Task, carriers
    from rawbench.run.device import resolve_device

    places = _outputs(photos, output, out)
    jpegs = carriers(places, carrier)
    kind, plugins = resolve_device(device), catalogue_of().extra
    tasks = [
        Task(photo, jpegs[photo], place, method, point, max_bytes or MAX_BYTES, rendition, white, verified, kind, seed,
             plugins)
        for photo, place in places.items()
    ]  # fmt: skip
    if output is not None:
        _pack_one(tasks[0])
    else:
        _pack_many(tasks, jobs)


def _refuse_contradictions(
    rate_point: str | None, max_bytes: int | None, output: Path | None, out: Path | None
) -> None:
    from rawbench.errors import UsageError

    if rate_point is not None and max_bytes is not None:
        raise UsageError("give either --rate-point or --max-bytes")
    if (output is None) == (out is None):
        raise UsageError("give either -o FILE.rb.jpg, for one photograph, or --out DIR")
    if output is not None and output.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"{output}: the output is a .jpg")


def _outputs(photos: tuple[Path, ...], output: Path | None, out: Path | None) -> dict[Path, Path]:
    """The camera files, folders opened, and where each goes."""
    from rawbench.datasets.found_files import CAMERA_SUFFIXES, files_below
    from rawbench.errors import RawbenchError, SampleError, UsageError
    from rawbench.photo.batch import outputs
    from rawbench.photo.pictures import check_folder

    found: list[Path] = []
    for photo in photos:
        if photo.is_dir():
            inside = [path for path in files_below(photo) if path.suffix.lower() in CAMERA_SUFFIXES]
            if not inside:
                raise SampleError(f"{photo}: holds no camera file")
            found += inside
        else:
            found.append(photo)
    if output is not None:
        if len(found) > 1:
            raise UsageError(f"-o {output} is for one photograph, there are {len(found)}; give --out DIR")
        check_folder(output)
        return {found[0]: output}
    assert out is not None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot make {out}: {error.strerror}") from None
    return outputs(dict.fromkeys(found), out)


def _pack_one(task: Task) -> None:
    from rawbench.cli.progress import make_steps
    from rawbench.photo.batch import pack_file

    with make_steps() as steps:
        done = pack_file(task, catalogue_of(), steps)
    _say(done)


def _pack_many(tasks: list[Task], jobs: int) -> None:
    from rawbench.cli.progress import make_steps
    from rawbench.errors import RawbenchError
    from rawbench.photo.batch import pack_all

    ended: list[Done] = []
    with make_steps() as steps:
        steps.step(f"packing {len(tasks)} photographs")
        steps.advance(0, len(tasks))
        for _, done in pack_all(tasks, min(jobs, len(tasks))):
            ended.append(done)
            steps.advance(len(ended), len(tasks))
    for done in ended:
        _say(done)
    failed = [done.problem for done in ended if done.problem]
    for problem in failed:
        click.echo(f"rawbench: {problem}", err=True)
    if failed:
        raise RawbenchError(f"{len(failed)} of {len(tasks)} photographs were not packed")


def _say(done: Done) -> None:
    for line in done.lines:
        click.echo(line)
    for warning in done.warnings:
        click.echo(f"rawbench: warning: {warning}", err=True)
