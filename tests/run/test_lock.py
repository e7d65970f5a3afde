"""One run at a time in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rawbench.errors import UsageError
from rawbench.run.lock import locked

HOLD = "import sys, pathlib\nfrom rawbench.run.lock import locked\n" \
       "with locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"  # fmt: skip


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_told_and_deletes_nothing(call, tmp_path, holder):
    half = tmp_path / "run" / "streams" / "x.rbs.1.part"
    half.parent.mkdir()
    half.write_bytes(b"of the first")
    command = ("run", "--dataset", "tiny", "--methods", "mean", "--metrics", "psnr", "--limit", "1", "--out", "run")
    second = call(*command)
    assert second.code == 2 and f"run: another run is at work there (process {holder.pid})" in second.err
    assert half.exists()
    holder.kill()
    holder.wait()
    assert call(*command).code == 0, "the lock died with its owner"
    assert not half.exists(), "and what it had half written is deleted"


def test_it_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path), pytest.raises(UsageError, match="another run is at work"), locked(Path(tmp_path)):
            pass
