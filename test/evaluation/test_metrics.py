# SPDX-License-Identifier: Apache-2.0
"""Depth metrics against plain loops, and the properties a reader of a table relies on."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from prv2_ros.errors import DataError
from prv2_ros.evaluation import depth_metrics, disparity_jumps


def scene(seed: int, height: int = 23, width: int = 31) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and a ground truth with gaps, sky, values beyond the range and steps."""
    generator = np.random.default_rng(seed)
    target = generator.uniform(0.5, 60.0, (height, width))
    target[5:12, 8:20] = 3.0
    target[0, :4] = 0.0
    target[1, :4] = np.nan
    target[2, :4] = np.inf
    target[3, :4] = 95.0
    prediction = target * generator.uniform(0.5, 1.8, target.shape)
    prediction[~np.isfinite(prediction)] = 7.0
    prediction[10, 10:13] = [np.nan, np.inf, -np.inf]
    prediction[11, 10:13] = [-4.0, 200.0, 0.0]
    return prediction, target


def metrics_by_loops(prediction, target, low, high, disparity):
    """Section by section from the definitions, one pixel at a time."""
    height, width = target.shape
    sums = dict.fromkeys(("delta1", "delta2", "delta3", "rel", "rmse", "log10", "sq_rel"), 0.0)
    logs, see = [], []
    for row in range(height):
        for column in range(width):
            truth = target[row, column]
            if not (math.isfinite(truth) and low <= truth <= high):
                continue
            estimate = prediction[row, column]
            estimate = low if math.isnan(estimate) else min(max(estimate, low), high)
            ratio = max(estimate / truth, truth / estimate)
            for power in (1, 2, 3):
                sums[f"delta{power}"] += ratio < 1.25**power
            sums["rel"] += abs(estimate - truth) / truth
            sums["rmse"] += (estimate - truth) ** 2
            sums["log10"] += abs(math.log10(estimate) - math.log10(truth))
            sums["sq_rel"] += (estimate - truth) ** 2 / truth
            logs.append(math.log(estimate) - math.log(truth))
            around = [
                (row + down, column + right)
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if 0 <= row + down < height and 0 <= column + right < width
            ]
            here = disparity[row, column]
            if any(abs(disparity[r, c] - here) > 1 for r, c in around if abs(r - row) + abs(c - column) == 1):
                known = [target[at] for at in around if math.isfinite(target[at]) and target[at] > 0]
                see.append(min(abs(value - estimate) for value in known))
    count = len(logs)
    result = {name: value / count for name, value in sums.items()}
    result["rmse"] = math.sqrt(result["rmse"])
    mean = sum(logs) / count
    result["silog"] = 100 * math.sqrt(sum((value - mean) ** 2 for value in logs) / count)
    result["see"] = sum(see) / len(see)
    return result


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_plain_loops(seed):
    prediction, target = scene(seed)
    disparity = np.where(np.nan_to_num(target) > 0, 0.2 * 400 / np.maximum(np.nan_to_num(target), 0.1), 0.0)
    expected = metrics_by_loops(prediction, target, 1e-3, 80.0, disparity)
    found = depth_metrics(prediction, target, disparity=disparity)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-5, rel=1e-5), name


def test_values_known_by_hand():
    found = depth_metrics(np.full((4, 4), 2.6), np.full((4, 4), 2.0))
    assert found["delta1"] == 0.0 and found["delta2"] == 1.0
    assert found["rel"] == pytest.approx(0.3)
    assert found["rmse"] == pytest.approx(0.6)
    assert found["log10"] == pytest.approx(math.log10(1.3))
    assert found["silog"] == pytest.approx(0.0, abs=1e-9)
    assert found["sq_rel"] == pytest.approx(0.18)
    assert "see" not in found


@pytest.mark.parametrize("size", [(12, 16), (62, 74), (31, 90), (7, 5)])
def test_prediction_of_another_size_is_resized_with_half_pixel_centres(size):
    generator = np.random.default_rng(4)
    small = generator.uniform(1, 20, size)
    target = generator.uniform(1, 20, (31, 37))
    large = functional.interpolate(
        torch.from_numpy(small)[None, None], size=(31, 37), mode="bilinear", align_corners=False
    )
    assert depth_metrics(small, target) == pytest.approx(depth_metrics(large[0, 0].numpy(), target), rel=1e-5)


def test_sparse_ground_truth_is_measured_on_its_points_only():
    target = np.zeros((20, 20))
    target[::5, ::5] = 10.0
    prediction = np.full((20, 20), 70.0)
    prediction[::5, ::5] = 10.0
    assert depth_metrics(prediction, target)["rmse"] == 0.0


def test_range_is_inclusive_and_a_parameter():
    target = np.array([[1.0, 5.0, 10.0, 11.0]])
    prediction = np.array([[1.0, 5.0, 30.0, 40.0]])
    assert depth_metrics(prediction, target, min_depth=1.0, max_depth=10.0)["rmse"] == 0.0
    assert depth_metrics(prediction, target)["rmse"] > 10


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, 81.0])
def test_nothing_valid_is_an_error_with_a_way_out(fill):
    with pytest.raises(DataError, match=r"no pixel from 0\.001 to 80 m"):
        depth_metrics(np.ones((3, 3)), np.full((3, 3), fill))


@pytest.mark.parametrize("shape", [(3, 3, 1), (9,), (0, 3)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(DataError, match="prediction has shape"):
        depth_metrics(np.ones(shape), np.ones((3, 3)))
    with pytest.raises(DataError, match="target has shape"):
        depth_metrics(np.ones((3, 3)), np.ones(shape))


def test_disparity_of_another_shape_is_an_error():
    with pytest.raises(DataError, match=r"disparity has shape \(3, 4\)"):
        depth_metrics(np.ones((3, 3)), np.ones((3, 3)), disparity=np.ones((3, 4)))


def step_scene() -> tuple[np.ndarray, np.ndarray]:
    depth = np.full((16, 16), 20.0)
    depth[:, 8:] = 4.0
    return depth, 0.2 * 400 / depth


def test_soft_edge_error_forgives_one_pixel_and_no_more():
    target, disparity = step_scene()
    assert depth_metrics(np.roll(target, 1, axis=1), target, disparity=disparity)["see"] == pytest.approx(0.0)
    blurred = (target + np.roll(target, 2, axis=1)) / 2
    assert depth_metrics(blurred, target, disparity=disparity)["see"] > 1.0


def test_soft_edge_error_of_a_flat_scene_is_undefined():
    flat = np.full((8, 8), 5.0)
    assert math.isnan(depth_metrics(flat, flat, disparity=np.full((8, 8), 3.0))["see"])


def test_jump_marks_both_sides_and_ignores_unknown_disparity():
    disparity = np.zeros((3, 4))
    disparity[:, 2:] = 1.5
    disparity[0, 3] = np.nan
    jumps = disparity_jumps(disparity)
    assert jumps[:, 1:3].all() and not jumps[:, [0, 3]].any()
    assert not disparity_jumps(disparity * (1 / 1.5)).any(), "a jump of exactly 1 px is none"


@pytest.mark.parametrize("bounds", [(0.0, 80.0), (-1.0, 80.0), (2.0, 1.0)])
def test_a_range_that_would_count_unknown_pixels_is_refused(bounds):
    with pytest.raises(DataError, match="0 < min_depth < max_depth"):
        depth_metrics(np.ones((4, 4)), np.zeros((4, 4)), min_depth=bounds[0], max_depth=bounds[1])
