"""Camera facts as bytes, and as camera files say them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.camera.facts import CameraFacts, facts_from_bytes, facts_to_bytes, read_facts, turned_cfa
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


def test_a_file_with_a_right_checksum_and_no_sense():
    with pytest.raises(StreamError, match="no sense"):
        facts_from_bytes(facts_to_bytes(replace(FACTS, white_balance=(0.0, 1.0, 1.0))))


@pytest.mark.parametrize("cfa", CFA_ORDERS)
def test_facts_of_a_camera_file(tmp_path, cfa):
    random = np.random.default_rng(0)
    camera = find_camera("samsung-nx2000")
    path = tmp_path / "x.dng"
    image = take_picture(random.random((40, 48, 3)), camera, Shot(cfa=cfa), random)
    write_cfa_dng(path, image)
    facts = read_facts(path)
    assert (facts.make, facts.model, facts.cfa) == ("Samsung", "NX2000", cfa)
    assert facts.black == (image.black,) * 4
    assert facts.white == image.mosaic.max()
    assert facts.xyz_to_camera == pytest.approx(camera.xyz_to_camera.ravel())
    assert facts.white_balance == pytest.approx([1 / v for v in image.as_shot_neutral], rel=1e-5)


@pytest.mark.parametrize("size", [(4, 4), (5, 4), (4, 5), (5, 5)])
@pytest.mark.parametrize(("flip", "turns"), [(0, 0), (3, 2), (5, 1), (6, 3)])
@pytest.mark.parametrize("cfa", CFA_ORDERS)
def test_a_turned_sensor_has_its_filters_turned(size, flip, turns, cfa):
    pattern = np.array(list(cfa)).reshape(2, 2)
    sensor = np.tile(pattern, (3, 3))[: size[0], : size[1]]
    assert turned_cfa(pattern, size, flip) == "".join(np.rot90(sensor, turns)[:2, :2].ravel())
