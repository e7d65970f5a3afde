"""Following a module's imports without running anything: which files are reached, and which installed libraries.

A library is what lies in a place of installed packages and belongs to another distribution than where the walk began:
its version says what it is. All else that is imported is local code, whose content does: the rest of the same
distribution, a helper beside the file, a package of one's own that is installed to be edited or found by PYTHONPATH.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distributions, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

PLACES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Import:
    """One import: ``from ..module import name`` has level 2, module ``module`` and that name."""

    level: int
    module: str
    name: str | None = None


@dataclass
class Walk:
    """Where imports led.

    Attributes:
        stops: says of a file whether the walk ends before it.
        own: top-level names of the distributions in which the walk began.
        files: local code that was reached.
        libraries: top-level names of installed libraries, with their versions.
        stopped: files before which it ended.
    """

    stops: Callable[[Path], bool]
    own: frozenset[str] = frozenset()
    files: set[Path] = field(default_factory=set)
    libraries: dict[str, str] = field(default_factory=dict)
    stopped: set[Path] = field(default_factory=set)

    def follow(self, file: Path) -> None:
        """Take a file, and all that it imports."""
        waiting = [file.resolve()]
        while waiting:
            path = waiting.pop()
            if path in self.files or path in self.stopped:
                continue
            if self.stops(path):
                self.stopped.add(path)
                continue
            self.files.add(path)
            if path.suffix == ".py":
                waiting += [found.resolve() for one in imports_of(path) for found in self._files_of(one, path)]

    def _files_of(self, one: Import, importer: Path) -> Iterator[Path]:
        parts = [part for part in (*one.module.split("."), one.name) if part]
        if one.level:
            yield from _below(importer.parents[one.level - 1], parts)
            return
        if parts[0] in sys.stdlib_module_names:
            return
        for place in _places(parts[0], importer.parent):
            if self.is_library(parts[0], place):
                continue
            yield from _below(place, parts[1:]) if place.is_dir() else (place,)

    def is_library(self, top: str, place: Path) -> bool:
        """Whether a top-level module at a place counts by its version, which is noted then."""
        if top in self.own or not set(PLACES) & set(place.parts):
            return False
        if top not in self.libraries and (found := library_version(top)) is not None:
            self.libraries[top] = found
        return top in self.libraries


def imports_of(path: Path) -> tuple[Import, ...]:
    """Every import of a Python file, wherever in it; none of a file that cannot be read or parsed."""
    try:
        return _imports_in(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()


@lru_cache(maxsize=1024)
def _imports_in(source: bytes) -> tuple[Import, ...]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [Import(node.level, node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.strip("."):
                level = len(first.value) - len(first.value.lstrip("."))
                found.append(Import(level, first.value.lstrip(".")))
    return tuple(found)


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def _places(top: str, beside: Path) -> list[Path]:
    """Files or folders of a top-level module: as imported, else as it would be found, else beside the importer."""
    module = sys.modules.get(top)
    spec = getattr(module, "__spec__", None)
    if module is None:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError, AttributeError):
            spec = None
    folders = getattr(module, "__path__", None) or getattr(spec, "submodule_search_locations", None)
    file = getattr(module, "__file__", None) or getattr(spec, "origin", None)
    if folders:
        return [Path(folder) for folder in folders]
    if file and Path(file).is_file():
        return [Path(file)]
    return [path for path in (beside / f"{top}.py", beside / top) if path.exists()]


def _below(folder: Path, parts: list[str]) -> Iterator[Path]:
    """The files that importing a dotted name below a folder runs; its last part may be no module but a name in one."""
    if (folder / "__init__.py").is_file():
        yield folder / "__init__.py"
    for part in parts:
        yield from (path for ending in (".py", *EXTENSION_SUFFIXES) if (path := folder / f"{part}{ending}").is_file())
        folder = folder / part
        if not folder.is_dir():
            return
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"


def library_version(top: str) -> str | None:
    """The version of the distribution that a top-level module belongs to, or None where nothing tells."""
    try:
        return version(top)
    except PackageNotFoundError:
        owners = sorted(set(_owners().get(top, [])))
        return " ".join(f"{name} {version(name)}" for name in owners) or None


@cache
def _owners() -> dict[str, list[str]]:
    return dict(packages_distributions())


def distribution_of(path: Path) -> frozenset[str]:
    """The top-level names of the installed distribution that a file belongs to; none where it is not installed."""
    for place in path.parents:
        if place.name in PLACES:
            top = path.relative_to(place).parts[0]
            return _tops_beside(place, top)
    return frozenset()


@cache
def _tops_beside(place: Path, top: str) -> frozenset[str]:
    for found in distributions(path=[str(place)]):
        tops = _tops(found)
        if top in tops:
            return frozenset(name.partition(".")[0] for name in tops)
    return frozenset({top.partition(".")[0]})


def _tops(found: Distribution) -> set[str]:
    record = found.read_text("RECORD") or ""
    return {line.partition(",")[0].partition("/")[0] for line in record.splitlines()}
