"""One cell: encode -> file -> fresh decoder -> metrics. Every failure becomes an outcome with a status.

The encoder's instance is dropped before the decoder's is made; the decoder gets the bytes that were read back from
the file, and the sRGB.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from rawbench.codec import Codec, Context, unwatched
from rawbench.errors import PluginError, RawbenchError, SampleError, StreamError, UsageError
from rawbench.files import write_atomically
from rawbench.metric import Metric
from rawbench.plugins import Catalogue, load_plugins
from rawbench.results.schema import CEILING
from rawbench.results.store import Measurement, Outcome
from rawbench.run.ceiling import ceiling_psnr
from rawbench.run.device import synchroniser
from rawbench.run.own_rendition import carrier_path, on_carrier, rendered, sample_of_stream
from rawbench.run.plan import Cell, decode_key, metric_key, open_dataset
from rawbench.run.rate import bits_per_padded_pixel, bits_per_pixel
from rawbench.srgb import bits_of
from rawbench.stream import Header, codec_id, read_stream, write_stream
from rawbench.types import RatePoint, Sample


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


@dataclass
class Bench:
    """What one process keeps between cells: plugins, open datasets, and the last image."""

    catalogue: Catalogue
    datasets: dict[str, Any] = field(default_factory=dict)
    sample: tuple[tuple[str, str, str], Sample] | None = None
    ceiling: tuple[tuple[str, str, str], float] | None = None

    def load(self, cell: Cell) -> Sample:
        """The cell's image on its device; cells come image by image, so that one is enough to keep.

        Raises:
            SampleError: the image is not what a sample must be.
        """
        place = _where(cell)
        if self.sample is None or self.sample[0] != place:
            self.sample = None
            if cell.dataset.label not in self.datasets:
                self.datasets[cell.dataset.label] = open_dataset(cell.dataset, self.catalogue)
            loaded = self.datasets[cell.dataset.label].load(cell.image.id)
            check_sample(loaded)
            self.sample = (
                place,
                Sample(loaded.info, loaded.raw.to(cell.device), loaded.srgb.to(cell.device)),
            )
        return self.sample[1]

    def ceiling_of(self, cell: Cell) -> dict[str, float]:
        """The ceiling of the cell's image, computed once; empty where the image is not loaded, or has none."""
        if self.sample is None or self.sample[0] != _where(cell) or bits_of(self.sample[1].srgb) != 8:
            return {}
        if self.ceiling is None or self.ceiling[0] != _where(cell):
            try:
                self.ceiling = (_where(cell), ceiling_psnr(self.sample[1].raw, self.sample[1].srgb))
            except (MemoryError, RuntimeError):  # the memory that is left does not suffice: the cells still stand
                return {}
        return {CEILING: self.ceiling[1]}


def _where(cell: Cell) -> tuple[str, str, str]:
    return (cell.dataset.label, cell.image.id, cell.device)


_BENCHES: dict[tuple[str, ...], Bench] = {}


def run_job(job: Job) -> Outcome:
    """Run one cell in this process and return what came of it; never raises but for Ctrl-C.

    Datasets and the last image are kept for the next cell of the same process.
    """
    started = time.perf_counter()
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    try:
        if job.plugins not in _BENCHES:
            _BENCHES[job.plugins] = Bench(load_plugins(job.plugins))
    except Exception as error:
        return _failure(job.cell, error)
    bench = _BENCHES[job.plugins]
    method_seconds = None
    try:
        outcome, method_seconds = run_cell(job, bench)
    except Exception as error:
        outcome = _failure(job.cell, error)
    image = bench.ceiling_of(job.cell) if job.ceiling else {}
    facts = dict(outcome.facts)
    if method_seconds is not None:
        facts["harness_seconds"] = time.perf_counter() - started - method_seconds
    return replace(outcome, facts=facts, image=image)


