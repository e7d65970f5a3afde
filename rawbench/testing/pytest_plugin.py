"""Fixtures for ``rawbench.testing.CodecConformance``; pytest finds them when rawbench is installed.

Nothing is imported here before a fixture is used: every pytest run on the machine loads this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rawbench.testing.checks import CheckResult
    from rawbench.testing.processes import Launcher


@pytest.fixture(scope="session")
def rawbench_launcher() -> Iterator[Launcher]:
    """The processes in which methods are checked, shared by all classes of the session."""
    from rawbench.testing.processes import Launcher

    with Launcher() as launcher:
        yield launcher


@pytest.fixture(scope="class")
def rawbench_results(request: pytest.FixtureRequest, rawbench_launcher: Launcher) -> dict[str, CheckResult]:
    """What came of each check of the class's method."""
    from rawbench.errors import UsageError
    from rawbench.plugins import load_plugins
    from rawbench.testing.checks import run_checks
    from rawbench.testing.golden_files import golden_folder

    kit = request.cls
    golden = kit.golden or golden_folder(kit.method, request.config.rootpath)
    try:
        results = run_checks(
            kit.method, load_plugins(kit.plugins), kit.device, only=kit.only, golden=golden, launcher=rawbench_launcher
        )
    except UsageError as error:
        unusable = str(error)  # a method that is not installed, say: its line is all there is to know
    else:
        return {result.name: result for result in results}
    pytest.fail(unusable, pytrace=False)
