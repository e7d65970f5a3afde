"""Who may import whom: the harness knows no method, methods know its public names alone, and start-up is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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
