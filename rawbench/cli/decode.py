"""``rawbench decode``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.arguments import Device, decoder_resources, method_of_stream
from rawbench.errors import naming


@click.command(
    epilog="""\b
Examples:
  rawbench decode photo.rbs --srgb photo.png -o photo.tiff
  rawbench decode photo.rbs --srgb photo.dng -o photo.npy
"""
)
@click.argument("stream", type=click.Path(path_type=Path), metavar="FILE.rbs")
@click.option("--srgb", type=click.Path(path_type=Path), required=True, metavar="PHOTO.dng|IMAGE",
              help="The sRGB image, or the camera file to render it from.")  # fmt: skip
@click.option("--rendition", default="png", show_default=True,
              help="Of an sRGB rendered from a camera file; png16 also says that IMAGE has 16 bits.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT.npy|.tiff",
              help=".npy: float32 (3, H, W); .tif, .tiff: 16 bits.")  # fmt: skip
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE",
              help="Where the method's own files are, for those that need it (weights=FILE).")  # fmt: skip
@click.option("--device", type=Device(), default="auto", show_default=True)
def decode(stream: Path, srgb: Path, rendition: str, output: Path, options: tuple[str, ...], device: str) -> None:
    """Rebuild a raw image from a stream and the sRGB, and nothing else."""
    from rawbench.camera.tensors import srgb_tensor
    from rawbench.files import read_bytes
    from rawbench.photo.pictures import check_output, read_srgb, write_raw
    from rawbench.run.coding import decode_stream
    from rawbench.run.device import resolve_device
    from rawbench.stream import read_stream

    check_output(output)
    data = read_bytes(stream)
    with naming(stream):
        codec = method_of_stream(read_stream(data)[0])
    resources = decoder_resources(codec, options)
    kind = resolve_device(device)
    pixels = srgb_tensor(read_srgb(srgb, rendition)).to(kind)
    with naming(stream):
        decoded = decode_stream(codec, resources, data, pixels, kind)
    raw = decoded.raw
    write_raw(output, raw)
    click.echo(f"{output}: {codec.name}, {raw.shape[2]}x{raw.shape[1]} pixels, {decoded.seconds:.2f} s")
