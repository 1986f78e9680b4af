# SPDX-License-Identifier: Apache-2.0
"""Files that a refiner starts from, put together from ImageNet, noisy pre-training and fresh numbers."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from prv2_ros.model import create_refiner
from prv2_ros.model.coarse.small import SmallCoarse
from prv2_ros.training.tasks import imagenet_file


def imagenet_encoder() -> dict[str, torch.Tensor]:
    """State of a three-channel EfficientNet-Lite0 backbone, from the installed package.

    Raises:
        RecipeError: the package is missing.
    """
    coarse = SmallCoarse()
    coarse.load_imagenet_state_dict(torch.load(imagenet_file(), map_location="cpu", weights_only=True))
    return coarse.encoder.state_dict()


def write_start(path: Path, variant: str, start: str, *, seed: int, noisy: Path | None = None) -> Path:
    """Write the refiner that a run starts from.

    Args:
        path: ends in .safetensors.
        variant: a registered name.
        start: "scratch", "imagenet", "noisy" (all but the residual layer, which starts at zero) or "noisy-encoder".
        seed: of the fresh numbers; what two starts both leave fresh is the same in both.
        noisy: weights of the noisy pre-training, for the last two.

    Returns:
        `path`.
    """
    torch.manual_seed(seed)
    refiner = create_refiner(variant)
    if start == "imagenet":
        refiner.encoder.load_rgb_state_dict(imagenet_encoder())
    elif start.startswith("noisy"):
        state = {name.removeprefix("refiner."): value.float() for name, value in load_file(noisy).items()}
        if start == "noisy-encoder":
            state = refiner.state_dict() | {name: v for name, v in state.items() if name.startswith("encoder.")}
        refiner.load_state_dict(state)
    if start == "noisy":
        # It answers depth where a residual is wanted, which so short a schedule would not unlearn.
        torch.nn.init.zeros_(refiner.f2c.residual.weight)
    refiner.encoder.clear_depth_channel()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({f"refiner.{name}": value.contiguous() for name, value in refiner.state_dict().items()}, path)
    return path
