from __future__ import annotations

import numpy as np
import pytest

from rawbench.camera.read import read_camera_file, read_camera_info
from rawbench.errors import SampleError, UsageError
from rawbench.simulate.recipe import read_recipe, simulate_folder
from rawbench.simulate.sensor import Shot

PICTURE = """
[[picture]]
name = "one"
scene = "alley.hdr"
camera = "sony-slt-a57"
yaw = 20
fov = 80
height = 48
width = 64
"""
SENSOR_FRAME = """
[[sensor_frame]]
name = "chart"
file = "input.raw"
height = 34
width = 36
cfa = "GRBG"
bits = 12
black = 64
white = 4000
as_shot_neutral = [0.5, 1.0, 0.5]
xyz_to_camera = [0.9, -0.2, -0.1, -0.3, 1.2, 0.1, -0.1, 0.2, 0.3]
make = "Nobody"
model = "Chart"
"""


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


def test_every_scene_is_photographed(scenes, tmp_path):
    out = tmp_path / "new" / "dng"
    shot = Shot(iso=800)
    files = simulate_folder(scenes, out, camera="samsung-nx2000", views=2, size=(48, 64), shot=shot)
    assert len(files) == 8 and sorted(out.iterdir()) == sorted(files)
    assert files[0].name == "samsung-nx2000_alley_1.dng"
    info = read_camera_info(files[0])
    assert (info.camera, info.height, info.width) == ("Samsung NX2000", 48, 64)
    assert (info.iso, info.simulated) == (800, True)


def test_the_seed_decides_everything(scenes, tmp_path):
    first, again, other = (
        [p.read_bytes() for p in simulate_folder(scenes, tmp_path / name, camera="nikon-d5200", seed=s, size=(32, 48))]
        for name, s in (("a", 5), ("b", 5), ("c", 6))
    )
    assert first == again and first != other


def test_a_recipe_makes_the_same_bytes_again(scenes, tmp_path, recipe):
    np.arange(34 * 36, dtype="<u2").tofile(scenes / "input.raw")
    path = recipe(PICTURE + SENSOR_FRAME)
    first, again = ([p.read_bytes() for p in simulate_folder(scenes, tmp_path / d, recipe=path)] for d in ("a", "b"))
    assert first == again and len(first) == 2
    chart = read_camera_file(tmp_path / "a" / "chart.dng").info
    assert (chart.camera, chart.cfa, chart.white, chart.simulated) == ("Nobody Chart", "GRBG", 4000, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[picture", "no valid TOML"),
        ("[[photo]]\nname='a'", "unknown table 'photo'"),
        (PICTURE.replace("fov", "fow"), r"\[\[picture\]\] one: no option 'fow'; did you mean fov"),
        (PICTURE.replace("fov = 80", "fov = 180"), r"\[\[picture\]\] one: option fov"),
        (PICTURE + "cfa = 'RGBW'", "option cfa"),
        (PICTURE.replace('"one"', '"../one"'), "option name"),
        (PICTURE * 2, "two entries are called 'one'"),
        (PICTURE.replace("sony-slt-a57", "leica"), "unknown camera 'leica'"),
    ],
)
def test_wrong_recipes_are_refused(scenes, tmp_path, recipe, text, message):
    with pytest.raises(UsageError, match=message):
        simulate_folder(scenes, tmp_path / "out", recipe=recipe(text))
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot read .*no.toml"):
        read_recipe(tmp_path / "no.toml")


def test_scenes_that_a_recipe_misses_are_named(scenes, tmp_path, recipe):
    with pytest.raises(SampleError, match=r"holds no moon\.hdr"):
        simulate_folder(scenes, tmp_path, recipe=recipe(PICTURE.replace("alley", "moon")))
    (scenes / "input.raw").write_bytes(b"123")
    with pytest.raises(SampleError, match=r"input\.raw: is not 36x34 values"):
        simulate_folder(scenes, tmp_path, recipe=recipe(SENSOR_FRAME))


def test_wrong_calls_are_refused(scenes, tmp_path):
    for given in ({}, {"camera": "nikon-d5200", "recipe": tmp_path / "a"}, {"camera": "nikon-d5200", "views": 0}):
        with pytest.raises(UsageError):
            simulate_folder(scenes, tmp_path, **given)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SampleError, match="holds no .hdr or .exr"):
        simulate_folder(tmp_path / "empty", tmp_path / "out", camera="nikon-d5200")
