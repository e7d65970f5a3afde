"""The store: transactions, infinities, old runs."""

from __future__ import annotations

import json
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


def values(store: Store) -> dict[str, float | None]:
    (found,) = store.values().values()
    return found


@pytest.mark.parametrize("value", [42.125, math.inf, -math.inf, 1e-300, 1.7e308])
def test_values_come_back_bit_for_bit(tmp_path, value):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(value))
    with Store.open(tmp_path) as store:
        assert values(store)["psnr"] == value


def test_nan_is_null(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(math.nan))
        assert values(store)["psnr"] is None


def test_a_failure_leaves_what_was_measured(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
        store.put_outcome(PLACE, outcome(0.0, "error"))
        assert values(store)["psnr"] == 1.0 and store.cells()[0]["status"] == "ok"
        assert store.finished()["c"]["metrics"] == {("psnr", 1)}


def test_a_failure_with_other_code_hides_the_result_until_its_code_is_back(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
        store.put_outcome(PLACE, Outcome("c2", "error", "no such thing", trace="Traceback"))
        (shown,) = store.cells()
        assert (shown["cell"], shown["status"], shown["trace"]) == ("c2", "error", "Traceback")
        assert store.finished().keys() == {"c", "c2"}
        store.adopt(["c", "other"])
        (shown,) = store.cells()
        assert (shown["cell"], shown["status"]) == ("c", "ok") and values(store)["psnr"] == 1.0


def test_a_metric_that_fails_takes_no_value_with_it(tmp_path):
    with Store.create(tmp_path) as store:
        store.put_outcome(PLACE, outcome(1.0))
        failed = tuple(Measurement(k, n, 1, math.nan, "dB", "it fails") for k, n in (("k", "psnr"), ("k2", "bad")))
        store.put_outcome(PLACE, Outcome("c", "ok", "", {"bpp": 0.5}, failed))
        assert values(store) == {"psnr": 1.0}
        assert store.finished()["c"]["failed_metrics"] == {("bad", 1): "it fails"}
        assert [row["message"] for row in store.failed_measurements()] == ["it fails"]
        store.put_outcome(PLACE, Outcome("c", "ok", "", {}, (Measurement("k2", "bad", 1, 5.0, "dB"),)))
        assert values(store) == {"psnr": 1.0, "bad": 5.0} and not store.failed_measurements()


@pytest.mark.parametrize(
    "odd",
    [
        "caf\udce9.bin",
        2**70,
        10**400,
        -(10**400),
        {"a": {1: (2**80, math.inf)}},
        object,
        {"x": math.nan},
        {1, 2},
        b"\xff",
    ],
    ids=str,
)
def test_whatever_a_method_records_can_be_stored(tmp_path, odd):
    with Store.create(tmp_path) as store:
        store.put_outcome({**PLACE, "recorded": {"odd": odd}}, Outcome("c", "ok", str(odd), {"bits_estimated": 8.0}))
        store.put_outcome({**PLACE, "image": "j"}, Outcome("c2", "error", str(odd), trace=str(odd)))
        store.put_meta({"command": str(odd)})
    with Store.open(tmp_path) as store:
        for cell in store.cells():
            cell["message"].encode()
            json.loads(cell["recorded"])


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
        assert store.values() == {"c2": {"psnr": 2.0}}


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
