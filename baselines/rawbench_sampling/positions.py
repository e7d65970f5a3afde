"""Positions of samples as bytes: how many lie in each cell of a grid, and where in it.

Layout: 4 bits for each number of samples in a cell (0 to 9: a cell has at most nine superpixels around it), the
logarithm of its frequency (on large images, less a constant); the length of what follows (a varint); range coded, the
number of each cell, and for each pixel of the cells whether it is one, at the rate that the numbers leave: log2 of
(pixels over samples) bits a cell.
"""

from __future__ import annotations

import constriction
import numpy as np

from rawbench import StreamError
from rawbench.blocks.integer_coding import RangeDecoder, RangeEncoder, finish, start
from rawbench.varint import read_varint, write_varint

MOST = 9
_HEADER = (MOST + 2) // 2


def encode_positions(mask: np.ndarray, cell: int) -> bytes:
    """Code a mask, bool (H, W), with at most nine samples in each cell of ``cell`` x ``cell`` pixels."""
    inside, blocks = _blocks(mask, cell)
    counts = blocks.sum(1)
    logarithms = _logarithms(np.bincount(counts, minlength=MOST + 1))
    encoder = RangeEncoder()
    encoder.encode(counts.astype(np.int32), _counts_model(logarithms))
    left, room = counts.copy(), inside.sum(1)
    for place in range(cell * cell):
        rows = _open(inside, left, room, place)
        if len(rows):
            symbols = blocks[rows, place].astype(np.int32)
            encoder.encode(symbols, constriction.stream.model.Bernoulli(perfect=False), left[rows] / room[rows])
        left -= blocks[:, place]
        room -= inside[:, place]
    coded = finish(encoder)
    nibbles = bytes(a << 4 | b for a, b in zip(logarithms[::2], logarithms[1::2], strict=True))
    return nibbles + write_varint(len(coded)) + coded


def decode_positions(payload: bytes, height: int, width: int, cell: int) -> tuple[np.ndarray, bytes]:
    """Read what ``encode_positions`` wrote: the mask, bool (H, W), and the bytes behind it.

    Raises:
        StreamError: the bytes are no positions of such an image.
    """
    if len(payload) < _HEADER + 1:
        raise StreamError("the positions end too early")
    logarithms = [nibble for byte in payload[:_HEADER] for nibble in (byte >> 4, byte & 15)]
    if not any(logarithms):
        raise StreamError("no cell has a number of samples")
    length, first = read_varint(payload, _HEADER, max_bytes=5)
    last = first + length
    if last > len(payload):
        raise StreamError("the positions end too early")
    inside, blocks = _blocks(np.zeros((height, width), dtype=bool), cell)
    decoder = start(payload[first:last], blocks.size)
    try:
        _decode_blocks(decoder, _counts_model(logarithms), inside, blocks)
    except (AssertionError, ValueError) as error:
        raise StreamError(f"the positions cannot be decoded: {' '.join(str(error).split())}") from None
    return _image(blocks, height, width, cell), payload[last:]


def _decode_blocks(
    decoder: RangeDecoder, model: constriction.stream.model.Categorical, inside: np.ndarray, blocks: np.ndarray
) -> None:
    left, room = decoder.decode(model, len(blocks)).astype(np.int64), inside.sum(1)
    if (left > room).any():
        raise StreamError("a cell has more samples than pixels")
    for place in range(blocks.shape[1]):
        rows = _open(inside, left, room, place)
        if len(rows):
            bernoulli = constriction.stream.model.Bernoulli(perfect=False)
            blocks[rows, place] = decoder.decode(bernoulli, left[rows] / room[rows]).astype(bool)
        blocks[:, place] |= inside[:, place] & (left == room) & (left > 0)
        left -= blocks[:, place]
        room -= inside[:, place]


def _open(inside: np.ndarray, left: np.ndarray, room: np.ndarray, place: int) -> np.ndarray:
    """Cells whose pixel at a place may or may not be a sample."""
    return np.flatnonzero(inside[:, place] & (left > 0) & (left < room))


def _logarithms(frequencies: np.ndarray) -> list[int]:
    """In 0..15, the greatest at most 15; 0 for what does not occur."""
    exact = np.ceil(np.log2(frequencies + 1)).astype(int)
    return [max(int(n) - max(int(exact.max()) - 15, 0), 1) if n else 0 for n in exact]


def _counts_model(logarithms: list[int]) -> constriction.stream.model.Categorical:
    frequencies = np.array([2.0**n - 1 for n in logarithms]) + 1e-3
    return constriction.stream.model.Categorical(frequencies, perfect=False)


def _blocks(mask: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of each cell are in the image, and which are samples: bool (cells, cell * cell) each."""
    rows, columns = -(-mask.shape[0] // cell), -(-mask.shape[1] // cell)
    out = []
    for image in (np.ones_like(mask), mask):
        padded = np.zeros((rows * cell, columns * cell), dtype=bool)
        padded[: mask.shape[0], : mask.shape[1]] = image
        out.append(padded.reshape(rows, cell, columns, cell).transpose(0, 2, 1, 3).reshape(rows * columns, -1).copy())
    return out[0], out[1]


def _image(blocks: np.ndarray, height: int, width: int, cell: int) -> np.ndarray:
    rows, columns = -(-height // cell), -(-width // cell)
    padded = blocks.reshape(rows, columns, cell, cell).transpose(0, 2, 1, 3).reshape(rows * cell, columns * cell)
    return np.ascontiguousarray(padded[:height, :width])
