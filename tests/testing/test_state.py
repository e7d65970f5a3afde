"""What is watched: the state of the process, the files that are written."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from rawbench.testing.state import LooseState, changes, firm_state


@pytest.mark.parametrize(
    ("touch", "undo", "told"),
    [
        (lambda: random.random(), None, "Python's random state"),
        (lambda: np.random.random(), None, "numpy's global random state"),
        (lambda: torch.rand(1), None, "torch's random state"),
        (
            lambda: torch.set_default_dtype(torch.float64),
            lambda: torch.set_default_dtype(torch.float32),
            r"torch's default dtype (torch.float32 -> torch.float64)",
        ),
        (
            lambda: torch.use_deterministic_algorithms(True),
            lambda: torch.use_deterministic_algorithms(False),
            "torch's deterministic-algorithms flag (False -> True)",
        ),
    ],
)
def test_changes_of_firm_state_are_told(touch, undo, told: str) -> None:
    before = firm_state()
    try:
        touch()
        assert changes(before, firm_state()) == [told]
    finally:
        if undo:
            undo()


def test_nothing_touched_nothing_told() -> None:
    assert changes(firm_state(), firm_state()) == []
    assert LooseState().changes() == []


def test_changes_of_loose_state_are_told_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    loose = LooseState()
    os.environ["SPECIMEN"] = "1"
    warnings.simplefilter("ignore")
    sys.path.append("somewhere")
    assert loose.changes() == ["the environment variable SPECIMEN", "the warning filters", "sys.path"]
    loose.restore()
    assert loose.changes() == [] and "SPECIMEN" not in os.environ


def test_traces_hear_files_the_clock_and_the_network_while_watching(tmp_path: Path) -> None:
    # In a process of its own: an audit hook stays for ever.
    code = """
import os, socket, sys, time
from rawbench.testing.traces import Traces
traces = Traces()
traces.install(1e9)
open("before.txt", "w").close()
with traces.watching():
    open("kept.txt", "w").close()
    open("partial.txt", "w").close()
    os.rename("partial.txt", "moved.txt")
    open("gone.txt", "w").close()
    os.unlink("gone.txt")
    open("/dev/null", "w").close()
    assert time.time() > 2.6e9
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=0.1)
    except OSError:
        pass
print(*map(os.path.basename, traces.left_behind()), *traces.clock, *traces.connected)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "kept.txt moved.txt time.time ('127.0.0.1', 9)"


def test_what_an_installer_put_on_the_path_is_no_strange_read(tmp_path: Path) -> None:
    for place in ("target/tool-1.0.dist-info/RECORD", "target/tool/table.bin", "project/table.bin"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    code = """
import os
from rawbench.testing.traces import Traces
traces = Traces()
traces.install(0)
with traces.watching():
    for place in ("target/tool/table.bin", "project/table.bin"):
        open(place).close()
print(*(os.path.relpath(path) for path in traces.strange_reads(lambda path: False)))
"""
    path = os.pathsep.join([str(tmp_path / "target"), str(tmp_path / "project")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "project/table.bin"
