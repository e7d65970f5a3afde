"""``rawbench decode``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of
from rawbench.codec import Codec
from rawbench.stream import Header


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
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def decode(stream: Path, srgb: Path, rendition: str, output: Path, options: tuple[str, ...], device: str) -> None:
    """Rebuild a raw image from a stream and the sRGB, and nothing else."""
    from rawbench.device import resolve_device
    from rawbench.files import read_bytes
    from rawbench.pictures import check_output, read_srgb, srgb_tensor, write_raw
    from rawbench.runner import decode_stream
    from rawbench.stream import read_stream

    check_output(output)
    data = read_bytes(stream)
    with naming(stream):
        codec = method_of_stream(read_stream(data)[0])
    resources = decoder_resources(codec, options)
    kind = resolve_device(device)
    pixels = srgb_tensor(read_srgb(srgb, rendition)).to(kind)
    with naming(stream):
        raw, seconds, _ = decode_stream(codec, resources, data, pixels, kind)
    write_raw(output, raw)
    click.echo(f"{output}: {codec.name}, {raw.shape[2]}x{raw.shape[1]} pixels, {seconds:.2f} s")


def method_of_stream(header: Header) -> type[Codec]:
    """The method that a stream's header asks for.

    Raises:
        StreamError: it is not installed.
    """
    from rawbench.errors import StreamError

    methods = catalogue_of().methods
    name = methods.by_codec_id(header.codec_id)
    if name is None:
        raise StreamError(
            f"the stream is of a method (id {header.codec_id:04x}) that is not installed here "
            f"(there are {', '.join(methods.names())})"
        )
    return methods.load(name)


def decoder_resources(codec: type[Codec], given: tuple[str, ...]) -> dict[str, object]:
    """The method's ``resource_options``, those given as ``NAME=VALUE`` among them.

    Raises:
        UsageError: another option, or a value that the method refuses.
    """
    from rawbench.errors import UsageError
    from rawbench.options import build_options, parse_spec

    known = codec.resource_options
    _, values = parse_spec(":".join([codec.name, *given]))
    for name in values:
        if name not in known:
            what = f"only {', '.join(known)} can be given" if known else "it takes no options"
            raise UsageError(f"option {name!r}: the decoder of {codec.name} finds what it needs in the stream; {what}")
    options = build_options(codec.Options, values, f"method {codec.name}").model_dump()
    return {name: options[name] for name in known}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the file's name before what is wrong with it."""
    from rawbench.errors import SampleError, StreamError

    try:
        yield
    except (SampleError, StreamError) as error:
        raise type(error)(f"{path}: {error}") from error
