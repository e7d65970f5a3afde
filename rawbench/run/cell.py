"""One cell: encode -> file -> decoder apart -> metrics. Every failure becomes an outcome with a status.

No codec runs in this process: encoder and decoder have processes of their own (``run.encoder``, ``run.decoder``). The
decoder gets the bytes that were read back from the file, and the sRGB; what is measured is held against a raw that no
codec has had in its hands.
"""

from __future__ import annotations

import hashlib
import math
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rawbench.codec import Codec
from rawbench.errors import SampleError
from rawbench.files import write_atomically
from rawbench.metric import Metric
from rawbench.plugins import Catalogue, load_plugins
from rawbench.results.schema import CEILING
from rawbench.results.store import Measurement, Outcome
from rawbench.run.ceiling import ceiling_psnr
from rawbench.run.coding import Encoded
from rawbench.run.decoder import Decoder
from rawbench.run.encoder import Encoder, EncodeRequest
from rawbench.run.failure import Skipped, failure_of
from rawbench.run.own_rendition import carrier_path, sample_of_stream
from rawbench.run.plan import Cell, decode_key, metric_key, open_dataset
from rawbench.run.rate import bits_per_padded_pixel, bits_per_pixel
from rawbench.run.shared import Block
from rawbench.srgb import bits_of
from rawbench.types import Sample


@dataclass(frozen=True)
class Job:
    """A cell with what a worker needs besides: it is sent to worker processes.

    ``ceiling`` asks for that of the image, where it is not known.
    """

    cell: Cell
    metrics: tuple[str, ...]
    streams: Path
    plugins: tuple[str, ...]
    known_stream: str | None = None
    ceiling: bool = False
    threads: int | None = None


Where = tuple[str, str, str]


@dataclass
class Loaded:
    """An image on its device, and its pixels where encoder and decoder can be given them."""

    where: Where
    sample: Sample
    raw: Block
    srgb: Block


class Bench:
    """What one process keeps between cells: plugins, open datasets, the last image, encoder and decoder."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.encoder, self.decoder = Encoder(catalogue.extra), Decoder(catalogue.extra)
        self._datasets: dict[str, Any] = {}
        self._loaded: Loaded | None = None
        self._ceiling: tuple[Where, float] | None = None

    def load(self, cell: Cell) -> Loaded:
        """The cell's image; cells come image by image, so that one is enough to keep.

        Raises:
            SampleError: the image is not what a sample must be.
        """
        if self._loaded is None or self._loaded.where != _where(cell):
            self._loaded = None
            if cell.dataset.label not in self._datasets:
                self._datasets[cell.dataset.label] = open_dataset(cell.dataset, self.catalogue)
            loaded = self._datasets[cell.dataset.label].load(cell.image.id)
            check_sample(loaded)
            sample = Sample(loaded.info, loaded.raw.to(cell.device), loaded.srgb.to(cell.device))
            self._loaded = Loaded(_where(cell), sample, Block.holding(loaded.raw), Block.holding(loaded.srgb))
        return self._loaded

    def ceiling_of(self, cell: Cell) -> dict[str, float]:
        """The ceiling of the cell's image, computed once; empty where the image is not loaded, or has none."""
        if self._loaded is None or self._loaded.where != _where(cell) or bits_of(self._loaded.sample.srgb) != 8:
            return {}
        if self._ceiling is None or self._ceiling[0] != _where(cell):
            sample = self._loaded.sample
            try:
                self._ceiling = (_where(cell), ceiling_psnr(sample.raw, sample.srgb))
            except (MemoryError, RuntimeError):  # the memory that is left does not suffice: the cells still stand
                return {}
        return {CEILING: self._ceiling[1]}

    def close(self) -> None:
        """End the processes of encoder and decoder."""
        self.encoder.close()
        self.decoder.close()


def _where(cell: Cell) -> Where:
    return (cell.dataset.label, cell.image.id, cell.device)


def _scope(cell: Cell) -> object:
    """What the cells that one encoder may see after each other have in common."""
    return (cell.method.label, _where(cell))


_BENCHES: dict[tuple[str, ...], Bench] = {}


def _bench_of(job: Job) -> Bench:
    if job.plugins not in _BENCHES:
        _BENCHES[job.plugins] = Bench(load_plugins(job.plugins))
    return _BENCHES[job.plugins]


def close_benches() -> None:
    """Forget what this process keeps between cells, and end the processes beside it."""
    while _BENCHES:
        _BENCHES.popitem()[1].close()


def prepare_job(job: Job) -> None:
    """Do what a cell waits for and that is nobody's work on it: start processes, import plugins; never raises."""
    with suppress(Exception, SystemExit):
        bench = _bench_of(job)
        method = job.cell.method.name
        bench.encoder.prepare(method, job.cell.device, _scope(job.cell))
        bench.decoder.prepare(method)


def run_job(job: Job) -> Outcome:
    """Run one cell and return what came of it; never raises but for Ctrl-C.

    Datasets, the last image and the processes of encoder and decoder are kept for the next cell of this process.
    """
    started = time.perf_counter()
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    try:
        bench = _bench_of(job)
    except Exception as error:
        return _failed(job.cell, error)
    method_seconds = None
    try:
        outcome, method_seconds = run_cell(job, bench)
    except (Exception, SystemExit) as error:
        outcome = _failed(job.cell, error)
    image = bench.ceiling_of(job.cell) if job.ceiling else {}
    facts = dict(outcome.facts)
    if method_seconds is not None:
        facts["harness_seconds"] = time.perf_counter() - started - method_seconds
    return replace(outcome, facts=facts, image=image)


