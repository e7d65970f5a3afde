from __future__ import annotations

from pathlib import Path

import pytest

from .tiny import write_frames


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory) -> Path:
    """Frames that no test changes."""
    folder = tmp_path_factory.mktemp("frames")
    write_frames(folder)
    return folder


@pytest.fixture
def own_frames(tmp_path) -> Path:
    """Frames that a test may spoil."""
    write_frames(tmp_path / "frames")
    return tmp_path / "frames"
