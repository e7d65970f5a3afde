"""The published rows: whole, with protocol and source, and never without their warning."""

from __future__ import annotations

import pytest

from rawbench.errors import UsageError
from rawbench.tables.published import COLUMNS, published_cells, published_notes, read_published


def test_every_row_says_where_it_is_from():
    rows = read_published()
    assert len(rows) == 24
    for row in rows:
        assert all(row[name] for name in COLUMNS if name != "note"), row
        assert 0 < float(row["bpp"]) < 2 and 40 < float(row["psnr_db"]) < 70
        assert row["rendition"] in ("8-bit", "16-bit")
        assert ("verify before quoting" in row["note"]) == row["method"].startswith("MambaRaw")


def test_no_row_stands_twice():
    places = [(row["method"], row["camera"], row["rendition"]) for row in read_published()]
    assert len(set(places)) == len(places)


def test_each_row_points_at_its_protocol():
    head, body = published_cells()
    first, *remarks = published_notes()
    assert "not measured here" in first
    for row, shown in zip(read_published(), body, strict=True):
        assert row["protocol"] in remarks[int(shown[head.index("note")]) - 1]


def test_a_file_with_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("method,psnr\nA,60\n")
    with pytest.raises(UsageError, match=r"x\.csv has other columns"):
        read_published(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(UsageError, match=r"x\.csv has other columns"):
        read_published(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(UsageError, match=r"x\.csv is no CSV in UTF-8"):
        read_published(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="cannot read"):
        read_published(tmp_path / "none.csv")


def test_a_file_that_cannot_be_read_is_told_before_anything_is_printed(call):
    assert call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--out", "run").code == 0
    ended = call("table", "run", "--published", "none.csv")
    assert (ended.code, ended.out) == (2, "") and "cannot read none.csv" in ended.err


def test_rows_of_ones_own_stand_behind_the_shipped_ones(call, tmp_path):
    own = dict.fromkeys(COLUMNS, "x") | {"bpp": "0.1", "psnr_db": "50", "method": "Ours 2026"}
    (tmp_path / "own.csv").write_text("\ufeff" + ",".join(COLUMNS) + "\n" + ",".join(own.values()) + "\n")
    assert call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--out", "run").code == 0
    shipped, both = call("table", "run", "--published"), call("table", "--published", "own.csv", "run", "--markdown")
    assert shipped.code == both.code == 0 and "MambaRaw" in shipped.out and "Ours 2026" not in shipped.out
    assert both.out.index("MambaRaw") < both.out.index("Ours 2026") < both.out.index("not measured here")
