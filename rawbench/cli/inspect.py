"""``rawbench inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of


@click.command(epilog="Example: rawbench inspect photo.rbs")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def inspect(file: Path, as_json: bool) -> None:
    """Show what a stream says of itself: method, version, rate point, size, bytes, checksum."""
    from rawbench.errors import StreamError
    from rawbench.files import read_bytes
    from rawbench.stream import read_stream

    data = read_bytes(file)
    try:
        header, payload = read_stream(data)
    except StreamError as error:
        raise StreamError(f"{file}: {error}") from None
    name = catalogue_of().methods.by_codec_id(header.codec_id)
    found = {
        "file": str(file),
        "method": name or f"not installed here (id {header.codec_id:04x})",
        "format_version": header.format_version,
        "rate_point": header.rate_point,
        "width": header.width,
        "height": header.height,
        "file_bytes": len(data),
        "header_bytes": len(data) - len(payload),
        "payload_bytes": len(payload),
        "bpp": 8 * len(data) / (header.width * header.height),
        "checksum": "matches",
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        click.echo(
            f"{key.replace('_', ' ')}: {value:.5g}" if isinstance(value, float) else f"{key.replace('_', ' ')}: {value}"
        )
