"""Tables in other forms: a name stays a name."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.results.plain import flat
from rawbench.tables.text import as_csv, latex, latex_comment, markdown, markdown_text

HOSTILE = (
    "a|b\n| fake | 0.001 | 99.9 |",
    "<img src=x onerror=alert(1)>",
    "<!-- /results -->",
    r"$\input{/etc/passwd}$",
    "=cmd|' /C calc'!A0",
    "50 % & #1 _x_ ^2 ~ {a} \\",
    "`code` *bold* [link](http://x)",
    "a\r\nb\u2028c\x1b[2J",
)
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))


@given(name=names, value=names)
def test_markdown_has_one_line_a_row_and_no_html(name, value):
    lines = markdown(["method", "psnr"], [[name, value]]).split("\n")
    assert len(lines) == 3 == len("\n".join(lines).splitlines())
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3, line
        assert "<" not in line and not re.search(r"(?<!\\)(?:\\\\)*[`*]", line)


@given(name=names)
def test_a_note_cannot_end_the_table_of_a_readme(name):
    assert "<!--" not in markdown_text(name) and "\n" not in markdown_text(name)


@given(name=names, value=names)
def test_csv_comes_back_and_holds_no_formula(name, value):
    ((_, _), (first, second)) = csv.reader(io.StringIO(as_csv(["method", "psnr"], [[name, value]]), newline=""))
    for was, now in ((name, first), (value, second)):
        assert now in (flat(was), f"'{flat(was)}")
        assert now.lstrip()[:1] not in ("=", "@")


def test_numbers_stay_numbers_in_csv():
    assert as_csv(["a"], [["-2.50"], ["-"], ["+1"], ["-inf"]]) == "a\n-2.50\n-\n+1\n-inf"


@given(name=names)
def test_latex_has_no_command_of_the_name(name):
    (row,) = [line for line in latex(["method"], [[name]]).split("\n")[4:5]]
    cell = row.removesuffix(r" \\")
    known = (
        r"\\(textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textquotedbl)\{\}|\\[_%&#${}]"
    )
    assert not set(re.sub(known, "", cell)) & set('\\_%&#${}^~<>|"')
    assert "\n" not in latex_comment(name)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_is_set(tmp_path):
    table = latex(["method", "psnr"], [[name.encode("ascii", "ignore").decode(), "1.00"] for name in HOSTILE])
    head = r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\begin{document}"
    text = rf"{head}{table}\end{{document}}"
    (tmp_path / "t.tex").write_text(text)
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "t.tex"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_the_best_is_bold_where_it_is_asked_for():
    lines = latex(["method", "psnr"], [["a", "1"], ["b", "2"]], bold={(1, 1)}).split("\n")
    assert r"b & \textbf{2} \\" in lines and r"a & 1 \\" in lines
