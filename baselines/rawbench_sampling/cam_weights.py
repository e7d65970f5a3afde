"""The weights file of ``cam``: safetensors, convolutions in float16, with its configuration and where it comes from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rawbench.errors import SampleError
from rawbench_sampling.cam_networks import Architecture, CamNetworks, empty_networks

FORMAT = "rawbench-cam-1"


def write_weights(path: Path, model: CamNetworks, provenance: dict[str, Any]) -> str:
    """Write trained networks; return the file's digest."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tensors[name] = tensor.detach().cpu().to(torch.float16 if tensor.dim() == 4 else torch.float32).contiguous()
    text = json.dumps(model.config.model_dump(mode="json"), sort_keys=True)
    digest = _digest(tensors, text)
    metadata = {"format": FORMAT, "config": text, "digest": digest, "provenance": json.dumps(provenance)}
    save_file(tensors, path, metadata)
    return digest


def read_weights(path: Path, device: torch.device | str = "cpu") -> tuple[CamNetworks, str]:
    """Load networks, in evaluation mode, and the file's digest.

    Raises:
        SampleError: missing, not such a file, of another configuration, or its digest does not match its content.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SampleError(f"{path}: weights cannot be read: {error}") from error
    if metadata.get("format") != FORMAT:
        raise SampleError(f"{path}: not weights of this version of cam ({FORMAT})")
    if _digest(tensors, metadata.get("config", "")) != metadata.get("digest"):
        raise SampleError(f"{path}: the weights do not match their digest")
    try:
        networks = empty_networks(Architecture.model_validate_json(metadata["config"]))
        state = networks.state_dict()
        networks.load_state_dict({name: tensors.get(name, state[name]).float() for name in state})
    except (ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    return networks.to(device).eval().requires_grad_(False), metadata["digest"]


def _digest(tensors: dict[str, Tensor], config: str) -> str:
    digest = hashlib.sha256(config.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
