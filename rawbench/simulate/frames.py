"""Training frames: random photographs of scene-linear panoramas by simulated cameras, split by scene.

Scenes that are also used for testing are recognised by their pixels and left out.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.camera.develop import develop_pixels, random_development
from rawbench.camera.read import CameraFile, read_camera_file
from rawbench.errors import RawbenchError, UsageError, suggest
from rawbench.executor import Executor, WorkerDied
from rawbench.simulate.cameras import CAMERAS, find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.scenes import is_panorama, list_scenes, read_scene, scene_view
from rawbench.simulate.sensor import Shot, exposure_scale, take_picture

# Two files of one panorama in other formats correlate above 0.99; different panoramas, like places and hours
# of the day among them, stay below 0.65 once each row's mean is removed.
SAME_SCENE_CORRELATION = 0.75

# Scenes set aside for validation where nobody says which: a hall, a hill, a mountain, a forest and a town. Of a
# folder that has none of them, one in so many is drawn.
VALIDATION_SCENES = (
    "empty_warehouse_01_1k.hdr",
    "hilly_terrain_01_1k.hdr",
    "immenstadter_horn_1k.hdr",
    "rainforest_trail_1k.hdr",
    "venice.hdr",
)
VALIDATION_SHARE = 8

MANIFEST_COLUMNS = (
    "frame", "split", "scene", "camera", "iso", "bits", "cfa", "clipped", "exposure_ev", "kelvin",
    "yaw", "pitch", "fov", "saturated", "median", "raw_sha256", "srgb_sha256", "developed_sha256", "note",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """Direction and angle of one photograph, in degrees."""

    yaw: float
    pitch: float
    fov: float


def scene_signature(scene: np.ndarray) -> np.ndarray:
    """A panorama as a small image that survives other resolutions, exposures and file formats.

    Returns:
        float64 (64, 128): log luminance, each row without its mean (sky above and ground below are no
        likeness), weighted by the row's share of the sphere, of unit norm.
    """
    luminance = scene.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    rows = np.linspace(0, scene.shape[0], 65).astype(int)
    columns = np.linspace(0, scene.shape[1], 129).astype(int)
    sums = np.add.reduceat(np.add.reduceat(luminance, rows[:-1], axis=0), columns[:-1], axis=1)
    small = sums / (np.diff(rows)[:, None] * np.diff(columns)[None, :])
    logarithm = np.log(small + np.median(small) * 1e-2 + 1e-12)
    weight = np.sqrt(np.cos((np.arange(64) + 0.5) / 64 * np.pi - np.pi / 2))
    detail = (logarithm - logarithm.mean(axis=1, keepdims=True)) * weight[:, None]
    return detail / max(float(np.linalg.norm(detail)), 1e-12)


def scene_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Greatest correlation of two signatures over every turn about the vertical, mirrored or not."""
    best = -1.0
    for other in (second, second[:, ::-1]):
        spectrum = np.fft.fft(first, axis=1) * np.conj(np.fft.fft(other, axis=1))
        best = max(best, float(np.fft.ifft(spectrum.sum(axis=0)).real.max()))
    return best


def scenes_in_common(scenes: Sequence[Path], tested: Sequence[Path]) -> dict[Path, tuple[Path, float]]:
    """For each scene its most alike one among ``tested`` and their correlation."""
    signatures = {path: scene_signature(read_scene(path)) for path in tested}
    closest = {}
    for path in scenes:
        signature = scene_signature(read_scene(path))
        values = {other: scene_correlation(signature, s) for other, s in signatures.items()}
        if values:
            match = max(values, key=lambda other: values[other])
            closest[path] = (match, values[match])
    return closest


Rows = list[dict[str, object]]
Split = tuple[list[Path], int]
"""The scenes of a split, and how many frames it has."""


