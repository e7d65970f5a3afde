"""Tables on a terminal: no wider than it where that can be, a dataset or camera at a time."""

from __future__ import annotations

import pytest

from rawbench.tables.terminal import print_cells

HEAD = ["dataset", "method", "rate point", "images", "psnr", "encode MP/s", "decode MP/s", "parameters"]
BODY = [
    ["a", "poly", "degree=1", "4", "50.00", "1.2", "15", "-"],
    ["a", "learned", "q=0.46", "4", "55.00", "0.7", "0.9", "453 k"],
    ["b", "poly", "degree=1", "4", "40.00", "1.2", "15", "-"],
]
UNDER = [["a", "ceiling", "", "4", "60.00", "", "", ""]]


@pytest.fixture
def shown(monkeypatch, capsys):
    def show(columns: int, notes: tuple[str, ...] = ()) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        print_cells(HEAD, BODY, UNDER, notes)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return show


def test_a_dataset_has_a_table_of_its_own(shown):
    lines = shown(120)
    assert [line for line in lines if line in ("a", "b")] == ["a", "b"]
    assert sum(line.startswith("method ") for line in lines) == 2
    assert lines.index("b") > next(number for number, line in enumerate(lines) if line.startswith("ceiling"))


def test_costs_stand_below_where_the_terminal_is_narrow(shown):
    wide, narrow = shown(120), shown(60)
    assert max(map(len, narrow)) <= 60 < max(map(len, wide))
    assert sum("encode MP/s" in line for line in narrow) == sum("encode MP/s" in line for line in wide) == 2
    assert not any("psnr" in line and "MP/s" in line for line in narrow)
    for row in BODY:
        assert [line for line in narrow if line.split()[:2] == row[1:3]], row


def test_notes_are_wrapped_between_words(shown):
    note = "means are over images; " * 6
    lines = shown(60, (note,))
    assert max(map(len, lines)) <= 60
    assert " ".join(lines).endswith(" ".join(note.split()))


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100])
def test_no_figure_is_ever_cut(shown, columns):
    printed = "\n".join(shown(columns))
    for row in [*BODY, *UNDER]:
        for cell in row:
            assert cell in printed, (columns, cell)
    assert "…" not in printed and "..." not in printed


def test_every_block_has_the_names(shown):
    lines = shown(44)
    heads = [line for line in lines if line.startswith("method ")]
    assert len(heads) > 4 and all(line.split()[:3] == ["method", "rate", "point"] for line in heads)
    assert max(map(len, lines)) <= 44


def test_names_are_no_markup_and_no_control(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_cells(["method", "psnr"], [["[red]a[/red]\x1b[2J", "1"]], [], ["[b]note\x07"])
    printed = capsys.readouterr().out
    assert "[red]a[/red]?[2J" in printed and "[b]note?" in printed and "\x07" not in printed


def test_an_empty_line_parts_methods_of_several_rows_alone(monkeypatch, capsys):
    def lines(*methods):
        monkeypatch.setenv("COLUMNS", "80")
        print_cells(["method", "psnr"], [[method, "50.00"] for method in methods], [], ())
        return [line.split()[0] if line.strip() else "" for line in capsys.readouterr().out.splitlines()][:-1]

    assert lines("poly", "lut", "sam") == ["method", "poly", "lut", "sam"]
    assert lines("poly", "poly", "lut") == ["method", "poly", "poly", "", "lut"]
