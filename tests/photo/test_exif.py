"""What a JPEG's Exif says stays said in the DNG, byte for byte, and the other way round; exiftool and exiv2 agree."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess

import pytest

from rawbench.camera.exif import read_exif
from rawbench.camera.tiff import read_tiff
from tests.camera_files import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    jpeg,
    rendered,
    tiff,
    with_segment,
    write_dng,
)

TEXTS = {
    "UTF-8": "© 2024 José 写真".encode(),
    "Latin-1": "Jørgen".encode("latin-1"),
    "Shift-JIS": "写真".encode("shift-jis"),
}
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
needs_exiv2 = pytest.mark.skipif(shutil.which("exiv2") is None, reason="exiv2 is not installed")


def ascii_of(text: bytes) -> tuple[int, int, bytes]:
    return ASCII, len(text) + 1, text + b"\0"


def maker_note(order: str) -> bytes:
    """One of Sony's layout that says the quality is Fine, and nothing else."""
    return b"SONY DSC \0\0\0" + struct.pack(f"{order}HHHII", 1, 0x0102, LONG, 1, 2) + bytes(4)


def full_exif(order: str = "<") -> bytes:
    """Names, caption, rating; exposure, lens, comment, zone; a position; a maker note."""

    def rationals(*values):
        return struct.pack(f"{order}{2 * len(values)}I", *(part for v in values for part in (round(v * 100), 100)))

    image = [(271, *ascii_of(b"SONY")), (272, *ascii_of(b"SLT-A57")), (270, *ascii_of(b"a caption")),
             (315, *ascii_of(TEXTS["UTF-8"])), (33432, *ascii_of(TEXTS["Latin-1"])),
             (18246, SHORT, 1, struct.pack(f"{order}H", 4)), (40092, BYTE, 8, "note".encode("utf-16-le"))]  # fmt: skip
    exif = [(33437, RATIONAL, 1, rationals(2.8)), (36867, *ascii_of(b"2024:02:03 04:05:06")),
            (36881, *ascii_of(b"+02:00")), (37510, UNDEFINED, 13, b"ASCII\0\0\0hello"), (42036, *ascii_of(b"50mm")),
            (37396, SHORT, 2, struct.pack(f"{order}2H", 10, 20)), (36864, UNDEFINED, 4, b"0230"),
            (42034, RATIONAL, 4, rationals(50, 50, 1.8, 1.8)),
            (37500, UNDEFINED, 30, maker_note(order))]  # fmt: skip
    gps = [(0, BYTE, 4, b"\2\3\0\0"), (1, *ascii_of(b"N")), (2, RATIONAL, 3, rationals(48, 51, 24)),
           (3, *ascii_of(b"E")), (4, RATIONAL, 3, rationals(2, 21, 7))]  # fmt: skip
    return b"Exif\0\0" + tiff(image, order, {34665: exif, 34853: gps})


@pytest.fixture(params=["<", ">"])
def unpacked(request, call, packed, photo):
    """A DNG of a photograph whose JPEG says all that."""
    carrier = photo.with_name("camera.jpg")
    carrier.write_bytes(with_segment(jpeg(rendered(photo)), 0xE1, full_exif(request.param)))
    assert packed(photo, "--carrier", carrier).code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    return photo.with_name("x.dng")


def test_every_value_keeps_its_bytes(unpacked):
    said = read_exif(unpacked.with_name("camera.jpg").read_bytes())
    found = read_tiff(unpacked.read_bytes())
    assert found.order == said.order and said.gps and found.gps == said.gps
    assert found.exif == said.exif and found.exif[37500].place == said.exif[37500].place
    assert {tag: found.image[tag] for tag in said.image if tag not in (34665, 34853)} == {
        tag: value for tag, value in said.image.items() if tag not in (34665, 34853)
    }


