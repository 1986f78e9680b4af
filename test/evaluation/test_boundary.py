# SPDX-License-Identifier: Apache-2.0
"""Boundary metrics against a plain NumPy Canny, and what they must and must not punish."""

import math

import numpy as np
import pytest

from prv2_ros.errors import DataError
from prv2_ros.evaluation import boundary_metrics


def blocks(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    generator = np.random.default_rng(seed)
    depth = np.full((height, width), 30.0) + np.arange(height)[:, None] * 0.1
    for _ in range(5):
        top, left = generator.integers(0, height - 14), generator.integers(0, width - 18)
        depth[top : top + 12, left : left + 15] = generator.uniform(2, 20)
    return depth


def blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    reach = len(kernel) // 2
    padded = np.pad(image, reach, mode="edge")
    rows = sum(weight * padded[i : i + image.shape[0]] for i, weight in enumerate(kernel))
    return sum(weight * rows[:, i : i + image.shape[1]] for i, weight in enumerate(kernel))


def plain_canny(depth: np.ndarray) -> np.ndarray:
    """Canny from its definition: Gaussian, Sobel, suppression across the edge in four sectors, hysteresis."""
    kernel = np.exp(-(np.arange(-4, 5) ** 2) / 2.0)
    smooth = blur(np.log(depth), kernel / kernel.sum())
    height, width = depth.shape
    padded = np.pad(smooth, 1, mode="edge")

    def at(down, right):
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    along_x = sum(w * (at(d, 1) - at(d, -1)) for d, w in ((-1, 1), (0, 2), (1, 1)))
    along_y = sum(w * (at(1, r) - at(-1, r)) for r, w in ((-1, 1), (0, 2), (1, 1)))
    along_x, along_y = np.rint(along_x * 512), np.rint(along_y * 512)
    strength = np.pad(along_x**2 + along_y**2, 1)
    weak, strong = np.zeros(depth.shape, bool), []
    for row in range(height):
        for column in range(width):
            gx, gy = along_x[row, column], along_y[row, column]
            here = strength[row + 1, column + 1]
            if here <= math.floor((0.1 * 512) ** 2):
                continue
            if abs(gy) < abs(gx) * math.tan(math.pi / 8):
                before, after, strict = (0, -1), (0, 1), False
            elif abs(gy) > abs(gx) * math.tan(3 * math.pi / 8):
                before, after, strict = (-1, 0), (1, 0), False
            else:
                side = -1 if (gx < 0) != (gy < 0) else 1
                before, after, strict = (-1, -side), (1, side), True
            last = strength[row + 1 + after[0], column + 1 + after[1]]
            if here > strength[row + 1 + before[0], column + 1 + before[1]] and (
                here > last if strict else here >= last
            ):
                weak[row, column] = True
                if here > math.floor((0.2 * 512) ** 2):
                    strong.append((row, column))
    edges = np.zeros(depth.shape, bool)
    while strong:
        row, column = strong.pop()
        if edges[row, column]:
            continue
        edges[row, column] = True
        for r in range(max(row - 1, 0), min(row + 2, height)):
            for c in range(max(column - 1, 0), min(column + 2, width)):
                if weak[r, c] and not edges[r, c]:
                    strong.append((r, c))
    return edges


def plain_dilate(edges: np.ndarray) -> np.ndarray:
    padded = np.pad(edges, 2)
    height, width = edges.shape
    return np.any([padded[r : r + height, c : c + width] for r in range(5) for c in range(5)], axis=0)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_agrees_with_a_plain_canny(seed):
    target = blocks(seed)
    noise = np.random.default_rng(seed).normal(0, 0.03, target.shape)
    prediction = np.roll(target, 2, axis=1) * np.exp(blur(noise, np.ones(3) / 3))
    found, true = plain_dilate(plain_canny(prediction)), plain_dilate(plain_canny(target))
    precision, recall = (found & true).sum() / found.sum(), (found & true).sum() / true.sum()
    expected = {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
    assert 0.2 < expected["f1"] < 0.95
    assert boundary_metrics(prediction, target) == pytest.approx(expected, abs=1e-5)


def test_equal_maps_agree_even_with_gaps_and_sky():
    depth = blocks()
    depth[:6] = np.inf
    depth[20:24, 30:40] = 0.0
    depth[30:33, 3:9] = np.nan
    assert boundary_metrics(depth, depth) == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_one_scale_factor_costs_nothing():
    depth = blocks()
    assert boundary_metrics(depth * 1.3, depth)["f1"] == pytest.approx(1.0, abs=0.02)


def test_smeared_edges_cost_recall_and_invented_edges_cost_precision():
    depth = blocks()
    smeared = np.exp(blur(np.log(depth), np.ones(41) / 41))
    assert boundary_metrics(smeared, depth)["recall"] < 0.5
    invented = depth.copy()
    invented[::6] *= 0.5
    result = boundary_metrics(invented, depth)
    assert result["precision"] < 0.7 < result["recall"]


def test_edge_against_the_sky_counts_on_its_near_side():
    target = np.full((30, 30), 10.0)
    target[:15] = np.inf
    far = np.where(np.isinf(target), 80.0, target)
    assert boundary_metrics(far, target)["f1"] == 1.0
    assert boundary_metrics(np.full((30, 30), 10.0), target)["recall"] == 0.0


def test_a_gap_in_the_ground_truth_is_no_edge():
    target = np.full((30, 30), 10.0)
    target[10:20, 10:20] = 0.0
    assert boundary_metrics(np.full((30, 30), 10.0), target)["f1"] == 1.0


def test_prediction_is_resized_and_its_gaps_count():
    depth = blocks()
    assert 0.5 < boundary_metrics(depth[::2, ::2], depth)["f1"] < 1.0
    holed = depth.copy()
    holed[10:30, 10:40] = np.nan
    assert boundary_metrics(holed, depth)["f1"] < boundary_metrics(depth, depth)["f1"]


def test_nothing_valid_is_an_error():
    with pytest.raises(DataError, match="no pixel"):
        boundary_metrics(np.ones((8, 8)), np.zeros((8, 8)))
