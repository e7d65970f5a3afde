"""The committed weights: complete, small, and trained."""

from __future__ import annotations

import csv

import pytest
from rawbench_learned.codec import RATE_POINTS, SERIAL_RATE_POINTS, WEIGHTS, Learned, LearnedSerial
from rawbench_learned.economy import LAMBDAS
from rawbench_learned.weights import read_weights

from .conftest import scene
from .test_codec import made


@pytest.mark.parametrize("name", ["learned", "learned-ar"])
def test_weights_come_with_their_history(name):
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= 4e6
    weights = read_weights(path)
    assert weights.networks.config.serial == (name == "learned-ar")
    for key in ("command", "config", "data", "steps"):
        assert key in weights.provenance
    assert len(weights.provenance["data"]["manifest_sha256"]) == 64
    assert tuple(weights.provenance["config"]["task"]["lambdas"]) == LAMBDAS
    assert (WEIGHTS / f"{name}.toml").exists()
    with (WEIGHTS / f"{name}.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) > 10


def test_the_serial_weights_belong_to_the_others():
    serial = read_weights(WEIGHTS / "learned-ar.safetensors")
    assert serial.provenance["transforms"] == read_weights(WEIGHTS / "learned.safetensors").digest


@pytest.mark.parametrize("method", [Learned, LearnedSerial])
def test_rate_points_rise_in_bytes_and_quality(method):
    raw, srgb = scene(64, 96, 1)
    sizes, errors = [], []
    for point in method.rate_points(method.Options()):
        codec = made(method, point)
        payload = codec.encode(raw, srgb)
        sizes.append(len(payload))
        errors.append(float((codec.decode(payload, srgb) - raw).square().mean()))
    assert sizes == sorted(sizes) and sizes[0] < 70
    assert errors[-1] < errors[0] / 2
    assert len(sizes) == len(RATE_POINTS if method is Learned else SERIAL_RATE_POINTS)
