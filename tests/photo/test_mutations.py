"""A seeded part of ``tests.photo.mutations``: no traceback, no wrong raw."""

from __future__ import annotations

import pytest

from tests.photo.mutations import run


@pytest.mark.parametrize(("kind", "count"), [("jpeg", 500), ("dng", 300)])
def test_damaged_files_end_in_the_right_raw_or_in_one_line(kind, count):
    ended = run(count, seed=1, kinds=(kind,))[kind]
    assert set(ended) == {"refused", "right"}, ended.most_common()
    assert ended["refused"] > count / 5 and ended["right"] > count / 20
