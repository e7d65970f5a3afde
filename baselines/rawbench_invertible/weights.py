"""The weights file of invisp: safetensors, with the architecture, a digest of all of it, and where it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from rawbench import SampleError
from rawbench.blocks.weights import load_weights, save_weights
from rawbench_invertible.networks import Architecture, InvertibleNetwork

FORMAT = "rawbench-invisp-1"


@dataclass(frozen=True)
class Weights:
    """What the codec loads.

    Attributes:
        network: in evaluation mode, without gradients.
        digest: SHA-256 of tensors and architecture, hexadecimal.
        provenance: how the weights came to be.
    """

    network: InvertibleNetwork
    digest: str
    provenance: dict[str, Any]


def write_weights(path: Path, network: InvertibleNetwork, provenance: dict[str, Any]) -> str:
    """Write a network; return its digest."""
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    return save_weights(path, FORMAT, tensors, network.config.model_dump(mode="json"), provenance)


def read_weights(path: Path, device: torch.device | str = "cpu") -> Weights:
    """Load a weights file.

    Raises:
        SampleError: missing, not such a file, of another architecture, or its digest does not match its content.
    """
    tensors, metadata = load_weights(path, FORMAT, "invisp")
    try:
        network = empty_network(Architecture.model_validate_json(metadata["config"]))
        network.load_state_dict(tensors)
        provenance = json.loads(metadata["provenance"])
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another architecture: {str(error).splitlines()[0]}") from error
    return Weights(network.to(device).eval().requires_grad_(False), metadata["digest"], provenance)


def empty_network(config: Architecture) -> InvertibleNetwork:
    """Return a network of any weights, without touching the state of the process's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return InvertibleNetwork(config)
