"""Training of ``generation=1:size=reference``, the CVPR version as far as it is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from compressai.ops import LowerBound
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional as F

from rawbench_learned.cvpr import first_largest
from rawbench_learned.cvpr_networks import CvprArchitecture, CvprNetworks
from rawbench_learned.entropy_model import bits
from rawbench_learned.exact import to_grid
from rawbench_learned.factorised import FactorisedPrior
from rawbench_learned.journal import on_grid
from rawbench_learned.paper_task import PaperConfig, PaperModel, PaperTask, Quantiser, uniform
from rawbench_learned.paper_weights import write

LIKELIHOOD_FLOOR = 1e-6
SMALLEST_SCALE = 0.11


class CvprModel(PaperModel):
    """With what only training needs: coding has tables in its place."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__(CvprNetworks(config))
        self.prior = FactorisedPrior(config.channels)


class CvprTask(PaperTask):
    """See `rawbench.training.task.Task`."""

    class Config(PaperConfig):
        """The table [task] of a training configuration; lambda is 1 for PNG, 0.05 for JPEG."""

        architecture: CvprArchitecture = CvprArchitecture()
        multiplier: float = Field(1.0, gt=0, description="lambda")
        distortion: Literal["l1", "mse"] = "mse"
        patience: int = Field(10, ge=0, description="validations without a gain before the learning rate falls by ten")

    config: Config
    model: CvprModel

    def __init__(self, config: BaseModel) -> None:
        assert isinstance(config, self.Config)
        self.config = config
        self.model = CvprModel(config.architecture)

    def forward(self, raw: Tensor, srgb: Tensor, generator: torch.Generator | None) -> tuple[Tensor, dict[str, Tensor]]:
        """See `PaperTask.forward`."""
        networks: Any = self.model.networks
        codes, grid = srgb.float() / 255, on_grid(srgb)
        cell = self.config.architecture.cell
        z = networks.analysis(raw, codes)
        v_hat, v_bits = self._hyper(networks.hyper_analysis(z, codes), generator)
        small = grid[..., ::cell, ::cell]
        phi = networks.hyper(to_grid(v_hat), small)
        z_hat, z_bits = _iterate(networks, z, phi, networks.order(phi, small), generator)
        return networks.synthesis(z_hat, codes), {"z": z_bits, "v": v_bits}

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the weights that the codec loads."""
        tables = self.model.prior.tables()
        more = {
            "v_tables.frequencies": torch.from_numpy(tables.frequencies.astype("int32")),
            "v_tables.lengths": torch.from_numpy(tables.lengths),
            "v_tables.minima": torch.from_numpy(tables.minima),
        }
        architecture = self.config.architecture.model_dump(mode="json")
        config = {"generation": 1, "size": "reference", "architecture": architecture}
        write(path, self.model.networks, config, provenance, **more)

    def _hyper(self, v: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        means = to_grid(v.mean((2, 3), keepdim=True))
        symbols = v - means
        symbols = torch.round(symbols) if generator is None else symbols + uniform(symbols, generator)
        return symbols + means, bits(self.model.prior(symbols), LowerBound(LIKELIHOOD_FLOOR))


def _iterate(
    networks: CvprNetworks, z: Tensor, phi: Tensor, logits: Tensor, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    if generator is None:
        masks = F.one_hot(first_largest(logits), logits.shape[1]).movedim(-1, 1).to(z.dtype)
    else:
        masks = F.gumbel_softmax(logits, hard=True, dim=1)
    quantise = Quantiser(LIKELIHOOD_FLOOR, SMALLEST_SCALE, generator)
    taken = torch.zeros_like(z[:, :1])
    z_hat, cost, one = torch.zeros_like(z), torch.zeros_like(z), torch.ones((), device=z.device)
    for mask in masks.split(1, 1):
        index, means = networks.parameters_of(networks.context(to_grid(z_hat), taken), phi)
        found, spent = quantise(z, index, means, one, "hard" if generator is None else "noise")
        z_hat = z_hat + mask * found
        cost = cost + mask * spent
        taken = taken + mask
    return z_hat, cost
