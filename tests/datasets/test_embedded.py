from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rawbench.datasets.embedded import SampleDataset, sample_folder
from rawbench.errors import SampleError, UsageError
from rawbench.options import build_options
from rawbench.simulate.recipe import read_recipe, simulate_folder

CAMERAS = {"Samsung NX2000": 4, "Olympus E-PL6": 4, "Sony SLT-A57": 4, "rawpipe colour chart": 1}


def dataset(**options) -> SampleDataset:
    return SampleDataset(build_options(SampleDataset.Options, options, "dataset sample"))


def test_there_are_thirteen_images_of_four_cameras():
    sample = dataset()
    infos = [sample.info(id) for id in sample.ids()]
    assert len(infos) == len({info.source_digest for info in infos}) == 13
    assert {name: sum(info.camera == name for info in infos) for name in CAMERAS} == CAMERAS
    assert sample.ids("train") == []


def test_simulated_images_say_so():
    sample = dataset()
    for id in sample.ids():
        info = sample.info(id)
        real = id == "rawpipe_chart_1"
        assert info.simulated == info.facts["simulated"] == (not real)
        assert info.facts["iso"] >= 100 and info.facts["camera"] == info.camera
        assert np.abs(np.linalg.det(np.array(info.facts["xyz_to_camera"]).reshape(3, 3))) > 0.01


@pytest.mark.parametrize("rendition", ["png", "png16", "jpeg90"])
def test_every_image_is_a_sample(rendition):
    sample = dataset(rendition=rendition)
    for id in sample.ids():
        info = sample.info(id)
        loaded = sample.load(id)
        assert loaded.info == info and info.rendition == rendition and info.raw_space == "camera"
        assert loaded.raw.shape == loaded.srgb.shape == (3, info.height, info.width)
        assert loaded.raw.dtype == torch.float32
        assert loaded.srgb.dtype == (torch.uint16 if rendition == "png16" else torch.uint8)
        assert float(loaded.raw.min()) >= 0 and float(loaded.raw.max()) <= 1
        assert torch.equal((loaded.raw * 65535).round() / 65535, loaded.raw)
        assert ("carrier_bytes" in info.facts) == rendition.startswith("jpeg")


def test_the_set_has_exposures_bits_and_shapes_of_all_kinds():
    pictures, _ = read_recipe(sample_folder() / "recipe.toml")
    assert {picture.bits for picture in pictures} == {12, 14}
    assert len({picture.iso for picture in pictures}) >= 4 and len({picture.cfa for picture in pictures}) >= 3
    sample = dataset()
    clipped = [float((sample.load(id).raw >= 1).any(dim=0).float().mean()) for id in sample.ids()]
    assert sum(share > 0.005 for share in clipped) >= 6 and max(clipped) < 0.2


def test_a_rendition_changes_pixels_and_digest():
    id = "sony-slt-a57_sunrise_1"
    plain, jpeg, full = (dataset(rendition=name).load(id) for name in ("png", "jpeg90", "jpeg90-444"))
    assert len({s.info.source_digest for s in (plain, jpeg, full)}) == 3
    assert torch.equal(plain.raw, jpeg.raw) and not torch.equal(plain.srgb, jpeg.srgb)
    assert full.info.facts["carrier_bytes"] > jpeg.info.facts["carrier_bytes"]


def test_wrong_options_and_ids_are_refused():
    with pytest.raises(UsageError, match="rendition.*png, jpeg10 to jpeg100"):
        dataset(rendition="webp")
    with pytest.raises(UsageError, match="no option 'redition'; did you mean rendition"):
        dataset(redition="png")
    with pytest.raises(SampleError, match="no image 'sony'"):
        dataset().info("sony")


def test_the_embedded_files_are_whole_and_small():
    assert dataset().verify(Path()) == []
    files = list(sample_folder().iterdir())
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    attribution = (sample_folder() / "ATTRIBUTION.md").read_text()
    pictures, frames = read_recipe(sample_folder() / "recipe.toml")
    assert sorted(entry.name for entry in [*pictures, *frames]) == dataset().ids()
    assert all(picture.scene in attribution for picture in pictures)


def test_the_recipe_makes_the_embedded_files(tmp_path):
    """Needs the source files named in ATTRIBUTION.md, in the folder RAWBENCH_SAMPLE_SCENES."""
    scenes = os.environ.get("RAWBENCH_SAMPLE_SCENES")
    if not scenes:
        pytest.skip("RAWBENCH_SAMPLE_SCENES does not say where the source panoramas are")
    for made in simulate_folder(Path(scenes), tmp_path, recipe=sample_folder() / "recipe.toml"):
        assert made.read_bytes() == (sample_folder() / made.name).read_bytes(), made.name


def test_registering_imports_no_torch_and_no_rawpy():
    code = "import sys, rawbench.datasets; sys.exit(any(m in sys.modules for m in ('torch', 'rawpy', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
