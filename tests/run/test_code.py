"""What a method is made of: its modules, their helpers and data by content, libraries by version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rawbench.plugins import load_plugins
from rawbench.run.code import HARMLESS, code_of, content_of_options, file_digest
from rawbench.run.plan import MethodSpec, decode_key, method_spec

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
import sys
from pathlib import Path
import rawbench
{imports}

class Mine(rawbench.Codec):
    name = "{name}"

    class Options(rawbench.Options):
        weights: Path | None = None
        table: str = ""
        more: tuple[Path, ...] = ()

    rate_points = classmethod(lambda cls, options: [rawbench.RatePoint(0, "only")])
    def encode(self, raw, srgb): return b""
    def decode(self, payload, srgb): {decode}

@rawbench.hookimpl
def register_methods(register): register("{name}", Mine)
"""


def plugin(folder: Path, imports: str = "", decode: str = "return None", name: str = "mine") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "my_method.py"
    path.write_text(PLUGIN.format(imports=imports, decode=decode, name=name))
    return path


def spec(path: Path, text: str = "mine") -> MethodSpec:
    return method_spec(text, load_plugins([str(path)]))


def labels(path: Path) -> set[str]:
    catalogue = load_plugins([str(path)])
    return {label for label, _ in code_of(catalogue.methods.load("mine")).files if not label.startswith("rawbench/")}


BESIDE = "sys.path.insert(0, str(Path(__file__).parent)); "


