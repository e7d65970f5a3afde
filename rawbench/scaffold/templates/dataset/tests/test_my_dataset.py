"""The dataset keeps rawbench's contract on images that the test makes, and says what is wrong with others."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from my_dataset.dataset import MyDataset
from rawbench.testing import check_dataset


@pytest.fixture
def root(tmp_path):
    random = np.random.default_rng(0)
    for name, size in (("a", (48, 64, 3)), ("b", (33, 17, 3)), ("c", (16, 16, 3))):
        raw = random.random(size)
        tifffile.imwrite(tmp_path / f"{name}.tiff", np.round(raw * 65535).astype(np.uint16), photometric="rgb")
        Image.fromarray(np.round(raw**0.45 * 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_the_contract(root):
    results = check_dataset(f"my-dataset:root={root}")
    assert [result for result in results if result.status != "pass"] == []


def test_verify_names_a_missing_file(root):
    (root / "b.png").unlink()
    problems = MyDataset(MyDataset.Options(root=root)).verify(root)
    assert [problem.where for problem in problems] == ["b"] and "b.png" in problems[0].what
