# SPDX-License-Identifier: Apache-2.0
"""Batches in an order that a resumed or distributed run repeats."""

from collections.abc import Iterator

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from prv2_ros.training.recipe import Recipe, RecipeError


class EpochSampler(Sampler[int]):
    """Indices of one epoch for one rank; the trainer calls `set_epoch`, so a resumed run continues where it was."""

    def __init__(self, items_per_epoch: int, *, rank: int = 0, world_size: int = 1) -> None:
        self.items_per_epoch, self.rank, self.world_size = items_per_epoch, rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.items_per_epoch // self.world_size

    def __iter__(self) -> Iterator[int]:
        start = self.epoch * self.items_per_epoch
        return iter(range(start + self.rank, start + self.items_per_epoch, self.world_size))


def training_loader(dataset: Dataset, recipe: Recipe, *, rank: int = 0, world_size: int = 1) -> DataLoader:
    """Batches of `recipe.batch_size` items; with several ranks the batch is shared among them.

    Raises:
        RecipeError: the batch cannot be shared equally, so that the schedule would not have the recipe's steps.
    """
    if recipe.batch_size % world_size:
        raise RecipeError(
            f"batch_size {recipe.batch_size} cannot be shared among {world_size} devices equally: "
            f"--set batch_size={world_size * max(1, round(recipe.batch_size / world_size))}, or fewer devices"
        )
    sampler = EpochSampler(recipe.steps_per_epoch * recipe.batch_size, rank=rank, world_size=world_size)
    return DataLoader(
        dataset,
        batch_size=recipe.batch_size // world_size,
        sampler=sampler,
        num_workers=recipe.workers,
        persistent_workers=recipe.workers > 0,
        worker_init_fn=_quiet_worker,
        drop_last=True,
        pin_memory=torch.cuda.is_available(),  # pages that are locked are copied while the device computes
    )


def _quiet_worker(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
