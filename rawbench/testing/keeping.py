"""What a method keeps of images when encode and decode have returned: measured over images of one size that differ.

Tables by size, caches of the last image and the like do not grow from image to image; what grows is kept for somebody:
for a decoder that should not have it, for a second call that is timed, or for nobody, until memory is full.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from torch import Tensor

from rawbench.run.code import code_of
from rawbench.testing.stage import Stage

TURNS = 6
GROWING_TURNS = 4
SETTLE_SECONDS = 0.1
_CONTAINERS = (dict, list, set, deque, bytearray)


def try_keeping(stage: Stage) -> None:
    """Encode and decode images that differ, count what is there after each, and look at the last result again."""
    point, image = stage.points[0], stage.job["pair"][0]
    raw, srgb = stage.images[image]
    modules = _modules_of(stage.codec)
    counts: list[dict[str, int]] = []
    with stage.report.step("keeping", image=image, point=point.index) as record:
        encoder, decoder = stage.encoder(point), stage.decoder(point)
        for turn in range(TURNS):
            turned = [pixels.roll(turn, 2).contiguous() for pixels in (raw, srgb)]
            payload = stage.encode_pixels(encoder, *(pixels.clone() for pixels in turned))
            decoded = stage.decode(decoder, payload, turned[1])
            seen = decoded.clone() if isinstance(decoded, Tensor) else None
            if turn == TURNS - 1 and seen is not None:
                time.sleep(SETTLE_SECONDS)
                record["settled"] = bool(((decoded == seen) | (seen != seen)).all())
            del turned, payload, decoded, seen
            gc.collect()
            counts.append(_counts(modules, encoder, decoder))
        record["growing"] = growing(counts)


def growing(counts: list[dict[str, int]]) -> list[str]:
    """What grew in every one of the last turns.

    Example:
        >>> growing([{"a": n, "b": 3, "c": min(n, 3)} for n in range(6)])
        ['a']
    """
    last = counts[-GROWING_TURNS - 1 :]
    steps = list(zip(last, last[1:], strict=False))
    return sorted(name for name in last[-1] if all(after.get(name, 0) > before.get(name, 0) for before, after in steps))


def _counts(modules: list[Any], *instances: Any) -> dict[str, int]:
    tensors = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
    counts = {"the number of live tensors": tensors}
    for module in modules:
        for name, thing in list(vars(module).items()):
            counts.update(_sizes(f"{module.__name__}.{name}", thing))
            if isinstance(thing, type) and thing.__module__ == module.__name__:
                for inner, value in list(vars(thing).items()):
                    counts.update(_sizes(f"{module.__name__}.{name}.{inner}", value))
    for instance in instances:
        for name, thing in list(vars(instance).items()):
            counts.update(_sizes(f"{type(instance).__name__}().{name}", thing))
    return counts


def _sizes(name: str, thing: Any) -> Iterator[tuple[str, int]]:
    """Sizes of a container, or of those that a function holds: its cache, its defaults, its closure."""
    if isinstance(thing, _CONTAINERS):
        yield name, len(thing)
    elif callable(getattr(thing, "cache_info", None)) and not isinstance(thing, type):
        yield f"the cache of {name}", thing.cache_info().currsize
    function = getattr(thing, "__func__", thing)
    if isinstance(function, FunctionType):
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *cells]
        for number, value in enumerate(held):
            if isinstance(value, _CONTAINERS):
                yield f"{name} (held value {number})", len(value)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _modules_of(codec: Any) -> list[Any]:
    """The method's own modules, as far as they are loaded."""
    files = {str(path) for label, path in code_of(codec).files if not label.startswith("rawbench/")}
    loaded = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    return [module for module in loaded if str(Path(str(module.__file__)).resolve()) in files]