def simulate_training_frames(
    scenes_dir: Path,
    out_dir: Path,
    count: int,
    size: tuple[int, int] = (384, 512),
    seed: int = 0,
    exclude: Path | None = None,
    leave_out: Mapping[str, str] | None = None,
    validation_count: int = 0,
    validation_scenes: int | Collection[str] | None = None,
    executor: Executor | None = None,
) -> Path:
    """Write random frames for training and validation, and a manifest of them; return the manifest's path.

    Every frame goes through a DNG file and LibRaw, as a photographer's would. The frames of a scene are in one split.
    Frame ``i`` of a split depends on the seed, the list of scenes and ``i`` alone.

    Args:
        scenes_dir: folder of ``.hdr`` and ``.exr`` scenes.
        out_dir: folder for ``train/raw_00000.npy`` (uint16 (H, W, 3)), ``train/srgb_00000.npy`` (uint8, LibRaw's
            rendition), ``train/developed_00000.npy`` (uint8, as some camera would develop it), the same under
            ``validation/``, and ``manifest.csv``.
        count: training frames.
        size: rows and columns.
        seed: of views, cameras, settings and noise.
        exclude: folder of scenes for testing; the same scenes are left out, and the manifest says so.
        leave_out: names of further scene files to leave out, each with the reason, for the manifest.
        validation_count: validation frames.
        validation_scenes: names of those set aside, or how many to draw; None for ``VALIDATION_SCENES``, or a share.
        executor: what simulates the scenes, in place of this process; it changes no frame.

    Raises:
        UsageError: a split that should have frames has no scene, or a scene for validation is not there.
        SampleError: a scene cannot be read.
    """
    scenes, excluded = _usable_scenes(Path(scenes_dir), exclude, leave_out or {})
    held_out = _held_out(scenes, validation_scenes, seed) if validation_count else set()
    splits: dict[str, Split] = {
        "train": ([path for path in scenes if path.name not in held_out], count),
        "validation": ([path for path in scenes if path.name in held_out], validation_count),
    }
    empty = [split for split, (members, frames) in splits.items() if frames and not members]
    if empty:
        raise UsageError(f"{scenes_dir}: holds no usable scene for {empty[0]} ({_tell(splits)})")
    return _write_frames(splits, excluded, Path(out_dir), size, seed, executor)


def _tell(splits: Mapping[str, Split]) -> str:
    return ", ".join(
        f"{len(members)} scenes and {frames} frames of {name}" for name, (members, frames) in splits.items()
    )


def _write_frames(
    splits: Mapping[str, Split],
    excluded: Iterable[tuple[Path, str]],
    out_dir: Path,
    size: tuple[int, int],
    seed: int,
    executor: Executor | None,
) -> Path:
    """Write the frames of all splits and their manifest, rows when a scene's frames are there; the manifest's path.

    Args:
        splits: by name.
        excluded: scenes that are left out, with the reasons.
        out_dir: made if missing.
        size: rows and columns.
        seed: of everything.
        executor: what runs the scenes, or None.
    """
    manifest = out_dir / "manifest.csv"
    out_dir.mkdir(parents=True, exist_ok=True)
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS, restval="")
        writer.writeheader()
        for path, note in excluded:
            writer.writerow({"split": "excluded", "scene": path.name, "note": note})
        tasks = []
        for stream, (split, (members, frames)) in enumerate(splits.items(), start=1):
            (out_dir / split).mkdir(exist_ok=True)
            write = partial(_write_scene, out_dir, split, frames, size, [seed, stream])
            tasks += [partial(write, number, len(members), path) for number, path in enumerate(members[:frames])]
        for rows in _in_order(tasks, executor):
            writer.writerows(rows)
            file.flush()
    return manifest


def _in_order(tasks: Sequence[Callable[[], Rows]], executor: Executor | None) -> Iterator[Rows]:
    """What each task returns, in their order.

    Raises:
        RawbenchError: what a task raised, or a process that died.
    """
    if executor is None:
        yield from (task() for task in tasks)
        return
    found: dict[int, Rows] = {}
    following = 0
    for number, outcome in executor.map_unordered(partial(_outcome, tasks), range(len(tasks))):
        if isinstance(outcome, WorkerDied):
            raise RawbenchError(f"training frames: {outcome.reason}")
        if isinstance(outcome, Exception):
            raise outcome
        found[number] = outcome
        while following in found:
            yield found.pop(following)
            following += 1


def _outcome(tasks: Sequence[Callable[[], Rows]], number: int) -> Rows | Exception:
    # A worker that raises is a worker that died: its reason would be lost.
    try:
        return tasks[number]()
    except (RawbenchError, OSError) as error:
        return error


def _usable_scenes(
    folder: Path, exclude: Path | None, leave_out: Mapping[str, str]
) -> tuple[list[Path], list[tuple[Path, str]]]:
    scenes = list_scenes(folder)
    excluded = {path: leave_out[path.name] for path in scenes if path.name in leave_out}
    closest = scenes_in_common(scenes, list_scenes(exclude)) if exclude else {}
    for path, (match, value) in closest.items():
        if value >= SAME_SCENE_CORRELATION:
            excluded[path] = f"same scene as {match.name}: correlation {value:.3f}"
    return [path for path in scenes if path not in excluded], list(excluded.items())


