"""Examples in docstrings are run, and every public pure function has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE = [
    *(f"rawbench.blocks.{path.stem}" for path in sorted((ROOT / "rawbench/blocks").glob("*.py"))),
    *(f"rawbench.{name}" for name in ("srgb", "varint", "stream", "options", "keys")),
]
MORE = ["rawbench.errors", "rawbench.types", "rawbench.results.checked", "rawbench.testing.keeping"]
SHOWN_ELSEWHERE = {"load_weights": "in the example of save_weights"}


@pytest.mark.parametrize("name", [name for name in PURE + MORE if not name.endswith("__init__")])
def test_examples_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert failed == 0 and tried > 0


def public(module: ModuleType) -> list[str]:
    """Functions, and classes that are no interface, which a module defines."""
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
        and (inspect.isclass(thing) or callable(thing))
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PURE if not name.endswith("__init__")])
def test_every_public_function_has_an_example(name: str) -> None:
    module = importlib.import_module(name)
    bare = [one for one in public(module) if inspect.isroutine(inspect.unwrap(getattr(module, one)))
            and ">>>" not in (getattr(module, one).__doc__ or "") and one not in SHOWN_ELSEWHERE]  # fmt: skip
    assert not bare
