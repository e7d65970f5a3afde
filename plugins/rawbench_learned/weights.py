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
from torch import Tensor, nn

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError
from rawbench_learned import rate
from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.coefficient_tables import SETS
from rawbench_learned.exact import (
    STEP,
    ExactConv2d,
    power_of_two,
    quantised_bias,
    quantised_weight,
    weight_unit,
)
from rawbench_learned.networks import CodingNetworks, LearnedNetworks
from rawbench_learned.tables import Tables, gaussian_tables

Layer = tuple[Tensor, "Tensor | None"]
FORMAT = "rawbench-learned-4"
METHOD = "the learned codec"
STEP_TABLES = ("z_steps", "z_offsets", "coefficient_shifts", "coefficient_tables")


@dataclass(frozen=True)
class Weights:
    """What a codec loads.

    Attributes:
        networks: in evaluation mode, exact layers frozen.
        latent_tables: `rate.SCALES` rows.
        z_steps: int64 (256, 48), quantisation steps in units of `rate.STEP_UNIT`.
        z_offsets: int64 (256, 48), added to scale indices.
        coefficient_shifts: int64 (sets, base), low bits of each of the base's coefficients that are sent as they are.
        coefficient_tables: int64 (sets, base), rows of `latent_tables` for the rest.
        digest: SHA-256 of all of it, hexadecimal.
        provenance: how the weights came to be.
    """

    networks: CodingNetworks
    latent_tables: Tables
    z_steps: np.ndarray
    z_offsets: np.ndarray
    coefficient_shifts: np.ndarray
    coefficient_tables: np.ndarray
    digest: str
    provenance: dict[str, Any]


def write_weights(path: Path, model: LearnedNetworks, provenance: dict[str, Any]) -> str:
    """Quantise a trained model into a weights file; return its digest.

    Raises:
        ValueError: an exact layer's sums could exceed what float32 holds exactly.
    """
    tensors = _network_tensors(model) | _step_tensors(model)
    tensors |= _table_tensors("latent_tables", gaussian_tables())
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
        tensors |= exact_tensors(name, weight, bias)
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
        tables = Tables(*(tensors[f"latent_tables.{part}"].numpy() for part in ("frequencies", "lengths", "minima")))
        numbers = {name: tensors[name].numpy().astype(np.int64) for name in STEP_TABLES}
        _check(numbers, tables, networks.config.base)
        provenance = json.loads(metadata["provenance"])
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise SampleError(f"{path}: weights of another configuration: {str(error).splitlines()[0]}") from error
    return Weights(
        networks=networks.to(device).eval().requires_grad_(False),
        digest=metadata["digest"],
        provenance=provenance,
        latent_tables=tables,
        **numbers,
    )


def _check(numbers: dict[str, np.ndarray], tables: Tables, base: int) -> None:
    wanted = dict.fromkeys(("z_steps", "z_offsets"), (rate.LEVELS, LATENTS))
    wanted |= dict.fromkeys(("coefficient_shifts", "coefficient_tables"), (SETS, base))
    for name, shape in wanted.items():
        if numbers[name].shape != shape:
            raise ValueError(f"{name} is {numbers[name].shape}, not {shape}")
    rows, shifts = numbers["coefficient_tables"], numbers["coefficient_shifts"]
    if len(tables.lengths) != rate.SCALES or rows.min() < 0 or rows.max() >= rate.SCALES:
        raise ValueError(f"the tables are not rows 0 to {rate.SCALES - 1}")
    within = numbers["z_steps"].min() >= 1 and np.abs(numbers["z_offsets"]).max() <= rate.SCALES
    if not within or shifts.min() < 0 or shifts.max() > 31:
        raise ValueError("a step, an offset or a shift is out of range")


def _network_tensors(model: LearnedNetworks) -> dict[str, Tensor]:
    state = empty_networks(model.config).state_dict()
    own = model.state_dict()
    tensors = {name: own[name].detach().cpu().clone() for name in state}
    for name, layer in model.named_modules():
        if not isinstance(layer, ExactConv2d) or f"{name}.weight" not in tensors:
            continue
        layer.check()
        tensors |= exact_tensors(name, layer.weight, layer.bias)
    return tensors


def exact_tensors(name: str, weight: Tensor, bias: Tensor | None) -> dict[str, Tensor]:
    """Return what a file holds of an exact layer: integers, and the exponents of their units."""
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


def load_networks(networks: nn.Module, tensors: dict[str, Tensor]) -> None:
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
    return {
        "z_steps": (z_steps / rate.STEP_UNIT).round().to(torch.int32),
        "z_offsets": rate.scale_offsets(z_steps).to(torch.int16),
        "coefficient_shifts": model.coefficient_shifts.cpu(),
        "coefficient_tables": model.coefficient_tables.cpu(),
    }


def _table_tensors(name: str, tables: Tables) -> dict[str, Tensor]:
    return {
        f"{name}.frequencies": torch.from_numpy(tables.frequencies.astype(np.int32)),
        f"{name}.lengths": torch.from_numpy(tables.lengths),
        f"{name}.minima": torch.from_numpy(tables.minima),
    }
