"""One range coder stream for all symbols of an image, fed with arrays.

A batch of symbols, each with the number of its table, is sorted by table (stable) and coded table by table: a few calls
into the library, whatever the number of symbols. Symbols outside their table are coded as its escape entry, and after
the batch as sign, number of bits, and bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from constriction import stream

from rawbench.errors import StreamError
from rawbench_learned.tables import Tables

queue, model_kinds = stream.queue, stream.model

LARGEST_BITS = 20
"""An escaped symbol lies less than 2**20 from its table's first entry; encoders clamp far below."""


class SymbolEncoder:
    """Write batches of symbols.

    Attributes:
        ideal_bits: what the tables say the symbols cost, without the stream's end.
    """

    def __init__(self) -> None:
        self._coder = queue.RangeEncoder()
        self.ideal_bits = 0.0

    def write(self, symbols: np.ndarray, numbers: np.ndarray, tables: Tables) -> None:
        """Write symbols, each by its own table.

        Args:
            symbols: integers (N,).
            numbers: of their tables (N,), below 65536.
            tables: rows.
        """
        if not len(symbols):
            return
        order, counts = _grouped(numbers, len(tables.lengths))
        numbers = numbers[order]
        entries = symbols[order].astype(np.int64) - tables.minima[numbers]
        lasts = tables.lengths[numbers] - 1
        outside = (entries < 0) | (entries >= lasts)
        coded = np.where(outside, lasts, entries).astype(np.int32)
        self.ideal_bits += float(tables.bits[tables.starts[numbers] + coded].sum())
        start = 0
        for number in np.flatnonzero(counts):
            self._coder.encode(coded[start : start + counts[number]], tables.models[number])
            start += counts[number]
        if outside.any():
            self._write_escapes(entries[outside])

    def write_uniform(self, values: np.ndarray, size: int) -> None:
        """Write integers of [0, size), all alike."""
        if len(values) and size > 1:
            self._coder.encode(values.astype(np.int32), model_kinds.Uniform(size))
            self.ideal_bits += len(values) * np.log2(size)

    def _write_escapes(self, entries: np.ndarray) -> None:
        if np.abs(entries).max() >= 2**LARGEST_BITS:
            raise ValueError("a symbol is too far from its table")
        magnitudes = np.abs(entries)
        lengths = np.ceil(np.log2(magnitudes + 1)).astype(np.int64)
        self.write_uniform((entries < 0).astype(np.int64), 2)
        self.write_uniform(lengths, LARGEST_BITS + 1)
        for length in np.unique(lengths):
            chosen = magnitudes[lengths == length]
            for shift in range(0, int(length), 16):  # in pieces that the coder's precision can hold
                self.write_uniform(chosen >> shift & 0xFFFF, 2 ** min(16, int(length) - shift))

    def finish(self) -> bytes:
        """Return the stream: the shortest bytes that decode, trailing zeros left away."""
        words = self._coder.get_compressed()
        _, (lower, span) = self._coder.pos()
        sealed = int.from_bytes(words.astype(">u4").tobytes(), "big")
        position, _ = self._coder.pos()
        missing = 32 * (position + 2 - len(words))
        sealed <<= missing
        # Any number in [low, low + span) decodes; the sealed one does, and lies (sealed - lower) mod 2**64 above low.
        low = sealed - (sealed - lower) % 2**64
        return _shortest(low, span, 4 * (position + 2))


def _shortest(low: int, span: int, size: int) -> bytes:
    for dropped in range(8, 0, -1):
        unit = 1 << (8 * dropped)
        candidate = -(-low // unit) * unit
        if candidate < low + span and dropped <= size:
            return candidate.to_bytes(size, "big").rstrip(b"\0")
    return low.to_bytes(size, "big").rstrip(b"\0")


class SymbolDecoder:
    """Read batches of symbols that `SymbolEncoder` wrote.

    Args:
        stream: bytes; what is missing at its end is zero.
    """

    def __init__(self, stream: bytes) -> None:
        stream = stream + bytes(-len(stream) % 4)
        self._coder = queue.RangeDecoder(np.frombuffer(stream, ">u4").astype(np.uint32))

    def read(self, numbers: np.ndarray, tables: Tables) -> np.ndarray:
        """Return int64 (N,) symbols, each by the table of its number.

        Raises:
            StreamError: the bytes cannot come from an encoder.
        """
        if not len(numbers):
            return np.zeros(0, np.int64)
        order, counts = _grouped(numbers, len(tables.lengths))
        entries = np.empty(len(numbers), np.int64)
        minima = np.repeat(tables.minima.astype(np.int64), counts)
        lasts = np.repeat(tables.lengths.astype(np.int64) - 1, counts)
        start = 0
        for number in np.flatnonzero(counts):
            entries[start : start + counts[number]] = self._decode(tables.models[number], int(counts[number]))
            start += counts[number]
        outside = np.flatnonzero(entries == lasts)
        if len(outside):
            entries[outside] = self._read_escapes(len(outside))
        symbols = np.empty_like(entries)
        symbols[order] = entries + minima
        return symbols

    def read_uniform(self, count: int, size: int) -> np.ndarray:
        """Return int64 (count,) integers of [0, size)."""
        if not count or size <= 1:
            return np.zeros(count, np.int64)
        return self._decode(model_kinds.Uniform(size), count)

    def _read_escapes(self, count: int) -> np.ndarray:
        negative = self.read_uniform(count, 2) == 1
        lengths = self.read_uniform(count, LARGEST_BITS + 1)
        magnitudes = np.zeros(count, np.int64)
        for length in np.unique(lengths):
            chosen = np.flatnonzero(lengths == length)
            for shift in range(0, int(length), 16):
                piece = self.read_uniform(len(chosen), 2 ** min(16, int(length) - shift))
                magnitudes[chosen] |= piece << shift
        return np.where(negative, -magnitudes, magnitudes)

    def _decode(self, model: Any, count: int) -> np.ndarray:
        try:
            return np.asarray(self._coder.decode(model, count), np.int64)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise StreamError("the payload is not a stream of the range coder") from error


def _grouped(numbers: np.ndarray, tables: int) -> tuple[np.ndarray, np.ndarray]:
    # 8 and 16 bits are sorted by radix.
    narrow = numbers.astype(np.uint8 if tables <= 256 else np.uint16)
    return np.argsort(narrow, kind="stable"), np.bincount(narrow, minlength=tables)
