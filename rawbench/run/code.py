"""The identity of a method's code: all that decides what it writes by content, and other people's libraries by version.

By content count

* the whole package of the method (and of its base classes, and of the plugin that registered it): every module and
  every data file, weights above all;
* every module that they import from their own distribution, from beside a plugin's file, or from anywhere that is no
  place of installed packages; and the files that such lone modules name, as far as they lie beside them;
* of the harness what methods build on: ``blocks/``, the stream, and whatever else of it is imported and not below.

Names are counted without the folders above them, so that code has one digest wherever it lies.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from rawbench.run.imports import Walk, distribution_of

HARNESS = Path(__file__).resolve().parents[1]
BESIDE_BLOCKS = ("srgb", "stream", "varint")

HARMLESS = {
    "rawbench": "loads public names when they are asked for, and computes nothing",
    "rawbench.codec": "the interface: what is left of a method without it is counted",
    "rawbench.dataset": "an image counts by the digest of its content",
    "rawbench.errors": "kinds of errors, and the wording of messages",
    "rawbench.executor": "where a cell is computed is no part of what it gives",
    "rawbench.files": "writes and reads bytes as they are",
    "rawbench.hookspecs": "names of hooks",
    "rawbench.metric": "a metric counts by its version",
    "rawbench.options": "option values count themselves, after defaults",
    "rawbench.testing": "judges methods, and is not there when they run",
    "rawbench.training": "makes weights, and weights count by content",
    "rawbench.types": "data without behaviour",
}
"""Modules of the harness that methods may import and that are in no digest, with the reason."""

_NOT_CODE = ("__pycache__", ".pyc")
_RUN_FOLDER = "run.sqlite"
_LONGEST_NAME = 255
_FEWEST_LITERAL = 3
_OF_THE_SYSTEM = ("/dev/", "/proc/", "/sys/", "//")


@dataclass(frozen=True)
class Code:
    """What a method is made of.

    Attributes:
        files: counted by content: label -> path. Labels begin where the package or file does.
        libraries: counted by version: top-level module -> version.
        passed: modules that it imports and that are harmless.
    """

    files: tuple[tuple[str, Path], ...]
    libraries: Mapping[str, str]
    passed: frozenset[str]

    @property
    def digest(self) -> str:
        """Digest of all counted files, hexadecimal, 16 digits."""
        lines = sorted(f"{label}\0{file_digest(path)}\n" for label, path in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def code_of(codec: type, plugin: Any = None) -> Code:
    """Find what a method is made of.

    Args:
        codec: the method's class.
        plugin: the module (or object) that registered it, which may have made the class.
    """
    ours = [module for module in (sys.modules.get(codec.__module__), plugin) if _has_code(module)]
    bases = [module for kind in codec.__mro__ if _has_code(module := sys.modules.get(kind.__module__))]
    own = frozenset({"rawbench"}).union(*(distribution_of(path) for path in (HARNESS, *map(_file, ours))))
    walk = Walk(_is_harmless, own)
    roots = [module for module in dict.fromkeys([*ours, *bases]) if not walk.is_library(_top(module), _file(module))]
    packages = {folder for module in roots if (folder := _package_folder(module)) and folder != HARNESS}
    for path in (*map(_file, roots), *_harness_files()):
        walk.follow(path)
    named = _follow_named(walk, packages)
    files = {path for folder in packages for path in _files_in(folder)} | walk.files | named
    labelled = sorted((_label(path, packages), path) for path in files)
    passed = frozenset(_harness_name(path) for path in walk.stopped)
    return Code(tuple(labelled), dict(sorted(walk.libraries.items())), passed)


def _follow_named(walk: Walk, packages: set[Path]) -> set[Path]:
    """The files that lone modules name; those that are modules themselves are followed."""
    named: set[Path] = set()
    seen: set[Path] = set()
    while waiting := walk.files - seen:
        seen |= waiting
        lone = [path for path in waiting if not {HARNESS, *packages} & set(path.parents)]
        named |= {found for path in lone for found in named_files(path)}
        for path in sorted(named - walk.files):
            if path.suffix == ".py":
                walk.follow(path)
    return named


def _has_code(module: Any) -> TypeGuard[ModuleType]:
    if not isinstance(module, ModuleType) or not getattr(module, "__file__", None):
        return False
    return _top(module) == "__main__" or _top(module) not in sys.stdlib_module_names


def _top(module: ModuleType) -> str:
    return module.__name__.partition(".")[0]


def _file(module: ModuleType) -> Path:
    return Path(str(module.__file__)).resolve()


def _harness_name(path: Path) -> str:
    """The dotted name of a file of the harness, or ""."""
    if HARNESS not in path.parents:
        return ""
    parts = path.relative_to(HARNESS.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_harmless(path: Path) -> bool:
    name = _harness_name(path)
    return name in HARMLESS or any(name.startswith(f"{known}.") for known in HARMLESS if known != "rawbench")


def _harness_files() -> list[Path]:
    return [*sorted((HARNESS / "blocks").rglob("*.py")), *(HARNESS / f"{name}.py" for name in BESIDE_BLOCKS)]


def _package_folder(module: ModuleType) -> Path | None:
    """The folder of the outermost regular package that a module is in; None of a lone file."""
    folder = _file(module).parent
    depth = module.__name__.count(".") - (0 if hasattr(module, "__path__") else 1)
    if depth < 0 or not (folder / "__init__.py").is_file():
        return None
    while depth and (folder.parent / "__init__.py").is_file():
        folder, depth = folder.parent, depth - 1
    return folder


def _files_in(folder: Path) -> Iterator[Path]:
    """Every file of a package but caches, what is hidden, and runs that somebody keeps there."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith(_NOT_CODE):
            continue
        if path.is_dir():
            if not (path / _RUN_FOLDER).exists():
                yield from _files_in(path)
        elif path.is_file():
            yield path


