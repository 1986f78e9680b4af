# SPDX-License-Identifier: Apache-2.0
"""Recipes: one flat YAML file says everything that a run depends on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from prv2_ros.errors import Prv2Error
from prv2_ros.training.settings import RecipeError, read_settings

LOSSES = (
    *("log_l1", "log_robust", "silog", "silog_mean", "gradient", "ssigm", "rmse", "sky", "auxiliary", "coarse"),
    *("detail", "window_px", "windows", "ssi", "consistency"),
)
VIEW = ("min_scale", "whole", "aspect_jitter", "max_roll_deg")
SET = ("root", "name", "weight", "split", "include", "exclude", "optional", "tag")
TASKS = ("coarse", "noisy_pretrain", "refine", "end_to_end", "transfer")


class NonFiniteLossError(Prv2Error):
    """The loss became NaN or infinite."""


@dataclass
class Recipe:
    """What a run does; every field may stand in the YAML file or behind `--set`.

    Attributes:
        task: coarse | noisy_pretrain | refine | end_to_end | transfer.
        variant, coarse: names for `create_refiner` and `create_coarse`.
        coarse_source: of coarse `depth-anything-v2` and `zoedepth`, the folder or hub name with their weights.
        init_coarse, init_refiner: where to start from: a checkpoint or weights file, the name of packaged weights, a
            state dict of an ImageNet classifier ("imagenet:FILE"; of a coarse branch also "imagenet", for the package),
            or null.
        zero_residual: start refining from D_r = 0, for schedules too short to unlearn what pre-training answers.
        roots: name to folder of data sets.
        sets: list of {root, name (pattern), weight, split, include, exclude}.
        validation: the same without weights, with `tag` naming the metric.
        process_size, canonical_focal_px, min_depth_m, max_depth_m: the canonical camera and its range.
        sky_depth_m: canonical depth beyond which sky must lie; 0 leaves them free.
        drop_path: stochastic depth of the coarse branch's encoder at its last block (task coarse).
        view: arguments of `random_view`; `tile_size` (H, W) what the refiner trains on, at process scale;
            `tiles_per_frame`; `grid` (rows, columns) whose tiles' scale they have, as in the paper, or null for scales
            from the engine's own grid to the finest that a frame's pixels fill; `steps_per_draw` steps in a row that
            take their tiles from the same frames, for which a frozen coarse branch runs once; `colour` strength of the
            colour jitter.
        group_overlap: share of a tile's side that the four tiles of a frame overlap by (PRO's grouped patches: 0.43);
            losses are then of the four merged, and `losses.consistency` of their disagreement. 0: tiles on their own.
        bias_free: leave out pixels whose truth contradicts the coarse depth, except at edges of both (PRO's mask).
        validation_frames: at most this many of each tag.
        losses: weights of log_l1, log_robust (Geman-McClure), silog (silog_mean inside it), gradient, ssigm (local
            SSIGM of log depth), rmse, sky; of C2F's own depth (auxiliary) and the coarse branch (coarse); consistency
            of the tiles of a group (PRO: 4); for transfer detail, window_px, windows, ssi.
        epochs, steps_per_epoch, batch_size: the schedule; an epoch is only the distance between validations.
        lr, encoder_lr_factor, coarse_lr_factor, weight_decay, warm_up, div, final_div, clip, ema: optimiser.
        precision: Lightning's name; workers: loader processes; threads: torch threads, 0 leaves them.
        seed, out: reproducibility and where results go.
    """

    task: str = "coarse"
    variant: str = "prv2m-narrow"
    coarse: str = "small"
    coarse_source: str | None = None
    init_coarse: str | None = None
    init_refiner: str | None = None
    zero_residual: bool = False
    roots: dict[str, str] = field(default_factory=dict)
    sets: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)
    validation_frames: int = 48
    process_size: list[int] = field(default_factory=lambda: [384, 512])
    canonical_focal_px: float = 400.0
    min_depth_m: float = 1e-3
    max_depth_m: float = 80.0
    sky_depth_m: float = 0.0
    drop_path: float = 0.0
    view: dict[str, float] = field(default_factory=dict)
    tile_size: list[int] = field(default_factory=lambda: [192, 256])
    tiles_per_frame: int = 2
    grid: list[int] | None = None
    steps_per_draw: int = 1
    colour: float = 1.0
    group_overlap: float = 0.0
    bias_free: bool = False
    losses: dict[str, float] = field(default_factory=lambda: {"silog": 1.0, "silog_mean": 0.15})
    epochs: int = 10
    steps_per_epoch: int = 100
    batch_size: int = 8
    lr: float = 1.2e-4
    encoder_lr_factor: float = 0.1
    coarse_lr_factor: float = 0.1
    weight_decay: float = 1e-5
    warm_up: float = 0.3
    div: float = 2.0
    final_div: float = 100.0
    clip: float = 35.0
    ema: float = 0.0
    precision: str = "32-true"
    workers: int = 1
    threads: int = 0
    seed: int = 0
    out: str = "out/train"

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    @classmethod
    def of_checkpoint(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe in a checkpoint, without keys of older versions."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the checkpoint and the weights' header."""
        return asdict(self)


def _check_keys(path: Path, recipe: Recipe) -> None:
    """Refuse unknown keys inside the groups: a misspelt loss would train without it, a misspelt split on everything."""
    groups = [("losses", recipe.losses, LOSSES), ("view", recipe.view, VIEW)]
    for name, known in (("sets", SET), ("validation", SET)):
        entries = getattr(recipe, name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) and "root" in entry for entry in entries):
            raise RecipeError(f"{path}: {name} is {entries!r}, expected a list of groups that name a root")
        groups += [(name, entry, known) for entry in entries]
    if not isinstance(recipe.roots, dict):
        raise RecipeError(f"{path}: roots is {recipe.roots!r}, expected names with folders: --set roots.real=FOLDER")
    for name, values, known in groups:
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise RecipeError(f"{path}: unknown key {', '.join(unknown)} in {name}; known are {', '.join(known)}")


