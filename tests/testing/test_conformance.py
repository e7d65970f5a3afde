"""The class for test suites: on an honest method, and on results that are no pass."""

from __future__ import annotations

import subprocess
import sys

import pytest
from specimens import Honest

from rawbench.testing import CheckResult, CodecConformance, check_names


class TestHonestMethod(CodecConformance):
    """An honest method passes everything; the class is given itself."""

    method = Honest


def test_a_failed_check_fails_with_its_sentence() -> None:
    results = {"shape": CheckResult("shape", "fail", "decode returned a list")}
    with pytest.raises(pytest.fail.Exception, match="shape: decode returned a list"):
        CodecConformance().test_contract("shape", results)


@pytest.mark.parametrize("status", ["opted out", "not judged"])
def test_what_is_not_judged_is_skipped_with_the_reason(status: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{status}: there is a reason"):
        CodecConformance().test_contract("shape", {"shape": CheckResult("shape", status, "there is a reason")})


def test_what_is_not_asked_for_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="not asked for"):
        CodecConformance().test_contract(check_names()[0], {})


def test_the_pytest_plugin_imports_nothing_heavy() -> None:
    code = "import rawbench.testing.pytest_plugin, sys; print(*{'torch', 'numpy', 'pydantic'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.split() == []
