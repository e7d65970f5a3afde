"""The published rows: whole, with protocol and source, and never without their warning."""

from __future__ import annotations

import pytest

from rawbench.errors import RawbenchError
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
    with pytest.raises(RawbenchError, match=r"x\.csv has other columns"):
        read_published(tmp_path / "x.csv")
    with pytest.raises(RawbenchError, match="cannot read"):
        read_published(tmp_path / "none.csv")
