"""``rawbench encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rawbench.cli.catalogue import catalogue_of
from rawbench.codec import Codec
from rawbench.types import RatePoint


@click.command(
    epilog="""\b
Examples:
  rawbench encode poly photo.dng -o photo.rbs --rate-point degree=3
  rawbench encode residual photo.dng --srgb photo.jpg -o photo.rbs --rate-point 4
"""
)
@click.argument("method", metavar="METHOD[:OPTION=VALUE]...")
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.rbs")
@click.option("--srgb", type=click.Path(path_type=Path), metavar="IMAGE",
              help="The sRGB that the decoder will have.  [default: rendered from PHOTO]")  # fmt: skip
@click.option("--rendition", default="png", show_default=True,
              help="Of the rendered sRGB: png, png16, jpeg10 ... jpeg100; png16 also says that IMAGE has 16 bits."
              )  # fmt: skip
@click.option("--rate-point", metavar="N|NAME", help="Number from 0 (fewest bytes), or name.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def encode(
    method: str,
    photo: Path,
    output: Path,
    srgb: Path | None,
    rendition: str,
    rate_point: str | None,
    device: str,
    seed: int,
) -> None:
    """Write the metadata that brings PHOTO's raw back from its sRGB."""
    from rawbench.options import build_options, parse_spec

    name, given = parse_spec(method)
    codec = catalogue_of().methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    point = choose_point(codec, options, rate_point)
    from rawbench.device import resolve_device
    from rawbench.files import write_atomically
    from rawbench.own_rendition import refuse_own_rendition
    from rawbench.pictures import check_folder, read_pair
    from rawbench.rate import bits_per_pixel
    from rawbench.runner import check_depth, check_sample, encode_stream
    from rawbench.types import Sample

    refuse_own_rendition(codec, options)
    check_folder(output)
    kind = resolve_device(device)
    sample = read_pair(photo, srgb, rendition)
    check_sample(sample)
    check_depth(codec, options, sample.srgb)
    placed = Sample(sample.info, sample.raw.to(kind), sample.srgb.to(kind))
    stream, facts, _ = encode_stream(codec, options, point, placed, kind, seed)
    write_atomically(output, stream)
    rate = bits_per_pixel(len(stream), sample.info.height, sample.info.width)
    click.echo(f"{output}: {name} {point.name}, {len(stream)} bytes, {rate:.4f} bpp, {facts['encode_seconds']:.2f} s")


def choose_point(codec: type[Codec], options: Any, wanted: str | None) -> RatePoint:
    """The rate point that the user named; a method with one needs no name.

    Raises:
        UsageError: none of that name; the line lists them.
    """
    from rawbench.errors import UsageError

    points = codec.rate_points(options)
    listed = ", ".join(f"{i} ({point.name})" for i, point in enumerate(points))
    if wanted is None and len(points) == 1:
        return points[0]
    for number, point in enumerate(points):
        if wanted in (point.name, str(number)):
            return point
    what = f"no rate point {wanted!r}" if wanted else "--rate-point is needed"
    raise UsageError(f"method {codec.name}: {what}; there are {listed}")
