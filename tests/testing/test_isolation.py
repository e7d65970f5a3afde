"""Every other way than the stream is found, and what depends on anything but stream and sRGB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rawbench.plugins import Catalogue, load_plugins
from rawbench.testing import Launcher, Limits, run_checks
from rawbench.testing.checks import CheckResult

LEAKS = Path(__file__).with_name("leaks.py")
FOUND = [
    ("leak-database", "nothing_left_behind", "open the database .*leak.sqlite"),
    ("leak-shared-memory", "nothing_left_behind", "map the shared memory /dev/shm/rb"),
    ("leak-native-code", "nothing_left_behind", r"load native code by ctypes \(None\)"),
    ("leak-process", "nothing_left_behind", "leave a process running"),
    ("leak-tool", "fresh_process", "17x33 at rate point 0: decode in a fresh process differs"),
    ("leak-first-tool", "fresh_process", "pair-b at rate point 0: decode gives another raw, which an earlier process"),
    ("leak-frame", "fresh_process", "decode in a fresh process differs"),
    ("leak-objects", "fresh_process", "decode in a fresh process differs"),
    ("leak-reads", "known_files", "reads .*leaks-table.bin, which is no part of the method"),
    ("leak-host", "same_everywhere", "they differ in .* host"),
    ("leak-language", "same_everywhere", "they differ in .* language"),
    ("leak-calendar", "same_everywhere", r"it reads the clock: datetime.date.today"),
    ("leak-hour", "same_everywhere", r"it reads the clock: time.clock_gettime"),
    ("leak-subclass", "shape", "decode returned Odd, not a tensor"),
    ("leak-late", "keeps_nothing", "changes after it returned"),
    ("leak-cache", "keeps_nothing", "leaks.*_RESULTS grows with every image"),
    ("leak-closure", "keeps_nothing", "live tensors grows|held value 0. grows"),
    ("leak-points", "rate_points", "other rate points after encoding: 4, and 1 before"),
    ("leak-no-setup", "runs", "rate point 0: setup failed: ValueError: no weights here"),
    ("leak-loose", "declaration", "decode_tolerance is 0.5, not a number from 0 to 0.01 .and 1 more"),
    ("leak-umask", "global_state", "the file mode mask"),
    ("leak-network", "global_state", "torch's random state in setup changed: build .* `with torch.random.fork_rng"),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins([str(LEAKS)])


@pytest.fixture
def check(catalogue: Catalogue, rawbench_launcher: Launcher, tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()

    def run(method: str, *only: str) -> dict[str, CheckResult]:
        spec = f"{method}:place={place}"
        results = run_checks(spec, catalogue, only=only, limits=Limits(20, 3), launcher=rawbench_launcher)
        return {result.name: result for result in results}

    return run


@pytest.mark.parametrize(("method", "name", "sentence"), FOUND, ids=[method for method, _, _ in FOUND])
def test_it_is_found(check, method: str, name: str, sentence: str) -> None:
    result = check(method, name)[name]
    assert result.status == "fail", result
    assert re.search(sentence, result.sentence), result.sentence


def test_nothing_passes_where_setup_fails(check) -> None:
    results = check("leak-no-setup")
    told = {name: result.status for name, result in results.items()}
    assert told.pop("declaration") == told.pop("rate_points") == "pass"
    assert told.pop("runs") == "fail" and set(told.values()) == {"not judged"}


def test_an_opt_out_of_a_core_check_is_refused_and_the_check_is_made(check) -> None:
    results = check("leak-loose", "declaration", "fresh_process")
    assert "opts out of 'fresh_process', which nobody can" in str(results) or "and 1 more" in str(results)
    assert results["fresh_process"].status == "pass"


def test_what_is_honest_passes(check) -> None:
    assert [result for result in check("leak").values() if result.status == "fail"] == []
