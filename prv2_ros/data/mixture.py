# SPDX-License-Identifier: Apache-2.0
"""Sampling by set, not by frame, so that the largest set does not dominate training."""

from collections.abc import Sequence

import numpy as np

from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.sample import Sample
from prv2_ros.errors import DataError


class Mixture:
    """Draws a set by its weight, then one of its frames uniformly.

    A draw depends only on (seed, index): any worker, rank or resumed run gets the same frame for an index.

    Args:
        datasets: the sets; empty ones are left out.
        weights: one per set; they need not sum to 1.
        seed: of the draws.

    Raises:
        DataError: no set has a frame, or the numbers of sets and weights differ.
    """

    def __init__(self, datasets: Sequence[FrameSet], weights: Sequence[float], *, seed: int = 0) -> None:
        if len(datasets) != len(weights):
            raise DataError(f"{len(datasets)} data sets, but {len(weights)} weights")
        pairs = [(d, w) for d, w in zip(datasets, weights, strict=True) if len(d) and w > 0]
        if not pairs:
            raise DataError("no data set of the mixture has a frame")
        self.datasets = [d for d, _ in pairs]
        total = float(sum(w for _, w in pairs))
        self.shares = [w / total for _, w in pairs]
        self.seed = seed

    def draw(self, index: int) -> tuple[Sample, np.random.Generator]:
        """The frame for `index`, and the random generator for its augmentation."""
        rng = np.random.default_rng((self.seed, index))
        dataset = self.datasets[int(rng.choice(len(self.datasets), p=self.shares))]
        return dataset[int(rng.integers(len(dataset)))], rng

    def describe(self) -> list[dict[str, object]]:
        """Name, licence, frames and share of each set, for the header of the weights."""
        return [
            {"name": d.name, "licence": d.licence, "frames": len(d), "share": round(s, 4)}
            for d, s in zip(self.datasets, self.shares, strict=True)
        ]
