"""What a run of many images waits for, as a Markdown table: plan, resume, table, report and compare.

The images are made up, and so are the results: cells of a real plan with figures that rise as those of a method do, put
into the store as a run puts them, so that the same command finds nothing left to do. Two such runs are compared. Each
command is a process of its own: seconds are those of its processor, memory is the most that it held.

    python benchmarks/many_images.py > results/many_images.md
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rawbench.plugins import load_plugins
from rawbench.results.schema import CEILING
from rawbench.results.store import Store
from rawbench.run.config import RunConfig
from rawbench.run.description import describe_run
from rawbench.run.plan import Cell, Plan, make_plan

METHODS = ("poly", "residual")
METRICS = ("psnr", "ssim")
PIXELS = 64 * 96
PLUGIN = '''
import rawbench


class Many(rawbench.Dataset):
    """As many images as are asked for; nothing of them is ever read."""

    name = "many"

    class Options(rawbench.Options):
        count: int = 10

    def ids(self, split="test"):
        return [f"image{number:06}" for number in range(self.options.count)]

    def info(self, id):
        return rawbench.SampleInfo(id, f"Camera {int(id[-1]) % 3}", "png", "camera", 64, 96, f"many-{id}")

    def load(self, id):
        raise rawbench.SampleError("there are no pixels")


@rawbench.hookimpl
def register_datasets(register):
    register("many", Many)
'''
# A small process between: what is forked from a large one counts its memory as its own.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Ran:
    """A process that ended well: its processor's seconds, and the most memory that it held, in megabytes."""

    seconds: float
    megabytes: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1000,10000", help="of images")
    arguments = parser.parse_args()
    print(
        f"# Many images\n\nMethods {' and '.join(METHODS)}, metrics {' and '.join(METRICS)}, figures made up: seconds"
    )
    print("of the processor, and the most memory in MB; the report without pictures, and its page in MB. Printed by")
    print("`python benchmarks/many_images.py`.\n")
    print("| images | cells | plan | resume | table | report | page | compare |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in map(int, arguments.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            print(line(count, Path(folder)), flush=True)


def line(count: int, folder: Path) -> str:
    """Make two runs of ``count`` images and measure the commands."""
    plugin = folder / "many.py"
    plugin.write_text(PLUGIN)
    cells = [make_run(count, folder / name, plugin, seed) for seed, name in enumerate(("before", "after"))][0]
    wanted = ("--dataset", f"many:count={count}", "--methods", ",".join(METHODS), "--metrics", ",".join(METRICS))
    run = ("run", *wanted, "--device", "cpu", "--out", "before")
    found = [
        measured(folder, plugin, *run, "--dry-run"),
        measured(folder, plugin, *run),
        measured(folder, plugin, "table", "before"),
        measured(folder, plugin, "report", "before", "-o", "page.html"),
        measured(folder, plugin, "compare", "before", "after"),
    ]
    texts = [f"{one.seconds:.1f} s, {one.megabytes:.0f}" for one in found]
    texts.insert(4, f"{(folder / 'page.html').stat().st_size / 1e6:.1f}")
    return f"| {count:,} | {cells:,} | {' | '.join(texts)} |"


def measured(folder: Path, plugin: Path, *arguments: str) -> Ran:
    """Run ``rawbench`` with these arguments."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "rawbench", "--plugin", str(plugin), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    seconds, kilobytes = done.stdout.split()
    return Ran(float(seconds), int(kilobytes) / 1000)


def make_run(count: int, out: Path, plugin: Path, seed: int) -> int:
    """A finished run with made-up figures; returns its cells."""
    catalogue = load_plugins([str(plugin)])
    config = RunConfig(methods=METHODS, dataset=(f"many:count={count}",), metrics=METRICS, device="cpu")
    plan = make_plan(config, catalogue, "cpu")
    versions = {name: catalogue.metrics.load(name).version for name in METRICS}
    with Store.create(out) as store:
        environment = describe_run(store, plan, catalogue, "cpu", "benchmarks/many_images.py")
        store.put_rows("images", [{**row, CEILING: 60.0} for row in store.table("images")])
        store.put_rows("cells", cell_rows(plan, environment, seed))
        store.put_rows("measurements", measurement_rows(plan, versions, seed))
    (out / "streams").mkdir()
    return len(plan.cells)


def cell_rows(plan: Plan, environment: str, seed: int) -> Iterator[dict[str, Any]]:
    """The cells of a plan as a run leaves them."""
    for cell, (size, _, _) in figures(plan, seed):
        yield {
            "cell": cell.key, "method": cell.method.label, "rate_point_index": cell.rate_point.index,
            "rate_point": cell.rate_point.name, "rate_order": cell.rate_point.index, "dataset": cell.dataset.label,
            "image": cell.image.id, "status": "ok", "message": "", "stream_bytes": size, "bpp": 8 * size / PIXELS,
            "bpp_padded": 8 * size / PIXELS, "bits_estimated": None, "stream_digest": cell.key, "decode_key": cell.key,
            "encode_seconds": 0.1, "decode_seconds": 0.1, "harness_seconds": 0.1, "device": "cpu", "seed": 0,
            "environment": environment, "recorded": {}, "finished": "2026-01-01T00:00:00+00:00",
        }  # fmt: skip


def measurement_rows(plan: Plan, versions: dict[str, int], seed: int) -> Iterator[dict[str, Any]]:
    """The figures of the cells."""
    for cell, (_, psnr, ssim) in figures(plan, seed):
        for name, value, unit in (("psnr", psnr, "dB"), ("ssim", ssim, "1")):
            yield {"key": f"{cell.key}-{name}", "cell": cell.key, "metric": name, "version": versions[name],
                   "value": value, "unit": unit}  # fmt: skip


def figures(plan: Plan, seed: int) -> Iterator[tuple[Cell, tuple[int, float, float]]]:
    """Bytes, PSNR and SSIM of every cell: they rise with the rate point, by other steps on every image."""
    random = np.random.default_rng(seed)
    for cell in plan.cells:
        level = cell.rate_point.index + 0.5 * random.random()
        size = 40 * 1.6**level * (1 if cell.method.name == "poly" else 1.2)
        yield cell, (int(size), 45 + 3 * level, 1 - 0.02 * 0.6**level)


if __name__ == "__main__":
    main()
