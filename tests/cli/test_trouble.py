"""What nobody expected, and a reader that goes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

PLUGIN = """
import sys, click, rawbench
@click.command()
@click.option("--how", default="raise")
def stumble(how):
    if how == "exit":
        sys.exit(0)
    if how == "close":
        raise GeneratorExit
    raise RuntimeError("lost\\nin detail")
@rawbench.hookimpl
def register_commands(register):
    register("stumble", stumble)
"""


@pytest.fixture
def stumble(call, tmp_path):
    plugin = tmp_path / "stumbling.py"
    plugin.write_text(PLUGIN)
    return lambda *arguments: call("stumble", *arguments, plugin=str(plugin))


def test_what_nobody_expected_has_a_code_and_a_line_of_its_own(stumble):
    ended = stumble()
    assert ended.code == 5
    assert ended.err == (
        "rawbench: internal error: RuntimeError: lost in detail (stumbling.py:10); "
        "'rawbench --traceback ...' shows where\n"
    )


def test_and_a_traceback_on_request(stumble):
    ended = stumble("--traceback")
    assert ended.code == 5 and 'raise RuntimeError("lost' in ended.err
    assert ended.err.endswith("rawbench: internal error: RuntimeError: lost in detail (stumbling.py:10)\n")


@pytest.mark.parametrize("how", ["exit", "close"])
def test_a_plugin_that_ends_the_program_is_no_success(stumble, how):
    assert stumble("--how", how).code == 5


def test_a_reader_that_goes_ends_nothing(tiny_plugin, tmp_path):
    command = [sys.executable, "-m", "rawbench", "--plugin", tiny_plugin, "run", "--methods", "mean,failing:how=encode",
               "--dataset", "tiny", "--metrics", "psnr", "--rate-points", "0", "--out", "run"]  # fmt: skip
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout.readline() == b"8 cells\n"
    running.stdout.close()
    running.stderr.close()
    assert running.wait(timeout=120) == 4, "the code of the run, not of the pipe"
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        assert db.execute("SELECT status, COUNT(*) FROM cells GROUP BY 1 ORDER BY 1").fetchall() == [
            ("error", 3), ("ok", 5),
        ]  # fmt: skip


def test_a_dataset_that_is_not_there_is_said_before_torch_is_loaded(tmp_path):
    code = (
        "import sys\nfrom rawbench.cli import main\n"
        f"sys.argv = ['rawbench', 'run', '--methods', 'poly,learned', '--dataset', 'nus:root={tmp_path}']\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    print(ended.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "4 False\n" and "rawbench: dataset nus: no " in done.stderr
