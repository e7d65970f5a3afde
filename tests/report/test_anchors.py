"""What the page takes another anchor from."""

from __future__ import annotations

import json

from rawbench.judge.by_image import image_qualities
from rawbench.judge.leaderboard import board_table, make_boards
from rawbench.report import anchors


def test_every_anchor_has_the_column_of_its_table(made):
    (board, *_) = make_boards([made])
    found = anchors.anchors_of(board, 0.1, "alpha")
    assert found["methods"][found["anchor"]] == "alpha"
    for method, rates in zip(found["methods"], found["rates"], strict=True):
        head, body, lines = board_table(board, method)
        column = head.index(f"BD-rate to {method}")
        assert rates["heading"] == head[column] and list(rates["cells"]) == [row[column] for row in body]
        assert set(rates["lines"]) <= set(lines) and rates["best"]
    json.dumps(found, allow_nan=False)


def test_qualities_are_those_that_differences_are_made_of(made):
    (board, *_) = make_boards([made])
    qualities = image_qualities(board, 0.1)
    found = anchors.anchors_of(board, 0.1)
    assert found["images"] == list(qualities) and found["qualities"] == [list(row) for row in qualities.values()]


def test_a_page_does_not_hold_thousands_of_images(made, monkeypatch):
    monkeypatch.setattr(anchors, "MOST_ROWS", 2)
    found = anchors.anchors_of(make_boards([made])[0], 0.1)
    assert found["images"] == found["qualities"] == [] and len(found["rates"]) == 2
