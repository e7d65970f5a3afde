"""Who may import whom: the harness knows no method, methods know its public names alone, and start-up is light.

The folders of the harness stand in a line, and imports only go back along it, wherever in a file they stand.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rawbench

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(path for place in ("plugins", "baselines") for path in (ROOT / place).glob("rawbench_*"))
PUBLIC_MODULES = {
    "rawbench.blocks",
    "rawbench.camera",
    "rawbench.srgb",
    "rawbench.testing",
    "rawbench.training",
    "rawbench.varint",
}
# From the lowest to the highest; modules at the root lie below all of them, and only __main__ above.
ORDER = (
    "blocks",
    "camera",
    "external",
    "simulate",
    "metrics",
    "datasets",
    "executors",
    "results",
    "run",
    "tables",
    "judge",
    "report",
    "photo",
    "training",
    "testing",
    "scaffold",
    "cli",
)
HEAVY = {"torch", "numpy", "pandas", "compressai", "rawpy", "imagecodecs", "scipy", "skimage"}


def imports(package: Path) -> Iterator[tuple[str, str, str | None]]:
    """Every import below a package, wherever it stands: (where, module, name or None)."""
    for path in sorted(package.rglob("*.py")):
        parents = path.relative_to(package.parent).parts[:-1]
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((where, alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = parents[: len(parents) - node.level + 1] if node.level else ()
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((where, module, alias.name) for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
                address = node.value.partition(":")[0]
                if address.startswith("rawbench_") and address.replace(".", "").isidentifier():
                    yield where, address, None


def room_of(module: str) -> str:
    """The folder of the harness that a module lies in; "" at the root, and for its names."""
    second = module.split(".")[1] if "." in module else ""
    return second if (ROOT / "rawbench" / second).is_dir() else ""


def arrows() -> dict[tuple[str, str], list[str]]:
    """From which folder of the harness to which imports go, and where."""
    found: dict[tuple[str, str], list[str]] = {}
    for where, module, name in imports(ROOT / "rawbench"):
        parts = Path(where).parts
        if module.partition(".")[0] != "rawbench" or "templates" in parts or where == "rawbench/__main__.py":
            continue
        here, there = (parts[1] if len(parts) > 2 else ""), room_of(f"{module}.{name}" if name else module)
        if here != there:
            found.setdefault((here, there), []).append(f"{where}: {module} {name or ''}")
    return found


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_public(module: str, name: str | None) -> bool:
    """Whether a method may import this of the harness."""
    if any(part.startswith("_") for part in [*module.split("."), *([name] if name else [])]):
        return False
    if any(module == public or module.startswith(f"{public}.") for public in PUBLIC_MODULES):
        return True
    if module == "rawbench":
        return name is None or name in rawbench.__all__ or f"rawbench.{name}" in PUBLIC_MODULES
    return name in rawbench.__all__ and getattr(rawbench, str(name)).__module__ == module


def test_the_packages_are_found() -> None:
    assert {"rawbench_learned", "rawbench_parametric", "rawbench_sampling"} <= {package.name for package in PACKAGES}


def test_the_harness_knows_no_method() -> None:
    bad = [(where, module) for where, module, _ in imports(ROOT / "rawbench") if module.startswith("rawbench_")]
    assert not bad


def test_every_folder_of_the_harness_has_its_place_in_the_order() -> None:
    folders = {path.parent.name for path in (ROOT / "rawbench").glob("*/__init__.py")}
    assert folders == set(ORDER)


def test_no_import_goes_from_a_lower_folder_to_a_higher_one() -> None:
    rank = {"": 0, **{folder: place for place, folder in enumerate(ORDER, 1)}}
    assert not {f"{here or 'root'} -> {there}": places
                for (here, there), places in arrows().items() if rank[there] > rank[here]}  # fmt: skip


def test_no_circle_of_modules() -> None:
    """Also within a folder, and at the root; imports that wait inside of a function, or for a type checker, apart."""
    names = {name_of(path) for path in (ROOT / "rawbench").rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for path in (ROOT / "rawbench").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = {f"{node.module}.{alias.name}" for alias in node.names} & names or {node.module} & names
                graph.setdefault(name_of(path), set()).update(modules)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_methods_import_public_names_alone_and_never_each_other(package: Path) -> None:
    bad = []
    for where, module, name in imports(package):
        first = module.partition(".")[0]
        others = first.startswith("rawbench_") and first != package.name
        private = first == "rawbench" and not is_public(module, name)
        if others or private:
            bad.append(f"{where}: {module} {name or ''}")
    assert not bad


@pytest.mark.parametrize(
    ("module", "name", "public"),
    [
        ("rawbench", "Codec", True),
        ("rawbench.errors", "StreamError", True),
        ("rawbench.blocks", "tiles", True),
        ("rawbench.training.frames", "Frames", True),
        ("rawbench", "run", False),
        ("rawbench.run.coding", "decode_stream", False),
        ("rawbench.errors", "NotComparable", False),
        ("rawbench.results.store", None, False),
        ("rawbench.blocks.tiles", "_hidden", False),
    ],
)
def test_what_is_public(module: str, name: str | None, public: bool) -> None:
    assert is_public(module, name) is public


def loaded_by(code: str) -> set[str]:
    """The heavy modules that some code imports, in a fresh process."""
    code = f"import sys\n{code}\nprint(*{HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_public_names_command_line_and_plugins_import_nothing_heavy() -> None:
    names = "import rawbench\nfor name in rawbench.__all__:\n    getattr(rawbench, name)\n"
    assert loaded_by(f"{names}import rawbench.cli, rawbench.plugins\nrawbench.plugins.load_plugins()") == set()


def test_the_kit_is_light_until_it_computes() -> None:
    assert "torch" not in loaded_by("from rawbench.testing.checks import run_checks")
    assert loaded_by("import rawbench.testing.pytest_plugin") == set()