def run_cell(job: Job, bench: Bench) -> tuple[Outcome, float]:
    """Encode, write, read back, decode in a fresh instance, measure.

    Returns:
        The outcome, and the seconds that the method and the metrics took of it: the rest is the harness's.

    Raises:
        Exception: whatever codec, dataset or metric raised.
    """
    cell = job.cell
    sample = bench.load(cell)
    codec_class = bench.catalogue.methods.load(cell.method.name)
    check_depth(codec_class, codec_class.Options.model_validate(dict(cell.method.options)), sample.srgb)
    path = job.streams / f"{cell.key}.rbs"
    facts: dict[str, Any] = {}
    method_seconds = 0.0
    if job.known_stream is None or _digest_of(path) != job.known_stream:
        facts, method_seconds = encode_to_file(codec_class, cell, sample, path)
    sample = sample_of_stream(sample, path)
    stream = path.read_bytes()
    decoded, decode_seconds, setup_seconds = decode_stream(
        codec_class, cell.method.resources, stream, sample.srgb, cell.device
    )
    check_decoded(decoded, sample.raw)
    height, width = cell.image.height, cell.image.width
    digest = hashlib.sha256(stream).hexdigest()
    facts |= {
        "decode_seconds": decode_seconds,
        "stream_bytes": len(stream),
        "bpp": bits_per_pixel(len(stream), height, width),
        "bpp_padded": bits_per_padded_pixel(len(stream), height, width),
        "stream_digest": digest,
        "decode_key": decode_key(digest, cell.method, cell.device),
    }
    keys = (cell.key, facts["decode_key"])
    measurements, metric_seconds = measure(job.metrics, bench.catalogue, sample, decoded, keys)
    method_seconds += decode_seconds + setup_seconds + metric_seconds
    return Outcome(cell.key, "ok", "", facts, measurements), method_seconds


def encode_to_file(codec_class: type[Codec], cell: Cell, sample: Sample, path: Path) -> tuple[dict[str, Any], float]:
    """Encode a sample and write the stream; returns the facts of it and the seconds that the method took.

    A method that renders its own sRGB does that first, and the image is written beside the stream.

    Raises:
        PluginError: encode returned no bytes.
        RawbenchError: the disk is full or not writable.
    """
    options = codec_class.Options.model_validate(dict(cell.method.options))
    render_seconds, carrier = 0.0, None
    if codec_class.capabilities_of(options).renders_its_own_srgb:
        codec = codec_class(options, cell.rate_point)
        codec.setup(Context(cell.device, cell.seed))
        carrier, render_seconds = _timed(cell.device, lambda: rendered(codec, sample.raw, sample.info.rendition))
        sample = on_carrier(sample, carrier)
    stream, facts, setup_seconds = encode_stream(codec_class, options, cell.rate_point, sample, cell.device, cell.seed)
    if carrier is not None:
        facts["encode_seconds"] += render_seconds
        facts["recorded"]["carrier_bytes"] = float(len(carrier))
        write_atomically(carrier_path(path, carrier), carrier)
    write_atomically(path, stream)
    return facts, facts["encode_seconds"] + setup_seconds


def encode_stream(
    codec_class: type[Codec],
    options: Any,
    point: RatePoint,
    sample: Sample,
    device: str,
    seed: int,
    advance: Callable[[int, int], None] = unwatched,
) -> tuple[bytes, dict[str, Any], float]:
    """Make an encoder, encode, and put the header before the payload; ``advance`` is told how far it is.

    Returns:
        The whole file; its facts (encode_seconds, bits_estimated, recorded); the seconds of setup.

    Raises:
        PluginError: encode returned no bytes.
    """
    codec = codec_class(options, point)
    context = Context(device, seed, advance=advance)
    _, setup_seconds = _timed(device, lambda: codec.setup(context))
    with torch.inference_mode():
        payload, seconds = _timed(device, lambda: codec.encode(sample.raw, sample.srgb))
    if not isinstance(payload, bytes):
        raise PluginError(f"encode returned {type(payload).__name__}, not bytes")
    _, height, width = sample.srgb.shape
    header = Header(codec_id(codec.name), codec.format_version, point.index, height, width, bits_of(sample.srgb))
    recorded = dict(context.recorded)
    estimated = recorded.pop("bits_estimated", None)
    facts = {"encode_seconds": seconds, "bits_estimated": estimated, "recorded": recorded}
    return write_stream(header, payload, sample.srgb), facts, setup_seconds


