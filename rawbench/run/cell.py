"""One cell: encode -> file -> decoder apart -> metrics. Every failure becomes an outcome with a status.

No codec runs in this process: encoder and decoder have processes of their own (``run.encoder``, ``run.decoder``). The
decoder gets the bytes that were read back from the file, and the sRGB; what is measured is held against a raw that no
codec has had in its hands.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rawbench.errors import SampleError
from rawbench.files import write_atomically
from rawbench.options import validated
from rawbench.plugins import Catalogue, load_plugins
from rawbench.results.schema import CEILING
from rawbench.results.store import Outcome
from rawbench.run.ceiling import ceiling_psnr
from rawbench.run.coding import Encoded
from rawbench.run.decoder import Decoder
from rawbench.run.encoder import Encoder, EncodeRequest
from rawbench.run.facts import CellFacts, StreamFacts
from rawbench.run.failure import failure_of
from rawbench.run.measuring import measure
from rawbench.run.own_rendition import carrier_path, sample_of_stream
from rawbench.run.pairs import check_depth, check_sample
from rawbench.run.plan import Cell, metric_key, open_dataset
from rawbench.run.shared import Block, Pixels
from rawbench.srgb import bits_of


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


class Bench:
    """What one process keeps between cells: plugins, open datasets, the last image, encoder and decoder."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.encoder, self.decoder = Encoder(catalogue.extra), Decoder(catalogue.extra)
        self._datasets: dict[str, Any] = {}
        self._pixels: tuple[Where, Pixels] | None = None
        self._ceiling: tuple[Where, dict[str, float]] | None = None

    def load(self, cell: Cell) -> Pixels:
        """The cell's image; cells come image by image, so that one is enough to keep.

        Raises:
            SampleError: the image is not what a sample must be, or no longer what the run was planned with.
        """
        if self._pixels is None or self._pixels[0] != _where(cell):
            self._pixels = None
            if cell.dataset.label not in self._datasets:
                self._datasets[cell.dataset.label] = open_dataset(cell.dataset, self.catalogue)
            loaded = self._datasets[cell.dataset.label].load(cell.image.id)
            check_sample(loaded)
            if loaded.info.source_digest != cell.image.source_digest:
                raise SampleError(f"image {cell.image.id}: it has changed since the run was planned; start it again")
            self._pixels = _where(cell), Pixels.of(loaded)
        return self._pixels[1]

    def ceiling_of(self, cell: Cell) -> dict[str, float]:
        """The ceiling of the cell's image, computed once; empty where the image is not loaded, or has none."""
        if self._pixels is None or self._pixels[0] != _where(cell):
            return {}
        if self._ceiling is None or self._ceiling[0] != _where(cell):
            sample = self._pixels[1].sample("cpu")
            found = {}
            if bits_of(sample.srgb) == 8:
                with suppress(MemoryError, RuntimeError):  # where the memory that is left does not suffice
                    found = {CEILING: ceiling_psnr(sample.raw, sample.srgb)}
            self._ceiling = _where(cell), found
        return self._ceiling[1]

    def close(self) -> None:
        """End the processes of encoder and decoder."""
        self.encoder.close()
        self.decoder.close()


Where = tuple[str, str, str]


def _where(cell: Cell) -> Where:
    return (cell.dataset.label, cell.image.id, cell.image.source_digest)


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
    """Do what a cell waits for and that is no method's work: start processes, import plugins, load the image.

    Never raises: what does not work here fails in ``run_job``.
    """
    with suppress(Exception, SystemExit):
        bench = _bench_of(job)
        method = job.cell.method.name
        bench.encoder.prepare(method, job.cell.device, _scope(job.cell))
        bench.decoder.prepare(method)
        for name in job.metrics:
            bench.catalogue.metrics.load(name)
        bench.load(job.cell)


def run_job(job: Job) -> Outcome:
    """Run one cell and return what came of it; never raises but for Ctrl-C.

    Datasets, the last image and the processes of encoder and decoder are kept for the next cell of this process.
    """
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    try:
        bench = _bench_of(job)
    except Exception as error:
        return _failed(job.cell, error)
    try:
        outcome = run_cell(job, bench)
    except (Exception, SystemExit) as error:
        outcome = _failed(job.cell, error)
    return replace(outcome, image=bench.ceiling_of(job.cell) if job.ceiling else {})


def run_cell(job: Job, bench: Bench) -> Outcome:
    """Encode, write, read back, decode, measure.

    Raises:
        Exception: whatever codec or dataset raised.
    """
    started = time.perf_counter()
    cell, path = job.cell, job.streams / f"{job.cell.key}.rbs"
    pixels = bench.load(cell)
    codec_class = bench.catalogue.methods.load(cell.method.name)
    check_depth(codec_class, validated(codec_class.Options, cell.method.options), pixels.sample("cpu").srgb)
    known = job.known_stream is not None and _digest_of(path) == job.known_stream
    encoded = None if known else encode_to_file(job, bench, pixels, path)
    pixels = _on_carrier(pixels, path)
    stream = path.read_bytes()
    decoded = bench.decoder.decode(
        cell.method.name, cell.method.resources, stream, pixels.srgb, cell.device, job.threads
    )
    facts = StreamFacts.of(stream, cell)
    metrics = [bench.catalogue.metrics.load(name) for name in job.metrics]
    measured = measure(metrics, pixels, decoded.raw, cell.device, partial(metric_key, cell.key, facts.decode_key))
    others = decoded.seconds + decoded.setup_seconds + measured.seconds
    if encoded is not None:
        others += encoded.seconds + encoded.setup_seconds
    columns = CellFacts(facts, decoded.seconds, encoded, time.perf_counter() - started - others).columns()
    return Outcome(cell.key, "ok", "", columns, measured.values, trace=measured.trace)


def encode_to_file(job: Job, bench: Bench, pixels: Pixels, path: Path) -> Encoded:
    """Encode an image and write the stream; where the method renders its own sRGB, the image lies beside it.

    Raises:
        CellFailed: what went wrong in the encoder.
        RawbenchError: the disk is full or not writable.
    """
    cell = job.cell
    encoded, carrier = bench.encoder.encode(EncodeRequest.of(cell, pixels, job.threads), pixels, _scope(cell))
    if carrier is not None:
        encoded = replace(encoded, recorded={**encoded.recorded, "carrier_bytes": float(len(carrier))})
        write_atomically(carrier_path(path, carrier), carrier)
    write_atomically(path, encoded.stream)
    return encoded


def _on_carrier(pixels: Pixels, path: Path) -> Pixels:
    """The pixels that a stream was made of: with the method's own rendition where one lies beside it."""
    given = pixels.sample("cpu")
    sample = sample_of_stream(given, path)
    return pixels if sample is given else Pixels(pixels.info, pixels.raw, Block.holding(sample.srgb))


def _digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _failed(cell: Cell, error: BaseException) -> Outcome:
    failure = failure_of(error)
    return Outcome(cell.key, failure.status, f"{cell.title}: {failure.text}", trace=failure.traceback)
