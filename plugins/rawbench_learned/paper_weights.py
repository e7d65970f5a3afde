"""Weights files of the authors' own systems: as `weights`, with exact layers as integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError
from rawbench_learned.coder import DIGEST_BYTES
from rawbench_learned.cvpr_networks import CvprArchitecture, CvprNetworks
from rawbench_learned.exact import ExactConv2d
from rawbench_learned.journal_networks import JournalNetworks
from rawbench_learned.paper_systems import SIZES
from rawbench_learned.tables import Tables
from rawbench_learned.weights import exact_tensors, load_networks

FORMAT = "rawbench-learned-paper-1"


def write(path: Path, networks: nn.Module, config: dict[str, Any], provenance: dict[str, Any], **more: Tensor) -> str:
    """Quantise trained networks into a weights file; return its digest.

    Args:
        path: to write.
        networks: of coding alone.
        config: JSON types: ``generation``, ``size``, and what else builds the networks.
        provenance: how the weights came to be.
        more: tensors beside them.

    Raises:
        ValueError: an exact layer's sums could exceed what float32 holds exactly.
    """
    tensors = {name: value.detach().cpu().clone() for name, value in networks.state_dict().items()}
    for name, layer in networks.named_modules():
        if isinstance(layer, ExactConv2d):
            layer.check()
            tensors |= exact_tensors(name, layer.weight, layer.bias)
    return save_weights(path, FORMAT, {**tensors, **more}, config, provenance)


def read(path: Path, generation: int, size: str) -> tuple[dict[str, Tensor], dict[str, Any], bytes]:
    """Return tensors, configuration and the tag that names the weights in a stream.

    Raises:
        SampleError: missing, damaged, or of another system.
    """
    wanted = f"generation={generation}:size={size}"
    tensors, metadata = load_weights(path, FORMAT, wanted)
    config: dict[str, Any] = json.loads(metadata["config"])
    found = f"generation={config.get('generation')}:size={config.get('size')}"
    if found != wanted:
        raise SampleError(f"{path}: weights of {found}, not of {wanted}")
    return tensors, config, bytes.fromhex(metadata["digest"])[:DIGEST_BYTES]


def load(path: Path, networks: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put a file's tensors into the networks, frozen and in evaluation mode.

    Raises:
        SampleError: they do not fit.
    """
    try:
        load_networks(networks, tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    networks.eval().requires_grad_(False)


def read_journal(path: Path, size: str) -> tuple[JournalNetworks, bytes]:
    """Return the journal version's networks of a weights file, and its tag.

    Raises:
        SampleError: see `read` and `load`.
    """
    tensors, _, tag = read(path, 2, size)
    with torch.random.fork_rng(devices=[]):
        networks = JournalNetworks(*SIZES[size])
    load(path, networks, tensors)
    return networks, tag


def read_cvpr(path: Path) -> tuple[CvprNetworks, Tables, bytes]:
    """Return the CVPR version's networks of a weights file, the tables of v's channels, and its tag.

    Raises:
        SampleError: see `read` and `load`.
    """
    tensors, config, tag = read(path, 1, "reference")
    try:
        networks = empty(CvprArchitecture.model_validate(config["architecture"]))
        tables = Tables(*(tensors[f"v_tables.{part}"].numpy() for part in ("frequencies", "lengths", "minima")))
        if len(tables.lengths) != networks.config.channels:
            raise ValueError(f"there are {len(tables.lengths)} tables for {networks.config.channels} channels")
    except (KeyError, ValueError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    load(path, networks, tensors)
    return networks, tables, tag


def empty(config: CvprArchitecture) -> CvprNetworks:
    """Return networks of any weights, without touching the state of the process's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return CvprNetworks(config)
