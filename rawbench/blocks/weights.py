"""The weights file that learned methods share: safetensors, with a configuration, a digest, and where it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rawbench.errors import SampleError

_METADATA = ("config", "digest", "provenance")


def save_weights(
    path: Path, kind: str, tensors: Mapping[str, Tensor], config: Mapping[str, Any], provenance: Mapping[str, Any]
) -> str:
    """Write a weights file; return its digest.

    Args:
        path: to write.
        kind: name and version of the format, for example ``rawbench-cam-1``.
        tensors: by name.
        config: JSON types; the architecture.
        provenance: JSON types; how the weights came to be. It is not in the digest.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / 'w.safetensors'
        ...     digest = save_weights(path, 'mine-1', {'a': Tensor([1, 1])}, {'width': 2}, {})
        ...     tensors, metadata = load_weights(path, 'mine-1', 'mine')
        ...
        >>> tensors['a'].tolist(), metadata['config'], metadata['digest'] == digest
        ([1.0, 1.0], '{"width": 2}', True)
    """
    text = json.dumps(config, sort_keys=True)
    digest = digest_of(tensors, text)
    metadata = {"format": kind, "config": text, "digest": digest, "provenance": json.dumps(provenance)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return digest


def load_weights(path: Path, kind: str, method: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and metadata (``config``, ``digest``, ``provenance``) of a weights file.

    Args:
        path: to read; no pickle is involved.
        kind: the format that it must have.
        method: what the refusal calls it.

    Raises:
        SampleError: missing, not of this format, or its digest does not match its content.
    """
    if not path.is_file():
        raise SampleError(f"{path}: weights cannot be read: no such file")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SampleError(f"{path}: weights cannot be read: {error}") from error
    if metadata.get("format") != kind:
        raise SampleError(f"{path}: not weights of this version of {method} ({kind})")
    if digest_of(tensors, metadata.get("config", "")) != metadata.get("digest"):
        raise SampleError(f"{path}: the weights do not match their digest")
    if missing := [name for name in _METADATA if name not in metadata]:
        raise SampleError(f"{path}: the weights do not say their {missing[0]}")
    return tensors, metadata


def digest_of(tensors: Mapping[str, Tensor], config: str) -> str:
    """Return the SHA-256 of names, types, shapes, values and configuration, hexadecimal.

    Example:
        >>> digest_of({"a": Tensor([0, 0])}, "{}")[:8]
        'fd4ddd94'
    """
    digest = hashlib.sha256(config.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())  # whatever its type is
    return digest.hexdigest()
