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


def test_a_method_that_is_not_installed_is_one_line_and_no_traceback(tmp_path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text(
        "from rawbench.testing import CodecConformance\n\n\nclass TestIt(CodecConformance):\n    method = 'nowhere'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "shape", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1 and "no method 'nowhere' (known: " in ended.stdout
    assert "raise UsageError" not in ended.stdout and len(ended.stdout.splitlines()) < 10