def _label(path: Path, packages: Iterable[Path]) -> str:
    """A file's path from its outermost package on."""
    for folder in packages:
        if path.is_relative_to(folder):
            return path.relative_to(folder.parent).as_posix()
    top = path.parent
    while (top / "__init__.py").is_file():
        top = top.parent
    return path.relative_to(top).as_posix()


def named_files(path: Path) -> list[Path]:
    """The files that a module's text names, as ``"table.npz"``, ``f"{name}-table.npz"`` or ``".npz"`` do.

    A suffix alone is put to the module's own name. Names are looked up in the module's folder, in folders below it that
    are named too, and in the current folder.
    """
    try:
        names, patterns = _strings_in(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    below = [path.parent / name for name in names if not name.startswith("/")]
    folders = [path.parent, *(folder for folder in below if folder.is_dir())]
    found = [folder / name for folder in (*folders, Path.cwd()) for name in names]
    found += [path.with_name(f"{path.stem}{name}") for name in names if name.startswith(".") and "/" not in name]
    found += [file for folder in folders for pattern in patterns for file in folder.glob(pattern)]
    return sorted({file.resolve() for file in found if file.is_file()} - {path})


@lru_cache(maxsize=1024)
def _strings_in(source: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Constant strings that may be names of files, and patterns: f-strings, and constants with wildcards."""
    names, patterns = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values]
            text = "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if not _is_name(text):
            continue
        if "*" not in text:
            names.add(text)
        elif "[" not in text and len(text.replace("*", "")) >= _FEWEST_LITERAL and not text.startswith("/"):
            patterns.add(text)
    return tuple(sorted(names)), tuple(sorted(patterns))


def _is_name(text: str) -> bool:
    if not text.isprintable() or len(text.encode(errors="replace")) > _LONGEST_NAME:
        return False
    if text.startswith("/"):
        return not text.startswith(_OF_THE_SYSTEM)
    return not {"", ".", ".."} & set(text.split("/")) and "**" not in text


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal; of one that cannot be read, why."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


def content_of_options(values: Mapping[str, Any]) -> dict[str, str]:
    """The digests of the files and folders that option values name: option -> digest; others are left out.

    Args:
        values: of options, as validated: a ``Path`` counts, and so does text that is the name of a file.
    """
    found = {}
    for option, value in sorted(values.items()):
        for place, path in _paths_in(option, value):
            if path.is_dir():
                lines = (f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n" for file in _files_in(path))
                found[place] = hashlib.sha256("".join(lines).encode()).hexdigest()
            elif path.is_file():
                found[place] = file_digest(path)
    return found


def _paths_in(place: str, value: Any) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield place, value
    elif isinstance(value, str):
        path = Path(value)
        try:
            if value and path.is_file():
                yield place, path
        except (OSError, ValueError):
            return
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths_in(f"{place}.{key}", inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for number, inner in enumerate(value):
            yield from _paths_in(f"{place}.{number}", inner)
