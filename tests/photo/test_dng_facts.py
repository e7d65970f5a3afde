"""What DNG files say beside the common case: kept right through pack and unpack, or refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rawpy
import tifffile

from tests.camera_files import (
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    frame,
    linear,
    psnr,
    rational,
    rendered,
    write_dng,
)

IMAGE = frame()
WHITE = IMAGE.white
MATRIX = tuple(float(v) for v in np.asarray(IMAGE.xyz_to_camera).ravel())
WARM = tuple(v * (1.25 if i in (0, 4, 8) else 1) for i, v in enumerate(MATRIX))


def there_and_back(packed, call, path):
    ended = packed(path, method="residual", point="lossless")
    assert ended.code == 0, ended.err
    assert call("unpack", "x.rb.jpg", "-o", "linear.dng").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "cfa.dng", "--cfa").code == 0
    return ended, path.with_name("linear.dng"), path.with_name("cfa.dng")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_any_orientation_comes_back_upright(call, packed, tmp_path, orientation):
    image = frame(95, 128, cfa="GRBG")
    path = write_dng(tmp_path / "a.dng", image, {274: (SHORT, 1, orientation)})
    _, linear_dng, cfa = there_and_back(packed, call, path)
    assert psnr(linear(linear_dng), linear(path)) > 90
    assert psnr(linear(cfa), linear(path)) > 60  # another order of the filters: 25


@pytest.mark.parametrize("orientation", [2, 5, 7])
def test_a_mirrored_file_is_prepared_with_its_sides(call, tmp_path, orientation):
    (tmp_path / "d").mkdir()
    path = write_dng(tmp_path / "d" / "a.dng", change={274: (SHORT, 1, orientation)})
    assert call("datasets", "prepare", "folder", "--from", "d", "--root", "m").code == 0
    entry = json.loads((tmp_path / "m" / "manifest.json").read_text())["entries"][0]
    assert entry["mirrored"] and (entry["height"], entry["width"]) == rendered(path).shape[:2]
    assert call("datasets", "verify", "folder:root=d", "--root", "m").code == 0
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[274].overwrite({2: 1, 5: 8, 7: 6}[orientation])
    assert "mirrored since" in call("datasets", "verify", "folder:root=d", "--root", "m").out


LEVELS = {
    "deltas below": {50716: (SRATIONAL, 96, (-3, 1) * 96)},
    "deltas": {50716: (SRATIONAL, 96, sum(((i % 5, 1) for i in range(96)), ()))},
    "four by four": {50713: (SHORT, 2, (4, 4)), 50714: (LONG, 16, tuple(IMAGE.black + 4 * i for i in range(16)))},
    "halves": {50714: (RATIONAL, 1, (2 * IMAGE.black + 1, 2))},
}


@pytest.mark.parametrize("levels", LEVELS)
def test_black_levels_come_back(call, packed, tmp_path, levels):
    path = write_dng(tmp_path / "a.dng", IMAGE, {50713: None} | LEVELS[levels])
    _, linear_dng, cfa = there_and_back(packed, call, path)
    assert psnr(linear(linear_dng), linear(path)) > 75
    assert psnr(linear(cfa), linear(path)) > 50


def test_an_analog_balance_is_part_of_the_matrix(call, packed, tmp_path):
    change = {
        50727: (RATIONAL, 3, rational(1.2, 1, 0.8)),
        50723: (SRATIONAL, 9, rational(1.1, 0, 0, 0, 1, 0, 0, 0, 0.9)),
    }
    path = write_dng(tmp_path / "a.dng", IMAGE, change)
    _, linear_dng, _ = there_and_back(packed, call, path)
    assert psnr(rendered(linear_dng) / 255, rendered(path) / 255) > 45
    found = json.loads(call("inspect", "x.rb.jpg", "--json").out)["xyz_to_camera"]
    assert found[0] == pytest.approx(MATRIX[0] * 1.2 * 1.1, abs=2e-4)


@pytest.mark.parametrize("lights", [(17, 23), (17, 21), (21, 17)])
def test_two_illuminants_stay_what_they_are(call, packed, tmp_path, lights):
    change = {50721: (SRATIONAL, 9, rational(*MATRIX)), 50722: (SRATIONAL, 9, rational(*WARM)),
              50778: (SHORT, 1, lights[0]), 50779: (SHORT, 1, lights[1])}  # fmt: skip
    path = write_dng(tmp_path / "a.dng", IMAGE, change)
    _, linear_dng, _ = there_and_back(packed, call, path)
    assert psnr(rendered(linear_dng) / 255, rendered(path) / 255) > 45
    with tifffile.TiffFile(linear_dng) as file:
        tags = file.pages.first.tags
        assert (tags[50778].value, tags[50779].value) == lights
        second = np.array(tags[50722].value).reshape(9, 2)
    assert second[:, 0] / second[:, 1] == pytest.approx(WARM, abs=1e-4)


def test_one_matrix_for_another_light_keeps_it(call, packed, tmp_path):
    path = write_dng(tmp_path / "a.dng", IMAGE, {50778: (SHORT, 1, 23)})
    assert packed(path).code == 0
    assert json.loads(call("inspect", "x.rb.jpg", "--json").out)["illuminant"] == 23


def test_a_matrix_without_denominators_is_not_taken(call, packed, tmp_path):
    path = write_dng(tmp_path / "a.dng", IMAGE, {50721: (SRATIONAL, 9, rational(*MATRIX)[:-1] + (0,))})
    _, linear_dng, _ = there_and_back(packed, call, path)
    assert psnr(rendered(linear_dng) / 255, rendered(path) / 255) > 45


REFUSED = {
    "negative": ({50713: None, 50714: (SRATIONAL, 1, (-64, 1))}, "a black level of -64, below nought"),
    "negative deltas": ({50714: (LONG, 1, 0), 50716: (SRATIONAL, 96, (-3, 1) * 96)}, "below nought"),
    "black over white": ({50714: (LONG, 1, WHITE + 1)}, "not below the white level"),
    "quad bayer": ({33421: (SHORT, 2, (4, 4)), 33422: (BYTE, 16, bytes([0, 0, 1, 1] * 2 + [1, 1, 2, 2] * 2))},
                   "a 4x4 colour filter pattern (Quad Bayer): not supported"),
    "not square": ({50718: (RATIONAL, 2, (2, 1, 1, 1))}, "pixels that are not square"),
    "white as xy": ({50728: None, 50729: (RATIONAL, 2, rational(0.3457, 0.3585))}, "says nothing of its white balance"),
    "neutral of 0": ({50728: (RATIONAL, 3, (0, 1, 1, 1, 1, 1))}, "says nothing of its white balance"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_supported_is_refused_everywhere(call, packed, tmp_path, kind):
    change, line = REFUSED[kind]
    (tmp_path / "d").mkdir()
    path = write_dng(tmp_path / "d" / "a.dng", IMAGE, change)
    verify = ("datasets", "verify", "folder:root=d", "--root", "none")
    for ended in (
        packed(path),
        call("encode", "poly", path, "-o", "x.rbs", "--rate-point", "0"),
        call(*verify),
    ):
        assert ended.code == 4 and line in ended.err + ended.out, ended.err
        assert "Traceback" not in ended.err and not (tmp_path / "x.rb.jpg").exists()


def test_few_bits_in_a_deep_file_are_told(call, packed, tmp_path):
    path = write_dng(tmp_path / "a.dng", IMAGE, {50714: (LONG, 1, 100), 50717: (LONG, 1, 65535)},
                     values=(IMAGE.mosaic // 8).astype(np.uint16))  # fmt: skip
    ended = packed(path)
    assert ended.code == 0 and "--white 511 mends it" in ended.err
    ended = packed(path, "--white", "511")
    assert ended.code == 0 and not ended.err
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    with rawpy.imread(str(path)) as raw:
        how = {"output_color": rawpy.ColorSpace.raw, "output_bps": 16, "gamma": (1, 1), "user_sat": 511}
        wanted = raw.postprocess(use_camera_wb=True, no_auto_bright=True, **how) / 65535
    assert psnr(linear(tmp_path / "x.dng"), wanted) > 30