def _problems(recipe: Recipe) -> Iterator[str]:
    """What is impossible, and would be noticed only after the training, when the weights are written."""
    for name in ("process_size", "tile_size"):
        size = getattr(recipe, name)
        whole = isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
        if not whole or any(side % 32 for side in size):
            yield f"{name} is {size}, expected height and width in multiples of 32"
    low, high = recipe.min_depth_m, recipe.max_depth_m
    if not 0 < low < high:
        yield f"range {low:g} to {high:g} m: min_depth_m must be above 0 and below max_depth_m"
    for name in ("zero_residual", "bias_free"):
        if not isinstance(getattr(recipe, name), bool):
            yield f"{name} is {getattr(recipe, name)!r}, expected true or false"
    if not 0 <= recipe.group_overlap < 1:
        yield f"group_overlap is {recipe.group_overlap:g}, expected a share from 0 to below 1"
    if recipe.group_overlap and recipe.tiles_per_frame != 4:
        yield "group_overlap is of four tiles of a frame: set tiles_per_frame=4"
    if recipe.losses.get("consistency") and not recipe.group_overlap:
        yield "losses.consistency needs tiles that overlap: set group_overlap, in PRO 0.43"
    if (recipe.group_overlap or recipe.bias_free) and recipe.task not in ("refine", "end_to_end"):
        yield "group_overlap and bias_free are for the tasks refine and end_to_end"
    if recipe.task not in TASKS:
        yield f"task '{recipe.task}' is none of {', '.join(TASKS)}"
    for name in ("epochs", "steps_per_epoch", "batch_size", "tiles_per_frame", "steps_per_draw"):
        if getattr(recipe, name) < 1:
            yield f"{name} is {getattr(recipe, name)}, it must be at least 1"


def load_recipe(path: Path | str, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: YAML file, or the name of one under config/train without its ending.
        overrides: "key=value" texts, value as YAML, dots for groups ("losses.gradient=0.2").

    Raises:
        RecipeError: unreadable, unknown key, or an impossible value.
    """
    path, values = read_settings(Recipe, path, overrides, "train")
    recipe = Recipe(**values)
    _check_keys(path, recipe)
    for problem in _problems(recipe):
        raise RecipeError(f"{path}: {problem}")
    return recipe
