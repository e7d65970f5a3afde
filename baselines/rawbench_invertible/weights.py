"""The weights file of invisp: safetensors, with the architecture, a digest of all of it, and where it comes from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rawbench import SampleError
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
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    config = json.dumps(network.config.model_dump(mode="json"), sort_keys=True)
    digest = digest_of(tensors, config)
    metadata = {"format": FORMAT, "config": config, "digest": digest, "provenance": json.dumps(provenance)}
    save_file(tensors, path, metadata)
    return digest


def read_weights(path: Path, device: torch.device | str = "cpu") -> Weights:
    """Load a weights file.

    Raises:
        SampleError: missing, not such a file, of another architecture, or its digest does not match its content.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SampleError(f"{path}: weights cannot be read: {error}") from error
    if metadata.get("format") != FORMAT:
        raise SampleError(f"{path}: not weights of this version of invisp ({FORMAT})")
    if digest_of(tensors, metadata.get("config", "")) != metadata.get("digest"):
        raise SampleError(f"{path}: the weights do not match their digest")
    try:
        network = empty_network(Architecture.model_validate_json(metadata["config"]))
        network.load_state_dict(tensors)
        provenance = json.loads(metadata["provenance"])
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another architecture: {str(error).splitlines()[0]}") from error
    return Weights(network.to(device).eval().requires_grad_(False), metadata["digest"], provenance)


def digest_of(tensors: dict[str, Tensor], config: str) -> str:
    """Return the SHA-256 of names, types, shapes, values and configuration."""
    digest = hashlib.sha256(config.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def empty_network(config: Architecture) -> InvertibleNetwork:
    """Return a network of any weights, without touching the state of the process's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return InvertibleNetwork(config)