def _held_out(scenes: Sequence[Path], wanted: int | Collection[str] | None, seed: int) -> set[str]:
    """Names of the validation scenes; a draw follows each name's digest, so that other scenes do not move it."""
    names = {path.name for path in scenes}
    if wanted is None:
        wanted = names.intersection(VALIDATION_SCENES) or max(1, len(scenes) // VALIDATION_SHARE)
    if not isinstance(wanted, int):
        for name in wanted:
            if name not in names:
                raise UsageError(f"no usable scene for validation has the name {name!r}{suggest(name, names)}")
        return set(wanted)
    order = sorted(scenes, key=lambda path: hashlib.sha256(f"{seed}:{path.name}".encode()).hexdigest())
    return {path.name for path in order[:wanted]}


def _write_scene(
    out_dir: Path, split: str, count: int, size: tuple[int, int], seed: list[int], number: int, scenes: int, path: Path
) -> Rows:
    """Write those of ``count`` frames that fall to a scene, by its number among so many; return their manifest rows."""
    scene, rows = read_scene(path), []
    for frame in range(number, count, scenes):
        facts, file = simulate_frame(scene, size, np.random.default_rng([*seed, frame]))
        row = {"split": split, "frame": frame, "scene": path.name, **facts}
        matrix = find_camera(str(facts["camera"])).xyz_to_camera
        how = random_development(np.random.default_rng([*seed, frame, 1]))  # its own: the rest does not move
        developed = develop_pixels(file.raw16, tuple(matrix.flat), how)
        for kind, array in {"raw": file.raw16, "srgb": file.srgb8, "developed": developed}.items():
            np.save(out_dir / split / f"{kind}_{frame:05d}.npy", array)
            row[f"{kind}_sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
        rows.append(row)
    return rows


def simulate_frame(
    scene: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[dict[str, object], CameraFile]:
    """Photograph a scene from a random direction with a random camera and random settings.

    Args:
        scene: float32 (H, W, 3), linear light.
        size: rows and columns.
        rng: source of everything random.

    Returns:
        The settings (plain values, named as in the manifest) and the frame as LibRaw reads it.
    """
    view, light = _random_view(scene, size, rng)
    camera = CAMERAS[rng.integers(len(CAMERAS))]
    shot = _random_shot(light, rng)
    matrix = camera.xyz_to_camera @ (np.eye(3) + rng.normal(0, 0.015, (3, 3)))
    image = take_picture(light, camera, shot, rng, xyz_to_camera=matrix)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dng"
        write_cfa_dng(path, image)
        file = read_camera_file(path)
    facts = {
        "camera": camera.name,
        **{name: getattr(shot, name) for name in ("iso", "bits", "cfa")},
        **{name: round(getattr(shot, name), 4) for name in ("clipped", "exposure_ev", "kelvin")},
        **{name: round(getattr(view, name), 2) for name in ("yaw", "pitch", "fov")},
        "saturated": round(float((file.srgb8 == 255).any(axis=2).mean()), 4),
        "median": int(np.median(file.srgb8)),
    }
    return facts, file


def _random_view(scene: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> tuple[View, np.ndarray]:
    """A view near the horizon that shows something: directions of plain sky or wall are drawn again."""
    for _ in range(8):
        if is_panorama(scene):
            view = View(rng.uniform(-180, 180), rng.normal(-4, 12), rng.uniform(65, 112))
        else:
            view = View(rng.uniform(-180, 180), rng.uniform(-90, 90), rng.uniform(60, 100))
        light = scene_view(scene, view.yaw, view.pitch, view.fov, *size)
        if rng.random() < 0.5:
            light = light[:, ::-1]
        brightness = light[::4, ::4].mean(axis=2)
        spread = np.log(brightness + np.median(brightness) * 1e-2 + 1e-9)
        steps = np.abs(np.diff(spread, axis=0)).mean() + np.abs(np.diff(spread, axis=1)).mean()
        if steps > 0.08:
            break
    return view, light


def _random_shot(light: np.ndarray, rng: np.random.Generator) -> Shot:
    """Settings such as photographers choose: mostly well exposed, one in four too dark, some too bright."""
    shot = Shot(
        iso=int(rng.choice([100, 200, 400, 800, 1600, 3200], p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05])),
        clipped=float(np.exp(rng.uniform(np.log(0.002), np.log(0.06)))),
        kelvin=float(1e6 / rng.uniform(1e6 / 9000, 1e6 / 2800)),
        tint=float(rng.uniform(0.95, 1.05)),
        shading=float(rng.uniform(0.0, 0.35)),
        bits=int(rng.choice([12, 14])),
        cfa=str(rng.choice(list(CFA_ORDERS))),
    )
    middle = float(np.median(light)) * exposure_scale(light, shot.clipped, 0.0)
    wished = float(np.exp(rng.uniform(np.log(0.06), np.log(0.25))))
    # Raise dark scenes towards a photograph's brightness, at the cost of more clipped highlights.
    lift = float(np.clip(np.log2(wished / max(middle, 1e-6)), -0.4, 3.0))
    if rng.random() < 0.25:
        lift -= rng.uniform(0.7, 3.0)
    return replace(shot, exposure_ev=lift)
