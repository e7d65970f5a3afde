"""What CONTRIBUTING says of the house is true of the tree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ANSWERS = re.findall(r"^\| (.+\?) \| `(\w+)` in `([\w/]+\.py)`", TEXT, re.MULTILINE)


def test_the_table_answers_what_strangers_ask():
    assert len(ANSWERS) >= 7


@pytest.mark.parametrize(("question", "name", "file"), ANSWERS, ids=[question for question, *_ in ANSWERS])
def test_every_answer_is_where_it_says(question, name, file):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert name in names, question


def test_every_folder_of_the_harness_is_in_the_picture():
    picture = TEXT.split("## The house")[1].split("```")[1]
    folders = {path.parent.name for path in (ROOT / "rawbench").glob("*/__init__.py")}
    assert folders <= set(re.findall(r"\w+", picture))
