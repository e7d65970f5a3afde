"""JPEGs as phones, cameras and editors write them: once packed, all that they hold is still there, and found."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image

from rawbench.camera.carrier import decode_jpeg, extract, insert, remove
from rawbench.camera.jpeg import image_end, stored_pixels
from rawbench.errors import SampleError
from tests.camera_files import LONG, UNDEFINED, jpeg, rendered, segment, tiff, with_segment

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
SMALL = jpeg(PIXELS[::2, ::2])
BLOB = bytes(range(256)) * 300
CONTAINER = (
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    b"xmlns:Container='http://ns.google.com/photos/1.0/container/' "
    b"xmlns:Item='http://ns.google.com/photos/1.0/container/item/' "
    b"xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'>"
    b"<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='Primary' "
    b"Item:Mime='image/jpeg'/></rdf:li><rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='GainMap' "
    b"Item:Mime='image/jpeg' Item:Length='%d'/></rdf:li></rdf:Seq></Container:Directory></rdf:Description></rdf:RDF>"
    b"</x:xmpmeta>"
)


def multi_picture() -> bytes:
    buffer = io.BytesIO()
    first, second = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::2, ::2])
    first.save(buffer, "MPO", save_all=True, append_images=[second], quality=95)
    return buffer.getvalue()


def index_of(data: bytes) -> list[tuple[int, int]]:
    """Size of each picture of a multi-picture file as its index says it, and the byte where it begins."""
    base = data.index(b"MPF\0") + 4
    with Image.open(io.BytesIO(data)) as image:
        entries = image._getmp()[0xB002]
    return [(entry["Size"], entry["DataOffset"] and base + entry["DataOffset"]) for entry in entries]


def test_the_index_of_a_multi_picture_file_stays_right():
    plain = multi_picture()
    packed = insert(plain, BLOB)
    for data in (plain, packed):
        (first, start), (second, place) = index_of(data)
        assert (first, start) == (place, 0) and data[place : place + 2] == b"\xff\xd8" and place + second == len(data)
    assert remove(packed) == plain and insert(packed, BLOB) == packed


def ultra_hdr() -> bytes:
    """A phone's JPEG with a gain map: XMP says how long it is, the index of a multi-picture file where."""
    gain_map = with_segment(SMALL, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version='1.0'/>")
    head = with_segment(jpeg(PIXELS), 0xE1, CONTAINER % len(gain_map))
    place = 2 + len(segment(0xE1, CONTAINER % len(gain_map)))

    def index(size: int, offset: int) -> bytes:
        entries = struct.pack("<4I", 0x30000, size, 0, 0) + struct.pack("<4I", 0, len(gain_map), offset, 0)
        found = [
            (0xB000, UNDEFINED, 4, b"0100"),
            (0xB001, LONG, 1, struct.pack("<I", 2)),
            (0xB002, UNDEFINED, 32, entries),
        ]
        return segment(0xE2, b"MPF\0" + tiff(found))

    whole = len(head) + len(index(0, 0))
    return head[:place] + index(whole, whole - place - 8) + head[place:] + gain_map


def test_the_gain_map_of_a_phone_survives(tmp_path):
    plain = ultra_hdr()
    packed = insert(plain, BLOB)
    assert remove(packed) == plain and extract(packed) == BLOB
    (first, _), (second, place) = index_of(packed)
    assert first == place == image_end(packed) and place + second == len(packed)
    assert b"hdrgm:Version" in packed[place:] and CONTAINER[:400] in packed
    assert np.array_equal(decode_jpeg(packed[place:]), decode_jpeg(SMALL))


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("build", [multi_picture, ultra_hdr])
def test_exiftool_finds_the_second_picture(tmp_path, build):
    (tmp_path / "x.jpg").write_bytes(insert(build(), BLOB))
    command = ["exiftool", "-b", "-MPImage2", str(tmp_path / "x.jpg")]
    second = subprocess.run(command, capture_output=True, check=True).stdout
    assert np.array_equal(decode_jpeg(second), decode_jpeg(SMALL) if build is ultra_hdr else decode_jpeg(second))
    told = subprocess.run(["exiftool", "-json", "-a", str(tmp_path / "x.jpg")], capture_output=True, check=True).stdout
    assert "Warning" not in json.loads(told)[0]


# A maker note's head, and where its offsets count from: the TIFF header, or a byte of the note.
MAKERS = {
    "SONY": (b"SONY DSC \0\0\0", None),
    "OLYMPUS": (b"OLYMPUS\0II\3\0", 0),
    "Nikon": (b"Nikon\0\2\x10\0\0II*\0\x08\0\0\0", 10),
}


def with_preview(maker: str, gap: bytes = b"", order: str = "<") -> tuple[bytes, int]:
    """A JPEG with a preview behind the image, and the byte at which its maker note says where that begins."""
    head, origin = MAKERS[maker]

    def build(offset: int) -> bytes:
        table = struct.pack(f"{order}HHHII", 1, 0x2001, UNDEFINED, len(SMALL), offset) + bytes(4)
        note = head + table
        exif = tiff([], "<", {34665: [(37500, UNDEFINED, len(note), note)]})
        return with_segment(jpeg(PIXELS), 0xE1, b"Exif\0\0" + exif)

    empty = build(0)
    note = empty.index(head)
    base = 12 if origin is None else note + origin
    return build(len(empty) + len(gap) - base) + gap + SMALL, note + len(head) + 10 - base


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("gap", [b"", bytes(7)])
@pytest.mark.parametrize("order", "<>")
def test_a_preview_behind_the_image_is_found_by_its_maker_note(maker, gap, order):
    plain, _ = with_preview(maker, gap, order)
    packed = insert(plain, BLOB)
    for data in (plain, packed):
        head, origin = MAKERS[maker]
        note = data.index(head)
        base = data.index(b"Exif\0\0") + 6 if origin is None else note + origin
        offset = struct.unpack_from(f"{order}I", data, note + len(head) + 10)[0]
        assert data[base + offset :] == SMALL
    assert remove(packed) == plain and insert(packed, b"less") == insert(plain, b"less")


def test_a_motion_photos_video_survives():
    plain = jpeg(PIXELS) + bytes(7) + b"ftypmp42" * 5000 + b"SEFT"
    packed = insert(plain, BLOB)
    assert packed.endswith(plain[image_end(plain) :]) and remove(packed) == plain
    assert image_end(packed) == image_end(plain) + len(packed) - len(plain)


BASE = jpeg(PIXELS)
ODD = {
    "fill bytes": BASE[:20] + b"\xff\xff\xff" + BASE[20:],
    "stray bytes": BASE[:20] + bytes(4) + BASE[20:],
    "another's APP9": BASE[:20] + segment(0xE9, b"Media Jukebox\0" + b"x" * 99) + BASE[20:],
    "restart markers": jpeg(PIXELS, restart_marker_rows=1),
    "progressive": jpeg(PIXELS, progressive=True),
    "RGB": jpeg(PIXELS, keep_rgb=True),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_read_as_viewers_do(kind):
    packed = insert(ODD[kind], BLOB)
    assert extract(packed) == BLOB and remove(packed) == ODD[kind]
    with Image.open(io.BytesIO(ODD[kind])) as image:
        assert np.array_equal(decode_jpeg(packed), np.asarray(image.convert("RGB")))
    assert image_end(packed) == len(packed)


FRAME = BASE.index(b"\xff\xc0")
REFUSED = {
    "12 bits": BASE[: FRAME + 1] + b"\xc1" + BASE[FRAME + 2 : FRAME + 4] + b"\x0c" + BASE[FRAME + 5 :],
    "lossless": BASE[: FRAME + 1] + b"\xc3" + BASE[FRAME + 2 :],
    "cut": BASE[: len(BASE) // 2],
    "cut within a segment": BASE[:30],
    "empty": b"",
    "a PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "nothing but its start": b"\xff\xd8",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_decoded_is_refused_in_one_line(kind):
    with pytest.raises(SampleError) as caught:
        stored_pixels(REFUSED[kind])
    assert "\n" not in str(caught.value)


def test_a_jpeg_of_other_colours_is_blamed_by_its_own_name(packed, photo):
    carrier = photo.with_name("cmyk.jpg")
    Image.fromarray(rendered(photo)).convert("CMYK").save(carrier)
    ended = packed(photo, "--carrier", carrier)
    assert ended.code == 4 and ended.err == f"rawbench: {carrier}: a JPEG of mode CMYK; RGB or grey is needed\n"
    photo.with_suffix(".jpg").write_bytes(carrier.read_bytes())


@pytest.mark.parametrize(("width", "height"), [(19008, 12672), (11648, 8736), (65500, 65500)])
def test_a_jpeg_of_another_size_is_refused_before_it_is_decoded(packed, photo, width, height, recwarn):
    data = jpeg(rendered(photo))
    frame = data.index(b"\xff\xc0")
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    carrier = photo.with_name("large.jpg")
    carrier.write_bytes(data[: frame + 5] + size + data[frame + 9 :])
    ended = packed(photo, "--carrier", carrier)
    assert ended.code == 4 and f"the sRGB has {width}x{height} pixels, the raw 128x96" in ended.err
    assert len(ended.err.splitlines()) == 1 and not recwarn.list


def test_a_jpeg_larger_than_pillow_allows_is_read():
    """Pillow warns of images above 89 million pixels, and refuses those above 179."""
    large = jpeg(np.zeros((13400, 13400), np.uint8))
    assert stored_pixels(large).shape == (13400, 13400, 3)
