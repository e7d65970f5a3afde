"""``rawbench inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rawbench.cli.catalogue import catalogue_of


@click.command(
    epilog="""\b
Examples:
  rawbench inspect photo.rbs
  rawbench inspect photo.rb.jpg --json
"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def inspect(file: Path, as_json: bool) -> None:
    """Show what a stream, or a packed JPEG, says of itself: method, version, rate point, size, bytes, checksum."""
    from rawbench.errors import naming
    from rawbench.files import read_bytes

    data = read_bytes(file)
    with naming(file):
        found = {"file": str(file), **(_packed(data) if data[:2] == b"\xff\xd8" else _stream(data))}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        title = key.replace("_", " ")
        click.echo(f"{title}: {value:.5g}" if isinstance(value, float) else f"{title}: {value}")


def _stream(data: bytes) -> dict[str, Any]:
    from rawbench.stream import read_stream

    header, payload = read_stream(data)
    name = catalogue_of().methods.by_codec_id(header.codec_id)
    return {
        "method": name or f"not installed here (id {header.codec_id:04x})",
        "format_version": header.format_version,
        "rate_point": header.rate_point,
        "width": header.width,
        "height": header.height,
        "srgb_bits": header.srgb_bits,
        "file_bytes": len(data),
        "header_bytes": len(data) - len(payload),
        "payload_bytes": len(payload),
        "bpp": 8 * len(data) / (header.width * header.height),
        "checksum": "matches",
    }


def _packed(jpeg: bytes) -> dict[str, Any]:
    from rawbench.errors import SampleError, StreamError
    from rawbench.photo.contents import look, read_contents

    contents = read_contents(jpeg)
    stream = _stream(contents.stream)
    stream["stream_bytes"] = stream.pop("file_bytes")
    try:
        seen = look(jpeg, contents)
        pixels = "changed since they were packed: unpack refuses, unless --force" if seen.changed else "unchanged"
        if seen.orientation != 1:
            pixels += ", but turned since by the orientation in the Exif"
    except (SampleError, StreamError) as error:
        pixels = f"changed since they were packed: {error}"
    added = len(contents.stream) + contents.facts_bytes + contents.segment_bytes
    stream |= {
        "facts_bytes": contents.facts_bytes,
        "segment_bytes": contents.segment_bytes,
        "added_bytes": added,
        "file_bytes": len(jpeg),
        "bpp": 8 * added / (stream["width"] * stream["height"]),
        "pixels": pixels,
    }
    facts = contents.facts
    return stream | {
        "camera": " ".join(filter(None, (facts.make, facts.model))) or "unknown",
        "cfa": facts.cfa,
        "black": list(facts.black),
        "white": facts.white,
        "white_balance": list(facts.white_balance),
        "xyz_to_camera": list(facts.xyz_to_camera),
        "illuminant": facts.illuminant,
        **(
            {
                "second_xyz_to_camera": list(facts.second_xyz_to_camera),
                "second_illuminant": facts.second_illuminant,
            }
            if facts.second_illuminant
            else {}
        ),
    }
