"""``rawbench unpack``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.arguments import Device, decoder_resources, method_of_stream


@click.command(
    epilog="""\b
Examples:
  rawbench unpack photo.rb.jpg -o photo.dng
  rawbench unpack photo.rb.jpg -o photo.dng --cfa
  rawbench unpack photo.rb.jpg -o photo.tiff
"""
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.rb.jpg")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT.dng|.tiff|.npy",
              help=".dng: linear DNG; .tif, .tiff: 16 bits; .npy: float32 (3, H, W).")  # fmt: skip
@click.option("--cfa", is_flag=True, help="A DNG of one colour a pixel, as the camera's filters let it through.")
@click.option("--force", is_flag=True, help="Decode even if the JPEG's pixels were changed since.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE",
              help="Where the method's own files are, for those that need it (weights=FILE).")  # fmt: skip
@click.option("--device", type=Device(), default="auto", show_default=True)
def unpack(file: Path, output: Path, cfa: bool, force: bool, options: tuple[str, ...], device: str) -> None:
    """Rebuild the raw of a packed JPEG, as a DNG that raw converters open."""
    from rawbench.cli.progress import make_steps
    from rawbench.errors import naming
    from rawbench.files import read_bytes
    from rawbench.photo.contents import look, read_contents
    from rawbench.photo.unpack import check_unpacked_output, unpack_photo, write_unpacked
    from rawbench.run.device import resolve_device

    check_unpacked_output(output, cfa)
    kind = resolve_device(device)
    with make_steps() as steps, naming(file):
        steps.step(f"reading {file.name}")
        jpeg = read_bytes(file)
        contents = read_contents(jpeg)
        codec = method_of_stream(contents.header)
        resources = decoder_resources(codec, options)
        seen = look(jpeg, contents)
        raw = unpack_photo(contents, seen, codec, resources, kind, steps, force)
        steps.step(f"writing {output.name}")
        write_unpacked(output, raw, contents, jpeg, seen.orientation, cfa)
    if seen.changed:
        warning = f"{file}: the pixels were changed since; the raw is not what was packed"
        click.echo(f"rawbench: warning: {warning}", err=True)
    click.echo(f"{output}: {codec.name}, {raw.shape[2]}x{raw.shape[1]} pixels, {output.stat().st_size} bytes")
