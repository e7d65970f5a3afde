from __future__ import annotations

import pytest
import torch

from rawbench.errors import UsageError
from rawbench.files import write_atomically
from rawbench.training.checkpoint import load_checkpoint, save_checkpoint, write_json


def test_tensors_and_plain_values_come_back(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"model": {"a": torch.arange(3)}, "step": 7, "figures": {"x": 0.1}, "plans": [{"n": 1}]})
    state = load_checkpoint(path)
    assert torch.equal(state["model"]["a"], torch.arange(3))
    assert (state["step"], state["figures"], state["plans"]) == (7, {"x": 0.1}, [{"n": 1}])
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a checkpoint's code was run",))


def test_a_checkpoint_runs_no_code(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"model": Evil()}, path)
    with pytest.raises(UsageError, match="not a readable checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04"])
def test_a_damaged_checkpoint(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_checkpoint(path)
    assert "checkpoint.pt: not a readable checkpoint" in str(caught.value) and "\n" not in str(caught.value)


def test_a_cut_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"model": {"a": torch.zeros(100)}})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UsageError, match="not a readable checkpoint"):
        load_checkpoint(path)


def test_other_files_and_none(tmp_path):
    with pytest.raises(UsageError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match="not a checkpoint of the training loop"):
        load_checkpoint(tmp_path / "other.pt")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"


def test_json_ends_in_a_newline(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}\n'
