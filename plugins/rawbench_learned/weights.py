"""The weights file: safetensors with integers for all that is exact, integer tables, and where it all comes from.

Everything that steers the entropy coder is stored as integers: it was quantised when the file was written, and is not
computed again from floating-point numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError
from rawbench_learned import rate
from rawbench_learned.exact import (
    STEP,
    ExactConv2d,
    power_of_two,
    quantised_bias,
    quantised_weight,
    weight_unit,
)
from rawbench_learned.networks import Architecture, CodingNetworks, LearnedNetworks
from rawbench_learned.tables import Tables, gaussian_tables, joined, table_from_masses

Layer = tuple[Tensor, "Tensor | None"]
FORMAT = "rawbench-learned-3"
METHOD = "the learned codec"
V_LEVELS = 16
"""Qualities share the tables of v in groups of 16."""
V_REACH = 255
STEP_TABLES = ("z_steps", "z_offsets", "v_steps", "mean_shifts", "mean_tables")


@dataclass(frozen=True)
class Weights:
    """What a codec loads.

    Attributes:
        networks: in evaluation mode, exact layers frozen.
        latent_tables: `rate.SCALES` rows.
        hyper_tables: rows [level * means + channel].
        z_steps: int64 (256, 48), quantisation steps in units of `rate.STEP_UNIT`.
        z_offsets: int64 (256, 48), added to scale indices.
        v_steps: int64 (16, means), as z_steps.
        mean_shifts: int64 (sets, means), low bits of each mean that are sent as they are; see `mean_tables`.
        mean_tables: int64 (sets, means), rows of `latent_tables` for the rest.
        digest: SHA-256 of all of it, hexadecimal.
        provenance: how the weights came to be.
    """

    networks: CodingNetworks
    latent_tables: Tables
    hyper_tables: Tables
    z_steps: np.ndarray
    z_offsets: np.ndarray
    v_steps: np.ndarray
    mean_shifts: np.ndarray
    mean_tables: np.ndarray
    digest: str
    provenance: dict[str, Any]


def write_weights(path: Path, model: LearnedNetworks, provenance: dict[str, Any]) -> str:
    """Quantise a trained model into a weights file; return its digest.

    Raises:
        ValueError: an exact layer's sums could exceed what float32 holds exactly.
    """
    tensors = _network_tensors(model) | _step_tensors(model)
    tensors |= _table_tensors("latent_tables", gaussian_tables())
    tensors |= _table_tensors("hyper_tables", _hyper_tables(model, tensors["v_steps"].numpy()))
    return save_weights(path, FORMAT, tensors, model.config.model_dump(mode="json"), provenance)


def write_serial_weights(path: Path, source: Path, layers: dict[str, Layer], provenance: dict[str, Any]) -> str:
    """Write the file ``source`` with a serial context model and its parameter networks; return its digest.

    Args:
        path: to write.
        source: weights of `learned`.
        layers: weight and bias of each of their layers, not yet quantised, by its name.
        provenance: JSON types.
    """
    tensors, metadata = load_weights(source, FORMAT, METHOD)
    replaced = ("context.", "parameters_of.")
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(replaced)}
    for name, (weight, bias) in layers.items():
        tensors |= _exact_tensors(name, weight, bias)
    config = json.loads(metadata["config"]) | {"serial": True}
    return save_weights(path, FORMAT, tensors, config, provenance | {"transforms": metadata["digest"]})


def read_weights(path: Path, device: torch.device | str = "cpu") -> Weights:
    """Load a weights file.

    Raises:
        SampleError: missing, not such a file, of another configuration, or its digest does not match its content.
    """
    tensors, metadata = load_weights(path, FORMAT, METHOD)
    try:
        networks = empty_networks(Architecture.model_validate_json(metadata["config"]))
        load_networks(networks, tensors)
        tables = {
            name: Tables(*(tensors[f"{name}.{part}"].numpy() for part in ("frequencies", "lengths", "minima")))
            for name in ("latent_tables", "hyper_tables")
        }
        numbers = {name: tensors[name].numpy().astype(np.int64) for name in STEP_TABLES}
        provenance = json.loads(metadata["provenance"])
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    return Weights(
        networks=networks.to(device).eval().requires_grad_(False),
        digest=metadata["digest"],
        provenance=provenance,
        **tables,
        **numbers,
    )


def _network_tensors(model: LearnedNetworks) -> dict[str, Tensor]:
    state = empty_networks(model.config).state_dict()
    own = model.state_dict()
    tensors = {name: own[name].detach().cpu().clone() for name in state}
    for name, layer in model.named_modules():
        if not isinstance(layer, ExactConv2d) or f"{name}.weight" not in tensors:
            continue
        layer.check()
        tensors |= _exact_tensors(name, layer.weight, layer.bias)
    return tensors


def _exact_tensors(name: str, weight: Tensor, bias: Tensor | None) -> dict[str, Tensor]:
    weight = quantised_weight(weight.detach().cpu())
    unit = weight_unit(weight)
    tensors = {
        f"{name}.weight": (weight / unit).round().to(torch.int8),
        f"{name}.unit": torch.log2(unit).round().flatten().to(torch.int8),
    }
    if bias is not None:
        bias = quantised_bias(bias.detach().cpu(), unit)
        tensors[f"{name}.bias"] = (bias / (unit.flatten() * STEP)).round().to(torch.int32)
    return tensors


def empty_networks(config: Architecture) -> CodingNetworks:
    """Return networks of any weights, without touching the state of the process's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return CodingNetworks(config)


