"""What the coder knows before it has seen an image: counters and weights, learned offline, and its fixed tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError
from rawbench_hybrid import contexts
from rawbench_hybrid.mixing import COUNT_BITS, COUNT_MASK, EVEN, LIMIT, make_tables

WEIGHTS = Path(__file__).parent / "weights" / "hybrid.safetensors"
FORMAT = "rawbench-hybrid-2"
METHOD = "the hybrid codec"
TABLES = ("stretch", "squash", "paces", "trust")
PACE = 3  # of the weights
ADAPTATION, LEARNING = 1, 2
FIRST_WEIGHT = int(0.3 * 65536)
_PROBABILITY_BITS = 16  # of a counter in the file


@dataclass(frozen=True)
class Model:
    """Counters and weights, which learn, and what does not change.

    Attributes:
        counters: uint32 (`contexts.COUNTERS`,).
        weights: int64 (`contexts.WEIGHT_SETS`, `contexts.INPUTS`), of 65536.
        tables: those of `mixing`.
        limit: uses after which a counter's pace stays.
        pace: of the weights.
        digest: of the file, hexadecimal.
    """

    counters: np.ndarray
    weights: np.ndarray
    tables: tuple[np.ndarray, ...]
    limit: int = LIMIT
    pace: int = PACE
    digest: str = ""

    def copy(self) -> Model:
        """One that may learn without changing this."""
        return Model(self.counters.copy(), self.weights.copy(), self.tables, self.limit, self.pace, self.digest)

    @property
    def arguments(self) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...], int, int]:
        """What `band_coding.code_band` takes."""
        return self.counters, self.weights, self.tables, self.limit, self.pace


def unlearned(limit: int = LIMIT) -> Model:
    """A model that knows nothing."""
    counters = np.full(contexts.COUNTERS, EVEN, np.uint32)
    weights = np.full((contexts.WEIGHT_SETS, contexts.INPUTS), FIRST_WEIGHT, np.int64)
    made = make_tables()
    return Model(counters, weights, tuple(made[name] for name in TABLES), limit)


def crippled(model: Model, without: int) -> Model:
    """For ablations: one that has learned nothing before (`LEARNING`), or learns nothing of an image (`ADAPTATION`)."""
    if without & LEARNING:
        model = unlearned()
    if not without & ADAPTATION:
        return model
    stretch, squash, paces, trust = model.tables
    tables = (stretch, squash, np.zeros_like(paces), trust)
    return Model(model.counters, model.weights, tables, model.limit, 0, model.digest)


def write_model(path: Path, model: Model, most_uses: int, provenance: dict[str, object]) -> str:
    """Write what a model has learned; return the digest.

    Args:
        path: to write.
        model: after learning.
        most_uses: what a counter's number of uses is cut to: how far an image's own statistics count beside it.
        provenance: JSON types; how it came to be.
    """
    uses = np.minimum(model.counters & COUNT_MASK, most_uses).astype(np.uint8)
    drop = 22 - _PROBABILITY_BITS
    probabilities = ((model.counters >> COUNT_BITS) >> drop).astype(np.uint16)
    tensors = {
        "probabilities": torch.from_numpy(probabilities.view(np.int16)),
        "uses": torch.from_numpy(uses),
        "weights": torch.from_numpy(model.weights.astype(np.int32)),
    }
    for name, table in zip(TABLES, model.tables, strict=True):
        tensors[name] = _stored(table)
    return save_weights(path, FORMAT, tensors, {}, provenance)


def _kinds() -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Type and shape of each tensor in the file."""
    kinds = {name: _stored(table) for name, table in make_tables().items() if name in TABLES}
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in kinds.items()} | {
        "probabilities": (torch.int16, (contexts.COUNTERS,)),
        "uses": (torch.uint8, (contexts.COUNTERS,)),
        "weights": (torch.int32, (contexts.WEIGHT_SETS, contexts.INPUTS)),
    }


def _stored(table: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(table.view(np.int16) if table.dtype == np.uint16 else table)


@cache
def read_model(path: Path = WEIGHTS) -> Model:
    """Read a model.

    Raises:
        SampleError: the file cannot be read, or is no model.
    """
    tensors, metadata = load_weights(path, FORMAT, METHOD)
    if {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()} != _kinds():
        raise SampleError(f"{path}: not weights of this version of {METHOD}")
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    drop = 22 - _PROBABILITY_BITS
    probabilities = (arrays["probabilities"].view(np.uint16).astype(np.uint32) << drop) + (1 << (drop - 1))
    counters = (probabilities << COUNT_BITS) | arrays["uses"].astype(np.uint32)
    arrays["squash"] = arrays["squash"].view(np.uint16)
    tables = tuple(np.ascontiguousarray(arrays[name]) for name in TABLES)
    return Model(counters, arrays["weights"].astype(np.int64), tables, digest=metadata["digest"])
