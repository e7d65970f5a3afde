"""What keeps the tree legible: few modules at the root, files and functions that fit."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted(path for place in ("rawbench", "plugins", "baselines") for path in (ROOT / place).rglob("*.py"))
ROOT_MODULES, FILE_LINES, FUNCTION_LINES = 20, 400, 45


def test_few_modules_lie_at_the_root() -> None:
    found = [path.name for path in (ROOT / "rawbench").glob("*.py")]
    assert len(found) <= ROOT_MODULES, found


def test_no_file_is_long() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in CODE}
    assert not {name: count for name, count in lines.items() if count > FILE_LINES}


def test_every_function_fits_on_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": length
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long
