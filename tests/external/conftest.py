"""A program in an environment of its own, and the files that say how to call it."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("oldcodec.py")
POINTS = '[[rate_points]]\nname = "levels=4"\nlevels = 4\n[[rate_points]]\nname = "levels=16"\nlevels = 16\n'
SIMPLE = f"""
[encode]
command = ["env/bin/python", "-m", "oldcodec", "encode", "{{raw}}", "{{payload}}", "{{levels}}"]
[decode]
command = ["env/bin/python", "-m", "oldcodec", "decode", "{{payload}}", "{{raw}}", "{{height}}", "{{width}}"]
{POINTS}"""
SERVED = f"""
[serve]
command = ["env/bin/python", "-m", "oldcodec", "serve"]
{POINTS}"""


@pytest.fixture(scope="session")
def other_environment(tmp_path_factory) -> Path:
    """A folder with ``env``, a virtual environment that has the program and nothing of ours."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = folder / "env" / "lib" / version / "site-packages" / "oldcodec.py"
    target.write_text(PROGRAM.read_text())
    ours = subprocess.run([folder / "env/bin/python", "-c", "import numpy"], capture_output=True, cwd=folder)
    assert ours.returncode, "the other environment sees the packages of this one"
    return folder


@pytest.fixture
def config(other_environment) -> Callable[[str], Path]:
    """Writes a configuration beside the environment."""

    def write(text: str, name: str = "old.toml") -> Path:
        path = other_environment / name
        path.write_text(text)
        return path

    return write
