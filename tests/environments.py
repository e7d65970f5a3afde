"""Light virtual environments: those of a stranger, which see the packages that run the tests."""

from __future__ import annotations

import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def make_environment(folder: Path) -> Path:
    """A virtual environment that finds all packages of this one, by a path file; returns its python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    places = [path for path in sys.path if path.endswith("-packages")] or [sysconfig.get_path("purelib")]
    lines = [f"import site; site.addsitedir({place!r})" for place in dict.fromkeys([*places, *site.getsitepackages()])]
    (Path(where) / "of_the_tests.pth").write_text("\n".join(lines) + "\n")
    return python


def call_in(folder: Path, *command: str | Path) -> str:
    """Run a command in a folder; returns what it printed, and fails with it."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
