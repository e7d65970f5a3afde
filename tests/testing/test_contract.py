"""Each broken method fails the check that is meant for it, with a sentence that says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rawbench.errors import UsageError
from rawbench.plugins import Catalogue, load_plugins
from rawbench.testing import CheckResult, Launcher, Limits, run_checks

SPECIMENS = Path(__file__).with_name("specimens.py")
SOON = Limits(step_seconds=20, damaged_seconds=3)

BROKEN = [
    ("keeps-raw-in-global", "fresh_process", "KeyError.*works where the image was encoded.*such as a module global"),
    ("keeps-raw-in-temporary-file", "fresh_process", "FileNotFoundError.*something else than the stream reached"),
    ("keeps-raw-in-file", "nothing_left_behind", r"left a file behind: .*\.npy; what the decoder needs belongs into"),
    ("keeps-raw-in-instance", "fresh_instance", "a new one cannot .*: put what it needs into the payload"),
    (
        "reads-clock-in-decode",
        "same_everywhere",
        r"raws that differ .* host and language \(it reads the clock: time",
    ),
    ("reads-clock-in-decode", "fresh_process", r"differs by .* the clock .*\(it reads the clock: time.time\)"),
    ("reads-clock-in-encode", "repeatable_encode", r"another process gives other bytes.*\(it reads the clock: time"),
    ("draws-in-encode", "repeatable_encode", "encoding again by .* gives other bytes: unseeded random numbers"),
    ("draws-in-decode", "fresh_process", "differs by .* unseeded random numbers"),
    ("hashes-strings", "same_everywhere", "differ by 0.00.* hash seed"),
    ("wrong-shape", "shape", r"decode returned the shape \[3, 192, 128\], not \[3, 128, 192\]"),
    ("wrong-dtype", "dtype", "decode returned float64, not float32"),
    ("returns-nan", "finite", "decode returned NaN"),
    ("out-of-range", "range", r"decode returned values from .* to 1\.\d+, outside \[0, 1\]"),
    ("returns-list", "shape", "decode returned list, not a tensor"),
    ("returns-bytearray", "runs", "encode returned bytearray, not bytes"),
    ("hangs-in-encode", "runs", "scene-b at rate point 0: encode failed: it did not end in time"),
    ("hangs-on-cut-payload", "damaged_payloads", "an empty payload: decode did not end within 3 s"),
    ("allocates-by-payload", "damaged_payloads", "set to ffffff7f: decode asks for large allocations"),
    ("dies-on-garbage", "damaged_payloads", r"the process died \(SIGABRT\)"),
    ("raises-value-error", "damaged_payloads", "decode raised ValueError: .*, not StreamError"),
    ("trusts-payload", "damaged_payloads", r"decode returned the shape \[3, 1, 1\].*, and no StreamError"),
    ("sets-seed", "global_state", "it leaves torch's random state in setup changed"),
    ("sets-threads", "global_state", r"the number of torch threads \(3 -> 1\) in encode"),
    ("sets-environment", "global_state", "it leaves the environment variable SPECIMEN changed"),
    ("changes-inputs", "inputs_untouched", "encode changed raw in place"),
    ("unordered-rate-points", "rate_order", "block=4 takes .* bytes, no more than block=1 before it"),
    ("shares-class-attribute", "interleaved", "takes turns with another encodes to other bytes.*a class attribute"),
    ("forgets-options:block=4", "fresh_instance", "StreamError: the payload has another size .*put what it needs into"),
    ("claims-lossless", "lossless", "values are not exact, though it claims lossless"),
    ("takes-only-deep", "declaration", r"srgb_bits is \(16,\), not \(8,\) or \(8, 16\)"),
    ("forgets-full-scale", "sixteen_bits", "scene-a-16 .* does not go by the sRGB's full scale"),
    ("misspells-opt-out", "declaration", "opts out of 'od_sizes', and there is no such check; did you mean odd_sizes"),
    ("refuses-odd-sizes", "declaration", "opts out of 'small_sizes' without a reason"),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins([str(SPECIMENS)])


def results_of(method: str, catalogue: Catalogue, launcher: Launcher, *only: str) -> dict[str, CheckResult]:
    results = run_checks(method, catalogue, only=only, limits=SOON, launcher=launcher)
    return {result.name: result for result in results}


@pytest.mark.parametrize(("method", "check", "sentence"), BROKEN, ids=[f"{m}-{c}" for m, c, _ in BROKEN])
def test_broken_method_fails(
    method: str,
    check: str,
    sentence: str,
    catalogue: Catalogue,
    rawbench_launcher: Launcher,
    tmp_path: Path,
) -> None:
    if method == "keeps-raw-in-file":
        method = f"{method}:folder={tmp_path}"
    result = results_of(method, catalogue, rawbench_launcher, check)[check]
    assert result.status == "fail"
    assert re.search(sentence, result.sentence), result.sentence


def test_opt_out_is_told_with_its_reason(catalogue: Catalogue, rawbench_launcher: Launcher) -> None:
    results = results_of("refuses-odd-sizes", catalogue, rawbench_launcher, "odd_sizes", "small_sizes", "golden")
    assert results["odd_sizes"] == CheckResult("odd_sizes", "opted out", "it is defined on even sizes alone")
    assert results["small_sizes"].status == "fail"
    assert results["golden"].status == "not judged"


def test_what_takes_8_bits_is_not_given_16(catalogue: Catalogue, rawbench_launcher: Launcher) -> None:
    results = results_of("honest", catalogue, rawbench_launcher, "sixteen_bits", "foreign_files")
    assert results["sixteen_bits"] == CheckResult("sixteen_bits", "not judged", "it takes an sRGB of 8 bits alone")
    assert results["foreign_files"].status == "pass"


def test_unknown_names_are_usage_errors(catalogue: Catalogue, rawbench_launcher: Launcher) -> None:
    with pytest.raises(UsageError, match="no method 'honnest'; did you mean honest"):
        run_checks("honnest", catalogue, launcher=rawbench_launcher)
    with pytest.raises(UsageError, match="no check 'shap'; did you mean shape"):
        run_checks("honest", catalogue, only=["shap"], launcher=rawbench_launcher)
    with pytest.raises(UsageError, match="honest:levle=3: no option 'levle'; did you mean level"):
        run_checks("honest:levle=3", catalogue, only=["shape"], launcher=rawbench_launcher)
    with pytest.raises(UsageError, match="does not run on tpu"):
        run_checks("honest", catalogue, "tpu", only=["shape"], launcher=rawbench_launcher)


def test_class_in_a_function_is_refused() -> None:
    class Inner:
        pass

    with pytest.raises(UsageError, match="a class inside a function cannot be found"):
        run_checks(Inner)