def run_cell(job: Job, bench: Bench) -> tuple[Outcome, float]:
    """Encode, write, read back, decode, measure.

    Returns:
        The outcome, and the seconds that the method and the metrics took of it: the rest is the harness's.

    Raises:
        Exception: whatever codec, dataset or metric raised.
    """
    cell = job.cell
    loaded = bench.load(cell)
    codec_class = bench.catalogue.methods.load(cell.method.name)
    check_depth(codec_class, codec_class.Options.model_validate(dict(cell.method.options)), loaded.sample.srgb)
    path = job.streams / f"{cell.key}.rbs"
    facts: dict[str, Any] = {}
    method_seconds = 0.0
    if job.known_stream is None or _digest_of(path) != job.known_stream:
        encoded = encode_to_file(job, bench, loaded, path)
        facts = {
            "encode_seconds": encoded.seconds,
            "bits_estimated": encoded.bits_estimated,
            "recorded": encoded.recorded,
        }
        method_seconds += encoded.seconds + encoded.setup_seconds
    sample = sample_of_stream(loaded.sample, path)
    srgb = loaded.srgb if sample is loaded.sample else Block.holding(sample.srgb)
    stream = path.read_bytes()
    decoded = bench.decoder.decode(cell.method.name, cell.method.resources, stream, srgb, cell.device, job.threads)
    height, width = cell.image.height, cell.image.width
    digest = hashlib.sha256(stream).hexdigest()
    facts |= {
        "decode_seconds": decoded.seconds,
        "stream_bytes": len(stream),
        "bpp": bits_per_pixel(len(stream), height, width),
        "bpp_padded": bits_per_padded_pixel(len(stream), height, width),
        "stream_digest": digest,
        "decode_key": decode_key(digest, cell.method, cell.device),
    }
    keys = (cell.key, facts["decode_key"])
    raw = decoded.raw.to(cell.device)
    measurements, metric_seconds = measure(job.metrics, bench.catalogue, sample, raw, keys)
    method_seconds += decoded.seconds + decoded.setup_seconds + metric_seconds
    return Outcome(cell.key, "ok", "", facts, measurements), method_seconds


def encode_to_file(job: Job, bench: Bench, loaded: Loaded, path: Path) -> Encoded:
    """Encode an image and write the stream; where the method renders its own sRGB, the image lies beside it.

    Raises:
        CellFailed: what went wrong in the encoder.
        RawbenchError: the disk is full or not writable.
    """
    cell = job.cell
    request = EncodeRequest(
        cell.method.name, cell.method.options, cell.rate_point, loaded.sample.info,
        loaded.raw.layout, loaded.srgb.layout, cell.device, cell.seed, job.threads,
    )  # fmt: skip
    encoded, carrier = bench.encoder.encode(request, loaded.raw, loaded.srgb, _scope(cell))
    if carrier is not None:
        encoded = replace(encoded, recorded={**encoded.recorded, "carrier_bytes": float(len(carrier))})
        write_atomically(carrier_path(path, carrier), carrier)
    write_atomically(path, encoded.stream)
    return encoded


def measure(
    names: tuple[str, ...], catalogue: Catalogue, sample: Sample, decoded: Tensor, keys: tuple[str, str]
) -> tuple[tuple[Measurement, ...], float]:
    """All metrics of one decoded raw, and the seconds that they took; ``keys`` of cell and decode."""
    started = time.perf_counter()
    clipped = decoded.clamp(0.0, 1.0)
    found = []
    with torch.inference_mode():
        for name in names:
            metric: Metric = catalogue.metrics.load(name)()
            value = metric.compute(sample.raw, clipped, sample)
            found.append(
                Measurement(metric_key(*keys, name, metric.version), name, metric.version, float(value), metric.unit)
            )
    return tuple(found), time.perf_counter() - started


def check_sample(sample: Sample) -> None:
    """Refuse an image that no method could be measured on.

    Raises:
        SampleError: names the image and what is wrong.
    """
    raw, srgb, where = sample.raw, sample.srgb, f"image {sample.info.id}"
    if raw.ndim != 3 or raw.shape[0] != 3 or raw.dtype != torch.float32:
        raise SampleError(f"{where}: raw is {raw.dtype} {tuple(raw.shape)}, not float32 (3, H, W)")
    if srgb.dtype not in (torch.uint8, torch.uint16) or srgb.shape != raw.shape:
        raise SampleError(f"{where}: sRGB is {srgb.dtype} {tuple(srgb.shape)}, raw is {tuple(raw.shape)}: not a pair")
    low, high = (value.item() for value in torch.aminmax(raw))  # NaN where there is one
    if not math.isfinite(low + high):
        raise SampleError(f"{where}: raw holds NaN or infinite values")
    if low < 0 or high > 1:
        raise SampleError(f"{where}: raw spans {low:.4g} to {high:.4g}, outside [0, 1]")


def check_depth(codec_class: type[Codec], options: Any, srgb: Tensor) -> None:
    """Refuse an sRGB of more bits than the method takes with these options.

    Raises:
        Skipped: names the method and both depths.
    """
    capabilities = codec_class.capabilities_of(options)
    depth, taken = bits_of(srgb), capabilities.srgb_bits
    if capabilities.renders_its_own_srgb and depth != 8:
        raise Skipped(f"{codec_class.name} renders its own sRGB, of 8 bits; the image's has {depth}")
    if depth not in taken:
        raise Skipped(f"{codec_class.name} takes an sRGB of {' or '.join(map(str, taken))} bits; this one has {depth}")


def _digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _failed(cell: Cell, error: BaseException) -> Outcome:
    failure = failure_of(error)
    return Outcome(cell.key, failure.status, f"{cell.title}: {failure.text}")
