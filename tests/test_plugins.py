"""Plugins: found, loaded one by one, and kept from spoiling each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rawbench.errors import PluginError
from rawbench.plugins import REGISTRIES, load_plugins

METHOD = """
import rawbench

class {kind}(rawbench.Codec):
    name = "{name}"
    encode = decode = None
    rate_points = classmethod(list)

@rawbench.hookimpl
def register_methods(register):
    register("{name}", {kind}, summary="from {name}")
"""


@pytest.fixture(autouse=True)
def nothing_else_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAWBENCH_PLUGINS", raising=False)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, text: str) -> None:
    """Install a distribution with an entry point, as pip would."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rawbench]\n{name} = {module}\n")
    (folder / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)


def test_an_installed_plugin_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "stranger", "stranger_module", METHOD.format(kind="Stranger", name="stranger"))
    catalogue = load_plugins()
    assert catalogue.loaded["stranger"] == "stranger_module"
    entry = catalogue.methods.entry("stranger")
    assert (entry.plugin, entry.summary) == ("stranger", "from stranger")
    assert catalogue.methods.load("stranger").name == "stranger"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("raise RuntimeError('out of\\norder')", "RuntimeError: out of order"),
        ("def (", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_plugin_is_a_warning_and_the_rest_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cause: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "well").mkdir()
    install(tmp_path / "broken", monkeypatch, "a-broken", "broken_module", text)
    install(tmp_path / "well", monkeypatch, "b-well", "well_module", METHOD.format(kind="Well", name="well"))
    named = write(tmp_path / "named.py", METHOD.format(kind="Named", name="named"))
    catalogue = load_plugins([named])
    monkeypatch.delitem(sys.modules, "well_module")
    warning = next(w for w in catalogue.warnings if "a-broken" in w)
    assert warning.startswith(f"plugin 'a-broken' is left out: {cause}") and "\n" not in warning
    assert {"well", "named"} <= set(catalogue.methods.names())
    assert "a-broken" not in catalogue.loaded


def test_an_entry_point_without_its_module_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "absent", "absent_module", "")
    (tmp_path / "absent_module.py").unlink()
    (warning,) = (w for w in load_plugins().warnings if "absent" in w)
    assert "plugin 'absent' is left out: ModuleNotFoundError" in warning


def test_a_hook_that_raises_costs_that_hook_alone(tmp_path: Path) -> None:
    text = METHOD.format(kind="Half", name="half") + (
        "\n@rawbench.hookimpl\ndef register_metrics(register):\n    raise KeyError('lost')\n"
    )
    path = write(tmp_path / "half.py", text)
    catalogue = load_plugins([path])
    assert f"plugin '{path}': register_metrics failed: KeyError: 'lost'" in catalogue.warnings
    assert "half" in catalogue.methods.names()


def test_two_plugins_with_one_method_are_refused_and_named(tmp_path: Path) -> None:
    first = write(tmp_path / "first.py", METHOD.format(kind="First", name="twin"))
    second = write(tmp_path / "second.py", METHOD.format(kind="Second", name="twin"))
    with pytest.raises(PluginError) as caught:
        load_plugins([first, second])
    assert str(caught.value) == f"method 'twin' comes from two plugins: {first!r} and {second!r}"


@pytest.mark.parametrize("hook", ["register_method", "cell_finish"])
def test_a_misspelt_hook_is_an_error(tmp_path: Path, hook: str) -> None:
    path = write(tmp_path / "slip.py", f"import rawbench\n@rawbench.hookimpl\ndef {hook}(register):\n    pass\n")
    with pytest.raises(PluginError, match=f"slip.py.*{hook}"):
        load_plugins([path])


def test_a_hook_with_other_arguments_is_an_error(tmp_path: Path) -> None:
    text = "import rawbench\n@rawbench.hookimpl\ndef register_methods(registry):\n    pass\n"
    with pytest.raises(PluginError, match="wrong.py.*register_methods"):
        load_plugins([write(tmp_path / "wrong.py", text)])


def test_an_unmarked_function_is_no_hook(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.py", "def register_methods(register):\n    raise AssertionError\n")
    catalogue = load_plugins([path])
    assert path in catalogue.loaded and not [w for w in catalogue.warnings if path in w]


def test_files_and_modules_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "from_file.py", METHOD.format(kind="File", name="from-file"))
    write(tmp_path / "from_module.py", METHOD.format(kind="Module", name="from-module"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RAWBENCH_PLUGINS", f"{path}, from_module,")
    catalogue = load_plugins([path])
    assert catalogue.extra == (path, "from_module")
    assert {"from-file", "from-module"} <= set(catalogue.methods.names())


def test_a_file_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    path = str(tmp_path / "missing.py")
    assert f"plugin '{path}' is left out: FileNotFoundError: no such file: {path}" in load_plugins([path]).warnings


def test_a_file_that_fails_is_not_taken_for_loaded(tmp_path: Path) -> None:
    path = tmp_path / "second_try.py"
    write(path, "raise RuntimeError('not yet')")
    assert load_plugins([str(path)]).warnings
    assert not [name for name in sys.modules if name.startswith("rawbench_plugin_second_try")]
    write(path, METHOD.format(kind="Now", name="now"))
    assert "now" in load_plugins([str(path)]).methods.names()


def test_the_built_in_plugins_load_without_a_warning_and_without_torch() -> None:
    code = (
        "import sys\nfrom rawbench.plugins import REGISTRIES, load_plugins\n"
        "catalogue = load_plugins()\n"
        "names = [name for kind in REGISTRIES for name in getattr(catalogue, kind).names()]\n"
        "print(len(names), catalogue.warnings, sorted({'torch', 'compressai', 'rawpy', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, rest = done.stdout.strip().split(" ", 1)
    assert int(count) >= len(REGISTRIES)
    assert rest == "[] []"
