"""The weights file of ``cam``: safetensors, convolutions in float16, with its configuration and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError
from rawbench_sampling.cam_networks import Architecture, CamNetworks, empty_networks

FORMAT = "rawbench-cam-1"
_COUNT = "num_batches_tracked"  # of training alone: not in the file


def write_weights(path: Path, model: CamNetworks, provenance: dict[str, Any]) -> str:
    """Write trained networks; return the file's digest."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        if not name.endswith(_COUNT):
            tensors[name] = tensor.detach().cpu().to(torch.float16 if tensor.dim() == 4 else torch.float32)
    return save_weights(path, FORMAT, tensors, model.config.model_dump(mode="json"), provenance)


def read_weights(path: Path, device: torch.device | str = "cpu") -> tuple[CamNetworks, str]:
    """Load networks, in evaluation mode, and the file's digest.

    Raises:
        SampleError: missing, not such a file, of another configuration, or its digest does not match its content.
    """
    tensors, metadata = load_weights(path, FORMAT, "cam")
    try:
        networks = empty_networks(Architecture.model_validate_json(metadata["config"]))
        state = networks.state_dict()
        counts = {name: state[name] for name in state if name.endswith(_COUNT)}
        networks.load_state_dict({name: tensor.float() for name, tensor in tensors.items()} | counts)
    except (ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    return networks.to(device).eval().requires_grad_(False), metadata["digest"]
