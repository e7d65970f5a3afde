"""Camera facts as bytes, and as camera files say them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.camera import facts as module
from rawbench.camera.cfa import CFA_ORDERS, turned_cfa
from rawbench.camera.facts import CameraFacts, facts_from_bytes, facts_to_bytes
from rawbench.camera.read import open_camera_file
from rawbench.errors import StreamError
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture

FACTS = CameraFacts("GRBG", (512,) * 4, 16300, (2.0, 1.0, 1.5), (0.5991,) + (-0.1,) * 8, "Sony", "SLT-A57")
levels = st.integers(0, 60000)
matrix = st.tuples(*[st.integers(-32768, 32767).map(lambda v: v / 10_000)] * 9)
gains = st.floats(0.015625, 50, width=32)
names = st.text("aé ", max_size=20)


@given(st.sampled_from(list(CFA_ORDERS)), st.tuples(levels, levels, levels, levels), gains, gains, matrix, names)
def test_round_trip(cfa, black, red, blue, values, name):
    facts = CameraFacts(cfa, black, 65535, (red, 1.0, blue), values, name, name)
    assert facts_from_bytes(facts_to_bytes(facts)) == facts


def test_usual_facts_are_small():
    assert len(facts_to_bytes(FACTS.without_names())) == 35


def test_every_damage_is_found():
    data = facts_to_bytes(FACTS)
    for position in range(len(data)):
        with pytest.raises(StreamError):
            facts_from_bytes(data[:position])
        with pytest.raises(StreamError):
            facts_from_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        {"white_balance": (0.0, 1.0, 1.0)},
        {"white_balance": (np.nan, 1.0, 1.0)},
        {"white": 512},
        {"black": (-1, 0, 0, 0)},
        {"cfa": "RGBW"},
        {"xyz_to_camera": (4.0,) * 9},
        {"xyz_to_camera": (np.inf,) * 9},
        {"second_illuminant": 17},
    ],
)
def test_the_writer_refuses_what_the_reader_would(change):
    with pytest.raises(StreamError, match="no sense"):
        facts_to_bytes(replace(FACTS, **change))


def test_a_file_with_a_right_checksum_and_no_sense(monkeypatch):
    monkeypatch.setattr(module, "problem_of", lambda facts: "")
    data = facts_to_bytes(replace(FACTS, white_balance=(0.0, 1.0, 1.0)))
    monkeypatch.undo()
    with pytest.raises(StreamError, match="no sense"):
        facts_from_bytes(data)


def test_two_illuminants_come_back():
    facts = replace(FACTS, illuminant=17, second_illuminant=23, second_xyz_to_camera=(0.25,) * 9)
    assert facts_from_bytes(facts_to_bytes(facts)) == facts
    assert len(facts_to_bytes(facts)) == len(facts_to_bytes(FACTS)) + 20


@pytest.mark.parametrize("cfa", CFA_ORDERS)
def test_facts_of_a_camera_file(tmp_path, cfa):
    random = np.random.default_rng(0)
    camera = find_camera("samsung-nx2000")
    path = tmp_path / "x.dng"
    image = take_picture(random.random((40, 48, 3)), camera, Shot(cfa=cfa), random)
    write_cfa_dng(path, image)
    with open_camera_file(path) as file:
        facts = file.facts()
    assert (facts.make, facts.model, facts.cfa) == ("Samsung", "NX2000", cfa)
    assert facts.black == (image.black,) * 4
    assert facts.white == image.mosaic.max()
    assert facts.xyz_to_camera == pytest.approx(camera.xyz_to_camera.ravel())
    assert facts.white_balance == pytest.approx([1 / v for v in image.as_shot_neutral], rel=1e-5)


@pytest.mark.parametrize("size", [(4, 4), (5, 4), (4, 5), (5, 5)])
@pytest.mark.parametrize("flip", range(8))
@pytest.mark.parametrize("cfa", CFA_ORDERS)
def test_a_turned_sensor_has_its_filters_turned(size, flip, cfa):
    """As LibRaw turns: ``flip_index`` of row and column of the output is the place in the sensor."""
    pattern = np.array(list(cfa)).reshape(2, 2)
    sensor = np.tile(pattern, (3, 3))[: size[0], : size[1]]

    def seen(row, column):
        row, column = (column, row) if flip & 4 else (row, column)
        return sensor[size[0] - 1 - row if flip & 2 else row, size[1] - 1 - column if flip & 1 else column]

    assert turned_cfa(pattern, size, flip) == "".join(seen(row, column) for row in (0, 1) for column in (0, 1))
