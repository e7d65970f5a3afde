"""A stream decodes to the same latents, bit for bit, wherever it is decoded."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .conftest import scene
from .decoding_process import coders, quality_of

SCRIPT = Path(__file__).with_name("decoding_process.py")
# threads, tile, oneDNN, environment
SETTINGS = {
    "two threads": (2, 512, 1, {}),
    "default": (1, 512, 1, {"ATEN_CPU_CAPABILITY": "default"}),
    "avx2, tiles": (2, 64, 1, {"ATEN_CPU_CAPABILITY": "avx2"}),
    "oneDNN limited": (2, 512, 1, {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    "no oneDNN, tiles": (1, 64, 0, {}),
    "neither": (2, 512, 0, {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}),
}

if "avx512f" in Path("/proc/cpuinfo").read_text():  # elsewhere it is an illegal instruction
    SETTINGS["avx512"] = (1, 512, 1, {"ATEN_CPU_CAPABILITY": "avx512"})


@pytest.mark.slow
def test_no_mismatch_over_threads_vectors_libraries_and_tiles(weights_file, tmp_path):
    shutil.copy(weights_file, tmp_path / "weights.safetensors")
    raw, srgb = scene(96, 144, 8)
    np.save(tmp_path / "srgb.npy", srgb.numpy())
    expected, here = {}, {}
    for name, coder in coders(tmp_path, 512).items():
        stream, _ = coder.encode(raw, srgb, quality_of(name))
        (tmp_path / f"{name}.stream").write_bytes(stream)
        expected[name] = coder.latents(stream, srgb, quality_of(name)).numpy()
        here[name] = coder.decode(stream, srgb, quality_of(name)).numpy()
    mismatches = []
    for number, (setting, (threads, tile, onednn, variables)) in enumerate(SETTINGS.items()):
        arguments = [tmp_path, threads, tile, onednn, number]
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", SCRIPT, *map(str, arguments)],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{setting}: {ended.stderr[-2000:]}"
        found = json.loads(ended.stdout.splitlines()[-1])
        for name in expected:
            if found[name] != hashlib.sha256(expected[name].tobytes()).hexdigest():
                mismatches.append((setting, name))
            decoded = np.load(tmp_path / f"{name}-{number}.npy")
            assert np.abs(decoded - here[name]).max() <= 1e-5, (setting, name)
    assert not mismatches
