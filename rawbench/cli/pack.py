"""``rawbench pack``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of

MAX_BYTES = 65_000


@click.command(
    epilog="""\b
Examples:
  rawbench pack photo.nef --carrier photo.jpg -o photo.rb.jpg
  rawbench pack photo.dng -o photo.rb.jpg --method poly --rate-point degree=3
  rawbench pack photo.dng -o photo.rb.jpg --max-bytes 200000 --rendition jpeg90
"""
)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.rb.jpg")
@click.option("--carrier", type=click.Path(path_type=Path), metavar="FILE.jpg",
              help="The JPEG to put it into: the camera's, or your own.  [default: rendered from PHOTO]")  # fmt: skip
@click.option("--rendition", default="jpeg95", show_default=True, help="Of a rendered carrier: jpeg10 ... jpeg100.")
@click.option("--method", default="residual", show_default=True, metavar="METHOD[:OPTION=VALUE]...")
@click.option("--rate-point", metavar="N|NAME", help="Number from 0 (fewest bytes), or name.")
@click.option("--max-bytes", type=click.IntRange(min=1), metavar="N",
              help=f"The last rate point that adds at most N bytes to the JPEG.  [default: {MAX_BYTES}]")  # fmt: skip
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def pack(
    photo: Path,
    output: Path,
    carrier: Path | None,
    rendition: str,
    method: str,
    rate_point: str | None,
    max_bytes: int | None,
    device: str,
    seed: int,
) -> None:
    """Put what brings PHOTO's raw back into an ordinary JPEG, whose pixels and other metadata stay as they are."""
    from rawbench.errors import UsageError
    from rawbench.options import build_options, parse_spec
    from rawbench.run.arrays import choose_point

    if rate_point is not None and max_bytes is not None:
        raise UsageError("give either --rate-point or --max-bytes")
    name, given = parse_spec(method)
    codec = catalogue_of().methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    point = choose_point(codec, options, rate_point) if rate_point is not None else None
    if output.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"{output}: the output is a .jpg")

    from rawbench.cli.progress import make_steps
    from rawbench.files import write_atomically
    from rawbench.photo.pack import pack_photo, pack_within, read_photo
    from rawbench.photo.pictures import check_folder
    from rawbench.run.device import resolve_device
    from rawbench.run.rate import bits_per_pixel

    check_folder(output)
    kind = resolve_device(device)
    with make_steps() as steps:
        steps.step(f"reading {photo.name}")
        picture = read_photo(photo, carrier, rendition)
        if point is not None:
            packed = pack_photo(picture, codec, options, point, kind, seed, steps)
        else:
            packed = pack_within(picture, codec, options, max_bytes or MAX_BYTES, kind, seed, steps)
        steps.step(f"writing {output.name}")
        write_atomically(output, packed.jpeg)
    info = picture.sample.info
    if any(picture.border):
        click.echo(f"the carrier shows {info.width}x{info.height} pixels; the raw is cropped to them")
    exif = f" + Exif {packed.exif_bytes}" if packed.exif_bytes else ""
    before = len(packed.jpeg) - packed.added_bytes
    click.echo(
        f"{output}: {name} {packed.point.name}, {packed.added_bytes} bytes added to {before} "
        f"(stream {packed.stream_bytes} + camera facts {packed.facts_bytes} + segments {packed.segment_bytes}{exif}), "
        f"{bits_per_pixel(packed.added_bytes, info.height, info.width):.4f} bpp"
    )