def load_networks(networks: CodingNetworks, tensors: dict[str, Tensor]) -> None:
    """Put a file's tensors into the networks and freeze their exact layers.

    Raises:
        KeyError: a tensor is missing.
        RuntimeError: a tensor has another shape.
    """
    state = {name: tensors[name] for name in networks.state_dict()}
    for name, layer in networks.named_modules():
        if isinstance(layer, ExactConv2d):
            unit = power_of_two(tensors[f"{name}.unit"])
            state[f"{name}.weight"] = tensors[f"{name}.weight"].float() * unit.view(-1, 1, 1, 1)
            if layer.bias is not None:
                state[f"{name}.bias"] = tensors[f"{name}.bias"].float() * unit * STEP
            layer.frozen = True
    networks.load_state_dict(state)
    for layer in networks.modules():
        if isinstance(layer, ExactConv2d):
            layer.check()


def _step_tensors(model: LearnedNetworks) -> dict[str, Tensor]:
    qualities = torch.arange(rate.LEVELS)
    with torch.no_grad():
        z_steps = model.z_steps.cpu()(qualities)[:, :, 0, 0]
        v_steps = model.v_steps.cpu()(v_quality(torch.arange(V_LEVELS)))[:, :, 0, 0]
    return {
        "z_steps": (z_steps / rate.STEP_UNIT).round().to(torch.int32),
        "z_offsets": rate.scale_offsets(z_steps).to(torch.int16),
        "v_steps": (v_steps / rate.STEP_UNIT).round().to(torch.int32),
        "mean_shifts": model.mean_shifts.cpu(),
        "mean_tables": model.mean_tables.cpu(),
    }


def v_level(quality: int) -> int:
    """Return the row of tables and steps that v uses at a quality byte."""
    return quality * V_LEVELS // rate.LEVELS


def v_quality(levels: Tensor) -> Tensor:
    """Return the quality byte whose steps a level of v uses."""
    return levels * (rate.LEVELS - 1) // (V_LEVELS - 1)


def _hyper_tables(model: LearnedNetworks, v_steps: np.ndarray) -> Tables:
    rows, minima = [], []
    symbols = torch.arange(-V_REACH, V_REACH + 1, dtype=torch.float32)
    for steps in v_steps:
        step = torch.from_numpy(steps).float().view(1, -1, 1, 1) * rate.STEP_UNIT
        values = (symbols.view(1, 1, -1, 1) * step).expand(1, len(steps), -1, 1)
        with torch.no_grad():
            masses = model.prior.cpu().probability(values, step)[0, :, :, 0].double().numpy()
        for channel in masses:
            row, minimum = table_from_masses(channel, -V_REACH)
            rows.append(row)
            minima.append(minimum)
    return joined(rows, minima)


def _table_tensors(name: str, tables: Tables) -> dict[str, Tensor]:
    return {
        f"{name}.frequencies": torch.from_numpy(tables.frequencies.astype(np.int32)),
        f"{name}.lengths": torch.from_numpy(tables.lengths),
        f"{name}.minima": torch.from_numpy(tables.minima),
    }