def decode_stream(
    codec_class: type[Codec],
    resources: Mapping[str, Any],
    stream: bytes,
    srgb: torch.Tensor,
    device: str,
    advance: Callable[[int, int], None] = unwatched,
) -> tuple[torch.Tensor, float, float]:
    """Make a fresh decoder and decode a whole file.

    Args:
        codec_class: the method, found by the header's codec id or known.
        resources: values of the method's ``resource_options``; every other option is at its default.
        stream: the file's bytes.
        srgb: uint8 or uint16 (3, H, W) on the device.
        device: ``cpu`` or ``cuda``.
        advance: is told how far it is.

    Returns:
        raw as the method returned it, the seconds of decode, and those of setup.

    Raises:
        StreamError: the file is damaged, or not of this method or image.
    """
    header, payload = read_stream(stream, srgb)
    expected = codec_id(codec_class.name)
    if header.codec_id != expected or header.format_version > codec_class.format_version:
        what = "another method" if header.codec_id != expected else f"format version {header.format_version}"
        raise StreamError(f"the stream is of {what}, which {codec_class.name} cannot read")
    options = codec_class.Options.model_validate(dict(resources))
    codec = codec_class(options, point_of(codec_class, options, header.rate_point))
    _, setup_seconds = _timed(device, lambda: codec.setup(Context(device, advance=advance)))
    with torch.inference_mode():
        raw, seconds = _timed(device, lambda: codec.decode(payload, srgb))
    return raw, seconds, setup_seconds


def point_of(codec_class: type[Codec], options: Any, index: int) -> RatePoint:
    """The rate point of an index; one that default options do not list is legal (``quality=0.37``)."""
    listed = {point.index: point for point in codec_class.rate_points(options)}
    return listed.get(index, RatePoint(index, f"#{index}"))


def measure(
    names: tuple[str, ...], catalogue: Catalogue, sample: Sample, decoded: torch.Tensor, keys: tuple[str, str]
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


class Skipped(UsageError):
    """What a method does not claim to do, and so is not asked to."""


def check_depth(codec_class: type[Codec], options: Any, srgb: torch.Tensor) -> None:
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


class Mismatch(RawbenchError):
    """A decoded raw that is not what the contract asks for."""


def check_decoded(decoded: Any, reference: torch.Tensor) -> None:
    """Hold a decoder's output to the contract.

    Raises:
        Mismatch: wrong type, shape, dtype, device, or not finite.
    """
    if not isinstance(decoded, torch.Tensor):
        raise Mismatch(f"decode returned {type(decoded).__name__}, not a tensor")
    if decoded.shape != reference.shape or decoded.dtype != torch.float32:
        raise Mismatch(f"decode returned {decoded.dtype} {tuple(decoded.shape)}, not float32 {tuple(reference.shape)}")
    if decoded.device != reference.device:
        raise Mismatch(f"decode returned a tensor on {decoded.device}, not on {reference.device}")
    if not torch.isfinite(decoded).all():
        raise Mismatch("decode returned NaN or infinite values")


def _timed(device: str, call: Any) -> tuple[Any, float]:
    synchronise = synchroniser(device)
    synchronise()
    started = time.perf_counter()
    result = call()
    synchronise()
    return result, time.perf_counter() - started


def _digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _failure(cell: Cell, error: Exception) -> Outcome:
    status = "error"
    if isinstance(error, Mismatch):
        status = "mismatch"
    elif isinstance(error, Skipped):
        status = "skipped"
    elif isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        status = "oom"
        gc.collect()
        with suppress(Exception):
            torch.cuda.empty_cache()
    text = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        text = f"the disk is full: {error.filename or os.strerror(errno.ENOSPC)}"
    elif not isinstance(error, RawbenchError):
        text = f"{type(error).__name__}: {text}{_place(error)}"
    return Outcome(cell.key, status, f"{cell.title}: {text}")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
