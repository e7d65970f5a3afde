"""``rawbench encode``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.arguments import Device
from rawbench.cli.catalogue import catalogue_of


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
@click.option("--device", type=Device(), default="auto", show_default=True)
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
    from rawbench.run.arrays import choose_point

    name, given = parse_spec(method)
    codec = catalogue_of().methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    point = choose_point(codec, options, rate_point)
    from rawbench.files import write_atomically
    from rawbench.photo.pictures import check_folder, read_pair
    from rawbench.run.coding import encode_stream
    from rawbench.run.device import resolve_device
    from rawbench.run.own_rendition import refuse_own_rendition
    from rawbench.run.pairs import check_depth, check_sample
    from rawbench.run.rate import bits_per_pixel
    from rawbench.types import Sample

    refuse_own_rendition(codec, options)
    check_folder(output)
    kind = resolve_device(device)
    sample, fit = read_pair(photo, srgb, rendition)
    check_sample(sample)
    check_depth(codec, options, sample.srgb)
    placed = Sample(sample.info, sample.raw.to(kind), sample.srgb.to(kind))
    encoded = encode_stream(codec, options, point, placed, kind, seed)
    write_atomically(output, encoded.stream)
    size = len(encoded.stream)
    rate = bits_per_pixel(size, sample.info.height, sample.info.width)
    if fit is not None and fit.is_poor:
        click.echo(f"rawbench: warning: {srgb}: {fit}: it may show another crop or lens correction", err=True)
    click.echo(f"{output}: {name} {point.name}, {size} bytes, {rate:.4f} bpp, {encoded.seconds:.2f} s")
