"""A photograph and its JPEG, and the round trip through both commands."""

from __future__ import annotations

import pytest

from tests.camera_files import write_dng


@pytest.fixture
def photo(tmp_path):
    return write_dng(tmp_path / "photo.dng")


@pytest.fixture
def packed(call, tmp_path):
    """Pack, by a cheap method unless told otherwise; returns how the command ended."""

    def pack(path, *arguments, method="poly", point="1", output="x.rb.jpg"):
        return call("pack", path, "-o", output, "--method", method, "--rate-point", point, *arguments)

    return pack
