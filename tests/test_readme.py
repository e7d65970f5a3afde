"""The README does what it says: its method runs as printed, its commands exist, and CI calls its test command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(marker: str) -> str:
    """The fenced block after a marker."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block {marker!r}"
    return found[1]


@pytest.fixture
def gains(tmp_path) -> str:
    path = tmp_path / "gains.py"
    path.write_text(block("your own method"))
    return str(path)


def test_the_printed_method_is_some_thirty_lines():
    assert len([line for line in block("your own method").splitlines() if line.strip()]) <= 36


def test_the_printed_method_runs(call, gains):
    ended = call("run", "--methods", "gains", "--dataset", "sample", "--limit", "2", "--metrics", "psnr", plugin=gains)
    assert ended.code == 0, ended.err
    assert "one gain" in ended.out and "a gain a channel" in ended.out


def test_the_printed_method_keeps_the_contract(call, gains):
    ended = call("check", "gains", plugin=gains)
    assert ended.code == 0, ended.out + ended.err


def test_every_printed_command_exists(call):
    commands = set(re.findall(r"^rawbench (?:--plugin \S+ )?(\w+)", README, re.MULTILINE))
    assert commands
    for name in commands:
        assert call(name, "--help").code == 0, name


def test_ci_calls_the_readmes_test_command():
    script = (ROOT / ".ci/run").read_text()
    extract = re.search(r"command=\$\((.*)\)\n", script)
    assert extract
    done = subprocess.run(["bash", "-c", extract[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == block("test command").strip()


def test_ci_and_the_workflow_run_the_gate(call):
    script = (ROOT / ".ci/run").read_text()
    assert script.index('eval "$command"') < script.index("rawbench regress")
    workflow = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert workflow and len(workflow[1].splitlines()) <= 20
    options = set(re.findall(r"(--[a-z]+)", "".join(re.findall(r"rawbench regress.*", workflow[1] + script))))
    shown = call("regress", "--help").out
    assert options and all(option in shown for option in options)
    sample = {path.stem for path in (ROOT / "rawbench/datasets/sample").glob("*.dng")}
    named = re.search(r"--subset image=(\S+)", script)
    assert named and set(named[1].split(",")) <= sample
