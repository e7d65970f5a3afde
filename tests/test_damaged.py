"""Foreign and damaged files: whatever is changed in one, it is read or refused with one line, and never a traceback.

Seeded mutations of committed runs, references and databases, each taken through all that reads it. Of the structure
(a value of another kind, an entry that is gone or there twice) and of the bytes (cut, flipped, inserted).
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rawbench.errors import RawbenchError
from rawbench.judge.compare import compare_results
from rawbench.judge.compare_text import markdown_comment
from rawbench.judge.gate import Subset, exit_code, judge_run, report_lines
from rawbench.judge.leaderboard import make_boards, markdown_boards
from rawbench.judge.reference import default_tolerances, make_reference, parse_tolerances, part_of, read_reference
from rawbench.judge.reference import write_reference as write
from rawbench.results.committed import write_run
from rawbench.results.costs import costs_of_points
from rawbench.results.export import long_rows
from rawbench.results.run import Run, read_run
from rawbench.run.config import make_config
from rawbench.tables.run_table import ceiling_cells, notes, shown_metrics, summarise, summarise_ceilings, table_cells
from rawbench.tables.text import as_csv, latex, markdown

REPOSITORY = Path(__file__).parents[1]
MUTATIONS, DATABASES = 300, 200
ODD = (
    None, True, False, 0, -1, 1, 0.0, -0.5, 1e308, -1e308, 2**63, 10**30, "", "x", "inf", "-inf", "nan", "1e999",
    "\x00", "é|\n", "../..", [], {}, [[]], {"a": 1}, [None], ["x", 1], "9" * 400, {"value": {"value": []}},
)  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Run:
    """Three methods on two images, with curves, timings and a failed cell."""
    run = read_run(REPOSITORY / "results/measured/sample.json")
    images = [image for _, image in run.images][:2]
    part = part_of(run, ["poly", "residual", "uniform"], [], images, [], ["psnr", "ssim", "mae"])
    keep = {*part.metrics, "bytes", "bpp"}
    rows = [replace(row, values={k: v for k, v in row.values.items() if k in keep}) for row in part.rows]
    rows[-1] = replace(rows[-1], status="error", message=f"{rows[-1].place}: ValueError: no", values={})
    timings = tuple(t for t in run.timings if t.method in part.methods and ("sample", t.image) in part.images)
    return replace(part, rows=tuple(rows), timings=timings)


def use(path: Path, other: Run) -> None:
    """All that is made of a run."""
    run = read_run(path)
    metrics = shown_metrics(run, ())
    for by_camera in (False, True):
        head, body = table_cells(summarise(run, by_camera), metrics, costs_of_points(run))
        under = ceiling_cells(head, summarise_ceilings(run, by_camera), metrics)
        for form in (markdown(head, [*body, *under]), latex(head, body, under), as_csv(head, body)):
            form.encode()
    "\n".join(notes(run)).encode()
    markdown_boards(make_boards([run])).encode()
    markdown_comment(compare_results(other, run)).encode()
    list(long_rows(run))


def outcome(call: Callable[[], Any]) -> str:
    """``fine``, or the line of an expected error; every other exception is a failure of the test."""
    try:
        call()
    except RawbenchError as error:
        assert error.exit_code in (2, 3), error
        assert str(error) and "\n" not in str(error).strip() and len(str(error)) < 1000, error
        str(error).encode()
        return str(error)
    return "fine"


def change_document(document: Any, chance: random.Random) -> Any:
    """One value of a JSON document changed, removed or doubled."""
    changed = copy.deepcopy(document)
    place = changed
    while True:
        key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        if not isinstance(place[key], dict | list) or not place[key] or chance.random() < 0.15:
            break
        place = place[key]
    how = chance.random()
    if how < 0.15:
        del place[key]
    elif how < 0.25 and isinstance(place, list):
        place.append(copy.deepcopy(place[key]))
    else:
        place[key] = copy.deepcopy(chance.choice(ODD))
    return changed


def change_bytes(data: bytes, chance: random.Random) -> bytes:
    """Cut, a few bytes flipped, or some inserted."""
    at = chance.randrange(len(data))
    how = chance.random()
    if how < 0.2:
        return data[:at]
    if how < 0.4:
        return data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


@pytest.fixture(scope="module")
def changed_files(small, tmp_path_factory) -> Callable[[str, Path], list[Path]]:
    """Files made of one, each with one change."""

    def make(name: str, original: Path) -> list[Path]:
        folder, chance = tmp_path_factory.mktemp(name), random.Random(name)
        data, document = original.read_bytes(), json.loads(original.read_text())
        for number in range(MUTATIONS):
            if number % 4:
                content = json.dumps(change_document(document, chance)).encode()
            else:
                content = change_bytes(data, chance)
            (folder / f"{number}.json").write_bytes(content)
        return [folder / f"{number}.json" for number in range(MUTATIONS)]

    return make


def test_committed_runs(small, changed_files, tmp_path):
    write_run(small, tmp_path / "run.json")
    assert outcome(lambda: use(tmp_path / "run.json", small)) == "fine"
    said = [outcome(lambda path=path: use(path, small)) for path in changed_files("run", tmp_path / "run.json")]
    assert MUTATIONS / 3 < sum(line != "fine" for line in said) < MUTATIONS


def test_references(small, changed_files, tmp_path):
    good = replace(small, rows=small.rows[:-1])
    config = make_config({"methods": ("poly",)}, "test")
    reference = make_reference(good, config, parse_tolerances(default_tolerances(good.metrics), good.metrics))
    write(reference, tmp_path / "ref.json")

    def judge(path: Path) -> int:
        read = read_reference(path)
        read.run_config()
        verdicts = judge_run(read, good, Subset())
        "\n".join(report_lines(verdicts)).encode()
        return exit_code(verdicts)

    assert judge(tmp_path / "ref.json") == 0
    said = [outcome(lambda path=path: judge(path)) for path in changed_files("reference", tmp_path / "ref.json")]
    assert MUTATIONS / 3 < sum(line != "fine" for line in said) < MUTATIONS


STATEMENTS = (
    "UPDATE {table} SET {column} = {value}",
    "UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT MIN(rowid) FROM {table})",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE rowid = (SELECT MIN(rowid) FROM {table})",
    "DROP TABLE {table}",
    "ALTER TABLE {table} RENAME COLUMN {column} TO other",
    "ALTER TABLE {table} ADD COLUMN more AS (1)",
    "ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS SELECT * FROM kept",
    "CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
)
VALUES = (
    "NULL", "'abc'", "''", "'{'", "'[1]'", "-1", "0", "1e308", "9e999", "-9e999", "x'ff'", "'\xff'", "'null'",
    "CAST(x'c3' AS TEXT)", "'{\"a\": 1}'", "9223372036854775807", "'" + "9" * 400 + "'", "'[' || hex(zeroblob(9))",
)  # fmt: skip


def change_database(path: Path, chance: random.Random) -> None:
    """One statement that rawbench never says."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA ignore_check_constraints=ON")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        while True:
            table = chance.choice([t for t in tables if not t.startswith("sqlite")])
            column = chance.choice([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
            statement = chance.choice(STATEMENTS[:2] * 4 + STATEMENTS[2:])
            try:
                database.executescript(statement.format(table=table, column=column, value=chance.choice(VALUES)))
                return
            except sqlite3.Error:  # it may not be: another one
                continue


def test_databases(small, tmp_path):
    from rawbench.results.store import Store

    original, chance = REPOSITORY / "tests/results/runs/schema-3/run.sqlite", random.Random("store")
    other, said = read_run(original), []
    for number in range(DATABASES):
        path = tmp_path / str(number) / "run.sqlite"
        path.parent.mkdir()
        if number % 4:
            shutil.copy(original, path)
            change_database(path, chance)
        else:
            path.write_bytes(change_bytes(original.read_bytes(), chance))
        said.append(outcome(lambda path=path: use(path, other)))
        try:
            Store.create(path.parent).close()
        except RawbenchError as error:
            assert "\n" not in str(error)
    assert DATABASES / 3 < sum(line != "fine" for line in said) < DATABASES
