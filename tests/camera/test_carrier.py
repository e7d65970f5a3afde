"""Metadata inside a JPEG: everything else stays as it was."""

from __future__ import annotations

import io
import shutil
import subprocess
from binascii import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from rawbench.camera.carrier import MARKER, PIECE_BYTES, carried_bytes, decode_jpeg, extract, insert, remove, segments
from rawbench.errors import SampleError, StreamError


def jpeg(width: int = 40, height: int = 24, orientation: int = 1, **options) -> bytes:
    """A JPEG with Exif, an ICC profile, XMP and a comment."""
    values = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    image = Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Maker", "Model", orientation
    buffer = io.BytesIO()
    given = {"quality": 90, "exif": exif, "icc_profile": bytes(range(256)) * 300, "comment": b"a comment"} | options
    image.save(buffer, "JPEG", xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", **given)
    return buffer.getvalue()


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2), st.integers(-2, 2))
def test_what_went_in_comes_out(blob, whole_pieces, more):
    blob = (blob + bytes(PIECE_BYTES * whole_pieces))[: max(0, PIECE_BYTES * whole_pieces + more)] or blob
    plain = jpeg()
    packed = insert(plain, blob)
    assert extract(packed) == blob
    assert remove(packed) == plain
    assert len(packed) - len(plain) == carried_bytes(len(blob))
    assert insert(packed, b"another") == insert(plain, b"another")


def test_every_other_segment_and_the_image_stay_byte_for_byte():
    plain = jpeg()
    packed = insert(plain, bytes(200_000))
    mine = [s for s in segments(packed) if s.marker == MARKER]
    assert len(mine) == 4
    others = [packed[s.start : s.end] for s in segments(packed) if s.marker != MARKER]
    assert others == [plain[s.start : s.end] for s in segments(plain)]
    scan = plain[[*segments(plain)][-1].end :]
    assert packed.endswith(scan)
    with Image.open(io.BytesIO(packed)) as after, Image.open(io.BytesIO(plain)) as before:
        assert after.info["icc_profile"] == before.info["icc_profile"]
        assert dict(after.getexif()) == dict(before.getexif())
        assert after.info["comment"] == b"a comment"
        assert np.array_equal(np.asarray(after), np.asarray(before))


def test_a_multi_picture_file_keeps_its_second_picture():
    buffer = io.BytesIO()
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    packed = insert(buffer.getvalue(), b"metadata" * 20_000)
    with Image.open(io.BytesIO(packed)) as image:
        assert image.n_frames == 2
        image.seek(1)
        assert image.size == (8, 8) and image.convert("RGB").getpixel((4, 4))[2] > 200
    assert decode_jpeg(packed).shape == (16, 16, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}])
def test_kinds_of_jpeg(options):
    plain = jpeg(**options)
    packed = insert(plain, b"metadata")
    assert extract(packed) == b"metadata"
    assert np.array_equal(decode_jpeg(packed), decode_jpeg(plain))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_upright(orientation):
    data = jpeg(orientation=orientation)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode_jpeg(data), np.asarray(ImageOps.exif_transpose(image)))


def test_grey_is_three_equal_channels():
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG")
    pixels = decode_jpeg(buffer.getvalue())
    assert pixels.shape == (256, 256, 3) and (pixels[..., 0] == pixels[..., 2]).all()


def test_pixels_are_pinned():
    """If Pillow comes to decode a JPEG otherwise, packed files need --force: that must not pass unseen."""
    values = (np.add.outer(np.arange(32) * 5, np.arange(48) * 2)[..., None] + [0, 40, 90]) % 256
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "JPEG", quality=85)
    assert crc32(decode_jpeg(buffer.getvalue()).tobytes()) == 560790620


def test_missing_and_foreign_segments():
    packed = insert(jpeg(), bytes(150_000))
    mine = [s for s in segments(packed) if s.marker == MARKER]
    assert extract(jpeg()) is None
    with pytest.raises(StreamError, match="segment 2 of 3 is missing"):
        extract(packed[: mine[1].start] + packed[mine[1].end :])
    with pytest.raises(StreamError, match="segment 3 of 3 is missing"):
        extract(packed[: mine[2].start] + packed[mine[2].end :])
    version = mine[0].content + 9
    with pytest.raises(StreamError, match="later version"):
        extract(packed[:version] + b"\x09" + packed[version + 1 :])


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\x89PNG....", jpeg()[:100], jpeg()[:3000]])
def test_no_jpeg(data):
    with pytest.raises(SampleError):
        list(segments(data))
    with pytest.raises(SampleError):
        decode_jpeg(data)


def test_cmyk_is_refused():
    buffer = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(buffer, "JPEG")
    with pytest.raises(SampleError, match="mode CMYK"):
        decode_jpeg(buffer.getvalue())


@pytest.mark.skipif(shutil.which("djpeg") is None, reason="djpeg (libjpeg-turbo-progs) is not installed")
def test_djpeg_sees_the_same_pixels(tmp_path):
    (tmp_path / "plain.jpg").write_bytes(jpeg())
    (tmp_path / "packed.jpg").write_bytes(insert(jpeg(), bytes(100_000)))
    seen = [
        subprocess.run(["djpeg", str(tmp_path / f"{name}.jpg")], capture_output=True, check=True)
        for name in ("plain", "packed")
    ]
    assert seen[0].stdout == seen[1].stdout and not seen[1].stderr
    with Image.open(io.BytesIO(seen[1].stdout)) as image:
        assert np.array_equal(np.asarray(image), decode_jpeg(jpeg()))


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed")
def test_exiftool_has_nothing_to_say_against_it(tmp_path):
    path = tmp_path / "packed.jpg"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path.write_bytes(insert(jpeg(icc_profile=profile), bytes(100_000)))
    told = subprocess.run(["exiftool", "-a", "-G", str(path)], capture_output=True, text=True, check=True).stdout
    assert "Warning" not in told and "Error" not in told
    assert "Model" in told and "a comment" in told