@pytest.mark.parametrize(
    ("imports", "files", "counted"),
    [
        (f"{BESIDE}import helper_a", {"helper_a.py": ""}, {"helper_a.py"}),
        (f"{BESIDE}from helper_b import fit as f", {"helper_b.py": "fit = 1"}, {"helper_b.py"}),
        ("def later():\n    import helper_c", {"helper_c.py": "import helper_d", "helper_d.py": ""},
         {"helper_c.py", "helper_d.py"}),
        (f"{BESIDE}import parts_a.fit", {"parts_a/__init__.py": "", "parts_a/fit.py": "from . import base",
                                         "parts_a/base.py": "", "parts_a/other.py": ""},
         {"parts_a/__init__.py", "parts_a/fit.py", "parts_a/base.py"}),
        ("def later():\n    from space.fit import x", {"space/fit.py": "x = 1"}, {"fit.py"}),
        ("import importlib\ndef later(): importlib.import_module('helper_e')", {"helper_e.py": ""}, {"helper_e.py"}),
        ("HELPER = Path(__file__).with_name('loaded.py')", {"loaded.py": "import helper_f", "helper_f.py": ""},
         {"loaded.py", "helper_f.py"}),
        ("TABLE = Path(__file__).parent / 'weights' / 'net.bin'", {"weights/net.bin": "", "weights/other.bin": ""},
         {"net.bin"}),
        ("def table(name): return Path(__file__).parent / f'{name}-table.npz'", {"a-table.npz": "", "b.npz": ""},
         {"a-table.npz"}),
        ("TABLE = Path(__file__).with_suffix('.npz')", {"my_method.npz": "", "other.npz": ""}, {"my_method.npz"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_file_with_helpers_and_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: str, files: dict[str, str], counted: set[str]
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    path = plugin(tmp_path, imports)
    before = spec(path).code_digest
    assert labels(path) == {"my_method.py", *counted}
    for name in files:
        old = (tmp_path / name).read_text()
        (tmp_path / name).write_text(old + "\n# other")
        is_counted = any(name.endswith(label) for label in counted)
        assert (spec(path).code_digest != before) is is_counted, name
        (tmp_path / name).write_text(old)
    assert spec(path).code_digest == before


def test_the_second_file_of_one_base_name(tmp_path: Path) -> None:
    first, second = plugin(tmp_path / "a"), plugin(tmp_path / "b", name="yours")
    catalogue = load_plugins([str(first), str(second)])
    before = [method_spec(name, catalogue).code_digest for name in ("mine", "yours")]
    plugin(tmp_path / "b", "import math", name="yours")
    catalogue = load_plugins([str(first), str(second)])
    after = [method_spec(name, catalogue).code_digest for name in ("mine", "yours")]
    assert before[0] == after[0] and before[1] != after[1] and before[0] != before[1]


def test_code_has_one_digest_wherever_it_lies(tmp_path: Path) -> None:
    assert spec(plugin(tmp_path / "a")).code_digest == spec(plugin(tmp_path / "b" / "c")).code_digest


def test_a_package_counts_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "whole_package"
    plugin(package / "inner", "from whole_package import fit")
    (package / "inner/my_method.py").rename(package / "method.py")
    files = {"__init__.py": "from whole_package.method import register_methods", "fit.py": "", "lazy.py": "",
             "inner/weights.bin": "1", ".hidden": "", "runs/run.sqlite": "", "runs/streams/x.rbs": ""}  # fmt: skip
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    codec = load_plugins(["whole_package"]).methods.load("mine")
    before = code_of(codec).digest
    assert {label for label, _ in code_of(codec).files if not label.startswith("rawbench/")} == {
        f"whole_package/{name}" for name in ("__init__.py", "method.py", "fit.py", "lazy.py", "inner/weights.bin")
    }
    (package / "inner/weights.bin").write_text("2")
    assert code_of(codec).digest != before


def test_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the own distribution by content, another one by its version."""
    site = tmp_path / "site-packages"
    plugin(site / "stranger_a", "import stranger_parts, stranger_library, numpy")
    (site / "stranger_a/my_method.py").rename(site / "stranger_a/__init__.py")
    for name, tops in (("stranger", ("stranger_a", "stranger_parts")), ("library", ("stranger_library",))):
        info = site / f"{name}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
        (info / "RECORD").write_text("".join(f"{top}/__init__.py,,\n" for top in tops))
        (info / "top_level.txt").write_text("\n".join(tops))
    for top in ("stranger_parts", "stranger_library"):
        (site / top).mkdir()
        (site / top / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(site)
    from rawbench.run import imports

    imports._owners.cache_clear()
    code = code_of(load_plugins(["stranger_a"]).methods.load("mine"))
    assert {label for label, _ in code.files if not label.startswith("rawbench/")} == {
        "stranger_a/__init__.py", "stranger_parts/__init__.py"}  # fmt: skip
    assert code.libraries["stranger_library"] == "library 2.5"
    assert {"numpy", "torch"} <= set(code.libraries)


def test_files_that_options_name(tmp_path: Path) -> None:
    path, weights, folder = plugin(tmp_path), tmp_path / "w.bin", tmp_path / "folder"
    weights.write_bytes(b"1")
    folder.mkdir()
    (folder / "part").write_bytes(b"1")
    first = [spec(path, f"mine:{option}={weights}") for option in ("weights", "table")]
    weights.write_bytes(b"2")
    second = [spec(path, f"mine:{option}={weights}") for option in ("weights", "table")]
    for before, after in zip(first, second, strict=True):
        assert before.source != after.source and before.code_digest == after.code_digest
        assert decode_key("stream", before, "cpu") != decode_key("stream", after, "cpu")
    found = content_of_options({"more": (weights, folder), "deep": {"x": weights}, "no": "w", "gone": tmp_path / "g"})
    assert list(found) == ["deep.x", "more.0", "more.1"] and found["more.0"] == file_digest(weights)
    (folder / "part").write_bytes(b"2")
    assert content_of_options({"more": (folder,)}) != {"more.0": found["more.1"]}


LOADED = """
import importlib, json, os, sys
import numpy, torch
address = sys.argv[1:]
for one in address:
    reader, writer = os.pipe()
    if os.fork() == 0:
        module, name = one.split(":")
        codec = getattr(importlib.import_module(module), name)
        import rawbench
        options = codec.Options()
        raw = torch.linspace(0, 1, 3 * 24 * 24).reshape(3, 24, 24)
        srgb = (raw ** 0.45 * 255).to(torch.uint8)
        with torch.inference_mode():
            for action in ("encode", "decode"):
                instance = codec(options, codec.rate_points(options)[0])
                instance.setup(rawbench.Context())
                payload = instance.encode(raw, srgb) if action == "encode" else payload
            instance.decode(payload, srgb)
        print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0].startswith("rawbench"))))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_every_module_of_every_method_is_counted_or_harmless() -> None:
    """What is really loaded by coding with a method is counted, or declared harmless with its reason."""
    catalogue = load_plugins()
    entries = [entry for entry in catalogue.methods if entry.name != "external"]  # its programs are named by a file
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED, *(str(entry.target) for entry in entries)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    import json

    lines = done.stdout.splitlines()
    assert len(lines) == len(entries), done.stderr[-2000:]
    for entry, line in zip(entries, lines, strict=True):
        counted = {_module(label) for label, _ in _code(catalogue, entry.name).files}
        missed = [name for name in json.loads(line) if name not in counted and not _harmless(name)]
        assert not missed, f"{entry.name}: {missed}"
        assert {"torch", "numpy"} <= set(_code(catalogue, entry.name).libraries)


def test_harmless_modules_exist_and_say_why() -> None:
    for name, reason in HARMLESS.items():
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name
        assert len(reason.split()) > 2


def test_the_harness_is_part_of_every_code() -> None:
    catalogue = load_plugins()
    found = {label for label, _ in _code(catalogue, "unprocess").files}
    blocks = {f"rawbench/blocks/{path.name}" for path in (ROOT / "rawbench/blocks").glob("*.py")}
    assert blocks | {"rawbench/stream.py", "rawbench/srgb.py", "rawbench/varint.py"} <= found


def _code(catalogue: Any, name: str) -> Any:
    return code_of(catalogue.methods.load(name), catalogue.manager.get_plugin(catalogue.methods.entry(name).plugin))


def _module(label: str) -> str:
    return label.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _harmless(name: str) -> bool:
    return name in HARMLESS or any(name.startswith(f"{known}.") for known in HARMLESS if known != "rawbench")