def exiftool(*paths) -> list[dict]:
    command = ["exiftool", "-json", "-n", "-a", "-u", "-G0", *map(str, paths)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@needs_exiftool
def test_exiftool_reads_the_same_of_both(unpacked):
    plain, dng = exiftool(unpacked.with_name("camera.jpg"), unpacked)
    assert not [key for key in dng if key.endswith((":Warning", ":Error"))], dng
    names = (
        *("GPSLatitude", "GPSLongitude", "ImageDescription", "Rating", "Artist", "Copyright", "LensModel", "LensInfo"),
        *("UserComment", "SubjectArea", "SubjectLocation", "OffsetTimeOriginal", "XPComment", "Quality"),
    )
    told = {key: value for key, value in plain.items() if key.split(":")[-1] in names}
    assert len(told) >= 12
    assert {key: dng.get(key) for key in told} == told


@needs_exiv2
def test_exiv2_reads_the_same_of_both(unpacked):
    def said(path):
        done = subprocess.run(["exiv2", "-PEkt", str(path)], capture_output=True, check=True)
        assert not done.stderr
        lines = [line.split(None, 1) for line in done.stdout.splitlines()]
        wanted = (b"GPSInfo", b"Photo.LensModel", b"Photo.UserComment", b"Image.ImageDescription", b"Image.Rating",
                  b"Image.Artist", b"Image.Copyright", b"Photo.OffsetTimeOriginal")  # fmt: skip
        return {name: rest for name, rest in lines if any(part in name for part in wanted) and b"Tag" not in name}

    plain = said(unpacked.with_name("camera.jpg"))
    assert len(plain) >= 12 and said(unpacked) == plain


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_camera_files_text_goes_to_the_jpeg_and_back(call, packed, tmp_path, encoding):
    text = TEXTS[encoding]
    path = write_dng(tmp_path / "a.dng", change={315: (ASCII, 0, text), 270: (ASCII, 0, b"a caption")})
    assert packed(path).code == 0
    assert read_exif((tmp_path / "x.rb.jpg").read_bytes()).image[315].data == text + b"\0"
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    found = read_tiff((tmp_path / "x.dng").read_bytes()).image
    assert found[315].data == text + b"\0" and found[270].data == b"a caption\0"


E = b"Exif\0\0"
ORIENTED = (274, SHORT, 1, b"\1\0\0\0")
BROKEN = {
    "only a header": E, "an empty TIFF": E + b"II*\0", "twice": E + E + tiff([ORIENTED]),
    "cut": E + tiff([ORIENTED])[:12],
    "far": E + b"II*\0" + struct.pack("<I", 9999), "orientation 0": E + tiff([(274, SHORT, 1, b"\0\0\0\0")]),
    "orientation 99": E + tiff([(274, SHORT, 1, b"\x63\0\0\0")]),
    "orientation as text": E + tiff([(274, ASCII, 2, b"6\0")]),
    "orientations": E + tiff([(274, SHORT, 2, b"\6\0\6\0")]),
    "loop": E + tiff([ORIENTED, (34665, LONG, 1, struct.pack("<I", 8))]),
    "Exif far away": E + tiff([ORIENTED, (34665, LONG, 1, struct.pack("<I", 1 << 30))]),
    "Exif as text": E + tiff([ORIENTED, (34665, ASCII, 4, b"abc\0")]),
    "a maker that is no number": E + tiff([(271, 11, 1, b"\0\0\xc0\x7f"), (272, *ascii_of(b"x"))]),
    "a count of all": E + tiff([(271, ASCII, 1 << 31, b"\0\0\0\0")]),
    "an unknown type": E + tiff([(271, 99, 1, b"abcd")]),
    "a rational of nought": E + tiff([ORIENTED, (282, RATIONAL, 1, bytes(8))]),
    "no TIFF": E + b"nonsense" * 9, "another order": E + b"IM*\0" + bytes(20),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_exif_costs_no_photograph_and_says_nothing(call, packed, photo, kind, recwarn):
    carrier = photo.with_name("camera.jpg")
    carrier.write_bytes(with_segment(jpeg(rendered(photo)), 0xE1, BROKEN[kind]))
    ended = packed(photo, "--carrier", carrier)
    assert ended.code == 0 and not ended.err, ended.err
    ended = call("unpack", "x.rb.jpg", "-o", "x.dng")
    assert ended.code == 0 and not ended.err and not recwarn.list
