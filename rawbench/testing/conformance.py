"""The kit as a class for a test suite."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from rawbench.testing.checks import CheckResult, check_names


class CodecConformance:
    """Holds one method to the contract, a test for each check. Subclass it and say which method.

    The evidence is gathered once for the class, in processes of its own (see ``rawbench.testing.evidence``), so that
    the first test takes nearly all of the time. A check that the method opts out of, or that has nothing to judge, is
    skipped with the reason.

    Attributes:
        method: ``"name"``, ``"name:option=value"`` or a Codec subclass at the top of a module.
        device: ``cpu`` or ``cuda``.
        plugins: files or modules to load besides the installed plugins.
        only: names of checks; all when empty.
        golden: folder with a folder of golden streams for each method; None takes ``results/golden`` of the project
            under test, or for a built-in method rawbench's own.

    Example::

        class TestMine(CodecConformance):
            method = "mine"
    """

    method: ClassVar[str | type]
    device: ClassVar[str] = "cpu"
    plugins: ClassVar[tuple[str, ...]] = ()
    only: ClassVar[tuple[str, ...]] = ()
    golden: ClassVar[Path | None] = None

    @pytest.mark.parametrize("name", check_names())
    def test_contract(self, name: str, rawbench_results: dict[str, CheckResult]) -> None:
        """The check holds."""
        if name not in rawbench_results:
            pytest.skip("not asked for")
        result = rawbench_results[name]
        if result.status in ("opted out", "not judged"):
            pytest.skip(f"{result.status}: {result.sentence}")
        if result.status == "fail":
            pytest.fail(f"{name}: {result.sentence}", pytrace=False)
