"""What is committed in ``results/`` is described there, can be read, and agrees with itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from rawbench.judge.gate import Subset, exit_code, judge_run
from rawbench.judge.leaderboard import read_runs
from rawbench.judge.reference import read_reference
from rawbench.results.checked import FILE as CHECKED
from rawbench.results.committed import portable_command
from rawbench.results.run import read_run

RESULTS = Path(__file__).parents[2] / "results"
README = (RESULTS / "README.md").read_text()
DESCRIBED = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)


def test_every_file_is_described():
    found = {path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("*") if path.is_file()}
    named = {name for name in found if "/" not in name or not name.startswith("golden/")} - {"README.md"}
    assert named <= set(DESCRIBED), "results/README.md says of every file what it is, how it was made and checked"
    assert set(DESCRIBED) <= named | {"golden/METHOD/"}, "and of none that is gone"


def test_what_is_said_to_make_and_check_it_is_there():
    for name in re.findall(r"`((?:tests|benchmarks|rawbench)/[\w/]+\.py|\.ci/run)", README):
        assert (RESULTS.parent / name).is_file(), name


def test_every_command_can_be_run():
    from rawbench.cli import group

    pages = [README, *(path.read_text() for path in RESULTS.glob("*.md"))]
    commands = {match for page in pages for match in re.findall(r"(?:`|^)rawbench ([a-z]+)", page, re.MULTILINE)}
    assert len(commands) > 3
    for name in commands:
        assert group.get_command(click.Context(group, obj={}), name) is not None, name


@pytest.mark.parametrize("run", read_runs(RESULTS / "measured"), ids=lambda run: run.name)
def test_committed_runs_are_whole(run):
    assert run.rows and not run.messages
    assert {group.images for group in run.means} == {len(run.images)}


@pytest.mark.parametrize("path", sorted((RESULTS / "reference").glob("*.json")), ids=lambda path: path.stem)
def test_references_judge_all_that_they_hold(path):
    reference = read_reference(path)
    assert reference.lacking() == ""
    verdicts = judge_run(reference, read_run(path), Subset())
    assert exit_code(verdicts) == 0 and len(verdicts) > len(reference.run.rows)


@pytest.mark.parametrize(
    "line, kept",
    [
        ("rawbench run --methods all --out /tmp/x", "rawbench run --methods all"),
        ("rawbench run --out=/tmp/x -j 2", "rawbench run -j 2"),
        ("rawbench --plugin /a/b.py run --out", "rawbench --plugin b.py run"),
        ("rawbench run --dataset 'folder:root=/a/b c'", "rawbench run --dataset 'folder:root=b c'"),
        ("rawbench run --config a/b.toml", "rawbench run --config a/b.toml"),
        ("rawbench run --methods 'x", "rawbench run --methods 'x"),
        ("rawbench run --out a\nrawbench run --out b", "rawbench run"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_kept_command_is_of_no_machine(line, kept):
    assert portable_command(line) == kept


def test_what_the_package_looks_for_is_packed_into_it():
    root = RESULTS.parent
    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    asked = {
        CHECKED,
        *(n for p in (root / "rawbench").rglob("*.py") for n in re.findall(r'shipped\("(.+?)"\)', p.read_text())),
    }
    assert asked == {"checked.json", "golden", "published.csv"}
    assert built["force-include"] == {f"results/{name}": f"rawbench/shipped/{name}" for name in asked}
