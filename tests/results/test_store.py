"""The store: transactions, infinities, old runs."""

from __future__ import annotations

import math

import pytest

from rawbench.results.store import Measurement, Outcome, Store

PLACE = {
    "method": "m", "rate_point_index": 0, "rate_point": "p", "rate_order": 0, "dataset": "d", "image": "i",
    "device": "cpu", "seed": 0, "environment": "e", "recorded": {}, "finished": "now",
}  # fmt: skip


def outcome(value: float, status: str = "ok") -> Outcome:
    facts = {"stream_bytes": 10, "bpp": 0.5, "bpp_padded": 0.25, "stream_digest": "x"} if status == "ok" else {}
    measurements = (Measurement("k", "psnr", 1, value, "dB"),) if status == "ok" else ()
    return Outcome("c", status, "", facts, measurements)


@pytest.mark.parametrize("value", [42.125, math.inf, 1e-300])
def test_values_come_back_bit_for_bit(tmp_path, value):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(value))
    with Store.open(tmp_path) as store:
        assert {row["metric"]: row["value"] for row in store.rows()}["psnr"] == value


def test_nan_is_null(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(math.nan))
        assert {row["metric"]: row["value"] for row in store.rows()}["psnr"] is None


def test_a_failure_replaces_what_was_measured(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
        store.put_outcome(PLACE, outcome(0.0, "error"))
        assert store.rows() == []
        assert store.finished()["c"]["metrics"] == set()


def test_a_new_measurement_keeps_the_facts(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, Outcome("c", "ok", "", {"encode_seconds": 1.5, "bpp": 0.5}))
        store.put_outcome(PLACE, Outcome("c", "ok", "", {"bpp": 0.5}))
        assert store.cells()[0]["encode_seconds"] == 1.5


def test_a_new_key_replaces_the_old_one_at_its_place(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
        new = Outcome("c2", "ok", "", {"bpp": 0.5}, (Measurement("k2", "psnr", 1, 2.0, "dB"),))
        store.put_outcome(PLACE, new)
        store.put_outcome({**PLACE, "image": "other"}, Outcome("c3", "ok", "", {"bpp": 0.5}))
        assert {row["cell"] for row in store.cells()} == {"c2", "c3"}
        assert [row["value"] for row in store.rows() if row["metric"] == "psnr"] == [2.0]


def test_reading_while_writing(tmp_path):
    with Store.create(tmp_path) as writer:
        writer.put_outcome(PLACE, outcome(1.0))
        with Store.open(tmp_path) as reader:
            assert len(reader.cells()) == 1


def test_a_folder_of_read_only_media(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
    tmp_path.chmod(0o555)
    try:
        with Store.open(tmp_path) as store:
            assert len(store.cells()) == 1
    finally:
        tmp_path.chmod(0o755)
