"""A device that is not there: CPU tensors that claim to lie on a GPU, refuse to meet others, and count copies.

Code that names no device, or the wrong one, works on a CPU and fails on a GPU. Under `FakeDevice` it fails here too:

* a tensor made for the device (``device=``, ``.to``, ``Module.to``) is `Elsewhere`, says so by ``.device``, and
  computes on the CPU all the same;
* an operation on such tensors and others raises, but for scalars of no dimension, which a GPU takes as well;
* each copy to the device and back is counted, ``.item()``, ``int(x)`` and their like among them: every one of them
  waits for the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

DEVICE = torch.device("cuda", 0)
_BACK = {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__len__", "numpy", "__array__", "cpu"}
_FREE = {"__len__"}
_FROM_DATA = (torch.tensor, torch.as_tensor, torch.asarray)
_ASKS = {"__get__", "__set__", "size", "dim", "numel", "stride", "is_floating_point", "data_ptr", "element_size"}
_ASKS |= {"_has_compatible_shallow_copy_type"}


class WrongDeviceError(RuntimeError):
    """Tensors of two devices met."""


class Elsewhere(torch.Tensor):
    """A tensor on the device."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return DEVICE

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in _ASKS:
            for tensor in _tensors((args, kwargs)):
                if not isinstance(tensor, Elsewhere) and tensor.dim():
                    raise WrongDeviceError(
                        f"{name}: a tensor on the CPU {tuple(tensor.shape)} meets others on {DEVICE}"
                    )
        result = super().__torch_function__(func, types, args, kwargs)
        return _elsewhere(result) if func == torch.Tensor.grad.__get__ else result  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: dict[int, Any]) -> Elsewhere:
        copied = self.detach().clone().requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied  # type: ignore[return-value]


class FakeDevice(TorchFunctionMode):
    """While entered, ``cuda`` is a device.

    Attributes:
        copies: ``to`` and ``back``: how many tensors were copied to the device, and from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies: Counter[str] = Counter()

    def __enter__(self) -> FakeDevice:
        self._overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
        # Parameters of another class are put in the place of the old ones, as on any other device.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        torch.__future__.set_overwrite_module_params_on_conversion(self._overwrite)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        first = args[0] if args else None
        if name in _BACK - _FREE and isinstance(first, Elsewhere):
            return self._back(func, name, first, args, kwargs)
        if name in ("to", "cuda") and isinstance(first, torch.Tensor):
            return self._moved(func, name, first, args, kwargs)
        if "device" in kwargs and _is_fake(kwargs["device"]):
            kwargs["device"] = "cpu"
            here = [x for x in _tensors(args) if not isinstance(x, Elsewhere)]
            if func in _FROM_DATA and (here or not isinstance(first, torch.Tensor)):
                self.copies["to"] += 1
            return _elsewhere(func(*_plain(args), **kwargs))
        return func(*args, **kwargs)

    def _back(self, func: Callable[..., Any], name: str, first: Elsewhere, args: Any, kwargs: Any) -> Any:
        if name in ("numpy", "__array__"):
            raise WrongDeviceError(f"{name}: a tensor on {DEVICE} has no array; copy it to the CPU first")
        self.copies["back"] += 1
        plain = first.as_subclass(torch.Tensor)
        return plain if name == "cpu" else func(plain, *args[1:], **kwargs)

    def _moved(self, func: Callable[..., Any], name: str, first: torch.Tensor, args: Any, kwargs: Any) -> Any:
        asked = [x for x in (*args[1:], *kwargs.values()) if isinstance(x, torch.device | str)]
        asked += [x.device for x in args[1:] if isinstance(x, torch.Tensor)]
        there = isinstance(first, Elsewhere)
        wanted = _is_fake(asked[0]) if asked else (there or name == "cuda")
        plain = first.as_subclass(torch.Tensor) if there else first
        rest = [x for x in args[1:] if isinstance(x, torch.dtype)]
        kinds = {k: v for k, v in kwargs.items() if k in ("dtype", "copy")}
        moved = plain.to(*rest, **kinds)
        if wanted == there:
            return _elsewhere(moved) if there else moved
        self.copies["to" if wanted else "back"] += 1
        return _elsewhere(moved.clone()) if wanted else moved.clone()


def _is_fake(device: Any) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor))


def _elsewhere(tree: Any) -> Any:
    return pytree.tree_map(lambda x: x.as_subclass(Elsewhere) if isinstance(x, torch.Tensor) else x, tree)


def _plain(tree: Any) -> Any:
    return pytree.tree_map(lambda x: x.as_subclass(torch.Tensor) if isinstance(x, Elsewhere) else x, tree)


def on_device(array: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return a copy on the device."""
    return _elsewhere(torch.as_tensor(array).clone())
