"""Write a project that adds a method, a dataset or a metric to rawbench.

The templates are projects as they stand, called ``my-method``, ``my-dataset`` and ``my-metric``: a new project is a
copy in which these names, those of the packages (``my_method``) and those of the classes (``MyMethod``) are replaced.
"""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from rawbench.errors import RawbenchError, UsageError
from rawbench.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("method", "dataset", "metric")
# Files whose names would mean something to tools that read this repository.
PLACES = {
    "gitignore": ".gitignore",
    "numbers.yml": ".github/workflows/numbers.yml",
    "tests.yml": ".github/workflows/tests.yml",
}
# Built-in modules, and what a project's own tests would no longer find.
TAKEN = frozenset(sys.stdlib_module_names) | {"rawbench", "tests", "torch", "numpy", "pytest", "pydantic"}
LONGEST = 64  # file names made of it must fit into any file system


def new_project(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a project; returns its files, in order.

    Args:
        kind: ``method``, ``dataset`` or ``metric``.
        name: what users will call it: small letters, digits and hyphens.
        folder: to write into; new, or empty.

    Raises:
        UsageError: the name is none, or the folder has something in it.
        RawbenchError: it cannot be written.
    """
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and not empty")
    written = []
    for source in sorted(path for path in (TEMPLATES / kind).rglob("*") if path.is_file()):
        if "__pycache__" in source.parts:
            continue
        place = source.relative_to(TEMPLATES / kind).as_posix()
        path = folder / renamed(PLACES.get(place, place), kind, name)
        _make_folder(path.parent)
        write_atomically(path, renamed(source.read_text(encoding="utf-8"), kind, name).encode())
        written.append(path)
    if kind == "method":
        written.append(_write_weights(folder / package_of(name) / "weights.safetensors", name))
    return sorted(written)


def check_name(name: str) -> None:
    """Refuse what cannot be a name in rawbench, a package and a module.

    Raises:
        UsageError: says why.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"{name!r} is no name for a project: small letters, digits and single hyphens, a letter first")
    if len(name) > LONGEST:
        raise UsageError(f"the name has {len(name)} characters; {LONGEST} are the most")
    if package_of(name) in TAKEN or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is the name of a module that is there already; take another")


def package_of(name: str) -> str:
    """``my-method`` -> ``my_method``."""
    return name.replace("-", "_")


def renamed(text: str, kind: str, name: str) -> str:
    """A template's text or path with the project's names in it."""
    words = {f"my-{kind}": name, f"my_{kind}": package_of(name), f"My{kind.title()}": class_of(name)}
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def class_of(name: str) -> str:
    """``my-method`` -> ``MyMethod``."""
    return "".join(part.title() for part in name.split("-"))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot make {folder}: {error.strerror}") from None


def _write_weights(path: Path, name: str) -> Path:
    """A curve of gamma 2.2, which is what an untrained method has."""
    import torch

    from rawbench.blocks.weights import save_weights

    curve = (torch.arange(256, dtype=torch.float64) / 255) ** 2.2
    save_weights(path, f"{name}-1", {"curve": curve.float()}, {"gamma": 2.2}, {"made_by": "rawbench new, untrained"})
    return path
