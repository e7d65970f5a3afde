"""What many tests share: the tiny plugin, and the command line called as a user calls it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import browser  # noqa: F401
from tests.panoramas import panorama, scenes  # noqa: F401

# One of several workers has a core to itself; libraries ask when they are imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TINY_PLUGIN = str(Path(__file__).with_name("tiny_plugin.py"))


@dataclass
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_outcomes(monkeypatch, tmp_path_factory) -> None:
    """Outcomes of checks are kept in a place of the tests' own, and nobody else's are read."""
    monkeypatch.setenv("RAWBENCH_CHECKED", str(tmp_path_factory.getbasetemp() / "checked.json"))


@pytest.fixture
def tiny_plugin() -> str:
    return TINY_PLUGIN


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run ``rawbench ARGUMENTS`` in an empty folder, with the tiny plugin; returns code, stdout, stderr."""
    from rawbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str, plugin: str | None = TINY_PLUGIN) -> Called:
        head = ["--plugin", plugin] if plugin else []
        monkeypatch.setattr(sys, "argv", ["rawbench", *head, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Called(ended.value.code or 0, captured.out, captured.err)

    return run
