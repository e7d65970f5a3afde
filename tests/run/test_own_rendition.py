"""Methods on a rendition of their own, from the encoder to the rows."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rawbench import PluginError
from rawbench.run.own_rendition import rendered

PLUGIN = str(Path(__file__).with_name("rendering_plugin.py"))
RUN = ("run", "--dataset", "flat", "--metrics", "psnr", "--device", "cpu", "--out", "run")


def values(folder: Path) -> dict[str, tuple[str, int, float, dict, str]]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        found = db.execute(
            "SELECT method, status, stream_bytes, value, recorded, cell FROM cells LEFT JOIN measurements USING (cell)"
        ).fetchall()
    return {row[0]: (row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in found}


@pytest.fixture
def run(call, tmp_path):
    ended = call(*RUN, "--methods", "halves,halves:own=true", plugin=PLUGIN)
    assert ended.code == 0, ended.err
    return tmp_path / "run", ended.out


def test_the_decoder_sees_its_own_rendition(run):
    folder, out = run
    found = values(folder)
    # The method renders raw / 2 and decodes by doubling: on the dataset's sRGB, which is dark, that is far off.
    assert found["halves"][2] < 20 < 40 < found["halves:own=true"][2]
    assert "halves:own=true: not on the dataset's sRGB, but on a rendition of its own" in out
    carriers = list((folder / "streams").glob("*.png"))
    assert [path.stem for path in carriers] == [found["halves:own=true"][4]]
    with Image.open(io.BytesIO(carriers[0].read_bytes())) as image:
        assert image.format == "PNG" and np.asarray(image).shape == (32, 48, 3)


def test_the_carrier_is_as_the_datasets():
    class Grey:
        def render(self, raw):
            return torch.full(raw.shape, 99, dtype=torch.uint8)

    with Image.open(io.BytesIO(rendered(Grey(), torch.zeros(3, 16, 16), "jpeg90"))) as image:
        assert image.format == "JPEG" and image.quantization[0][0] == 3, "quality 90"
    with Image.open(io.BytesIO(rendered(Grey(), torch.zeros(3, 16, 16), "given"))) as image:
        assert image.format == "PNG"


def test_the_rows_name_the_protocol(run):
    found = values(run[0])
    assert found["halves"][3] == {}
    assert found["halves:own=true"][3]["carrier_bytes"] == next((run[0] / "streams").glob("*.png")).stat().st_size
    with sqlite3.connect(run[0] / "run.sqlite") as db:
        rows = dict(db.execute("SELECT method, capabilities FROM methods").fetchall())
    assert not json.loads(rows["halves"])["renders_its_own_srgb"]
    assert json.loads(rows["halves:own=true"])["renders_its_own_srgb"]


def test_the_carrier_is_no_rate(run):
    found = values(run[0])
    assert found["halves"][1] == found["halves:own=true"][1] <= 12


def test_a_new_metric_and_timing_find_the_rendition_again(run, call):
    again = call("run", "--dataset", "flat", "--metrics", "psnr,mae", "--device", "cpu", "--out", "run", "--timing",
                 "--methods", "halves,halves:own=true", plugin=PLUGIN)  # fmt: skip
    assert again.code == 0, again.err
    with sqlite3.connect(run[0] / "run.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM cells WHERE status = 'ok'").fetchone() == (2,)
        assert db.execute("SELECT COUNT(*) FROM measurements WHERE metric = 'mae'").fetchone() == (2,)
        timed = db.execute("SELECT DISTINCT cell FROM timings WHERE what = 'encode'").fetchall()
    assert len(timed) == 2


def test_a_rendition_that_is_none_is_refused():
    class Wrong:
        def render(self, raw):
            return raw

    with pytest.raises(PluginError, match="render returned torch.float32"):
        rendered(Wrong(), torch.zeros(3, 8, 8), "png")


def test_encode_needs_a_given_srgb(call, tmp_path):
    ended = call("encode", "halves:own=true", str(tmp_path / "photo.dng"), "-o", "x.rbs", plugin=PLUGIN)
    assert ended.code == 2 and "renders its own sRGB" in ended.err and "Traceback" not in ended.err
