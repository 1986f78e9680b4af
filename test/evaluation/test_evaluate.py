# SPDX-License-Identifier: Apache-2.0
"""The evaluation loop and its report, with an engine whose answers are known."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

from prv2_ros.errors import DataError
from prv2_ros.evaluation import EvaluationReport, FrameResult, evaluate


@dataclass
class Timing:
    total_ms: float


class KnownEngine:
    """Refined depth is `factor` times the truth, coarse depth `coarse_factor` times."""

    def __init__(self, truth: np.ndarray, factor: float, coarse_factor: float):
        self.truth = np.where(np.isfinite(truth) & (truth > 0), truth, 80.0)
        self.factor, self.coarse_factor = factor, coarse_factor
        self.focals = []

    def __call__(self, rgb, focal_px):
        self.focals.append(focal_px)
        return self.truth * self.factor, Timing(12.5)

    def coarse(self, rgb, focal_px):
        self.focals.append(focal_px)
        return self.truth * self.coarse_factor


@dataclass
class Frame:
    depth_m: np.ndarray
    name: str = "frame"
    focal_px: tuple[float, float] = (300.0, 310.0)
    rgb: np.ndarray = None


def dense_truth() -> np.ndarray:
    depth = np.full((32, 40), 20.0, np.float32)
    depth[8:24, 10:30] = 4.0
    depth[:4] = np.inf
    return depth


def test_both_branches_are_measured_with_the_true_focal():
    truth = dense_truth()
    engine = KnownEngine(truth, 1.1, 1.4)
    report = evaluate(engine, [Frame(truth, "a"), Frame(truth, "b")], settings={"weights": "known"})
    assert [frame.name for frame in report.frames] == ["a", "b"]
    assert report.refined["rel"] == pytest.approx(0.1, abs=1e-6)
    assert report.coarse["rel"] == pytest.approx(0.4, abs=1e-6)
    assert (report.refined["delta1"], report.coarse["delta1"]) == (1.0, 0.0)
    assert report.refined["f1"] > 0.95 and report.refined["see"] < report.coarse["see"]
    assert engine.focals == [(300.0, 310.0)] * 4
    assert report.frames[0].total_ms == 12.5
    assert report.settings == {"weights": "known", "range_m": [1e-3, 80.0], "baseline_m": 0.2}


def test_sparse_ground_truth_has_no_edge_metrics():
    truth = np.zeros((32, 40), np.float32)
    truth[::4, ::5] = 10.0
    report = evaluate(KnownEngine(truth, 1.0, 2.0), [Frame(truth)])
    assert report.refined["rmse"] == 0.0
    assert not {"see", "precision", "recall", "f1"} & set(report.refined)


def test_soft_edge_error_follows_the_baseline():
    truth = np.full((16, 16), 10.0, np.float32)
    truth[:, 8:] = 9.0
    engine = KnownEngine(truth, 1.05, 1.05)
    # 300 px · 0.2 m · (1/9 − 1/10) is 0.67 px, no jump; with 0.4 m it is 1.33 px
    assert "see" not in evaluate(engine, [Frame(truth)], baseline_m=0.2).refined
    assert evaluate(engine, [Frame(truth)], baseline_m=0.4).refined["see"] > 0


def test_frames_without_ground_truth_are_named_and_left_out():
    truth = dense_truth()
    empty = Frame(np.zeros_like(truth), "hollow")
    report = evaluate(KnownEngine(truth, 1.0, 1.0), [empty, Frame(truth, "full")])
    assert report.skipped == ["hollow"] and len(report.frames) == 1
    assert "hollow" in report.table()
    with pytest.raises(DataError, match="none of 1 frames"):
        evaluate(KnownEngine(truth, 1.0, 1.0), [empty])


def test_consistency_belongs_to_the_refined_depth_and_may_be_undefined():
    truth = dense_truth()
    values = iter([0.5, math.nan, 0.7])
    report = evaluate(KnownEngine(truth, 1.0, 1.0), [Frame(truth)] * 3, consistency=lambda rgb, focal_px: next(values))
    assert report.refined["consistency"] == pytest.approx(0.6)
    assert "consistency" not in report.coarse


def test_range_reaches_the_metrics():
    truth = np.array([[2.0] * 20, [30.0] * 20], np.float32)
    engine = KnownEngine(truth, 1.0, 1.0)
    engine.truth[1] = 60.0
    assert evaluate(engine, [Frame(truth)], max_depth=10.0).refined["rmse"] == 0.0
    assert evaluate(engine, [Frame(truth)]).refined["rmse"] > 20


def report_of_two() -> EvaluationReport:
    frames = [
        FrameResult("one", {"delta1": 0.8, "rmse": 2.0}, {"delta1": 0.9, "rmse": 1.5, "see": math.nan}, 10.0),
        FrameResult("two", {"delta1": 0.6, "rmse": 4.0}, {"delta1": 0.7, "rmse": 1.5, "see": 0.4}, 20.0),
    ]
    return EvaluationReport({"weights": "w"}, frames)


def test_means_ignore_what_a_frame_does_not_have():
    report = report_of_two()
    assert report.coarse == pytest.approx({"delta1": 0.7, "rmse": 3.0})
    assert report.refined == pytest.approx({"delta1": 0.8, "rmse": 1.5, "see": 0.4})


def test_table_sets_the_branches_side_by_side_and_says_the_change():
    lines = report_of_two().table().splitlines()
    titles = lines[0].split()
    assert titles[:5] == ["δ1", "δ2", "δ3", "REL", "RMSE"]
    assert lines[1].split()[:3] == ["one", "coarse", "0.8000"]
    assert lines[2].split()[:2] == ["refined", "0.9000"]
    change = lines[-2].split()
    assert change[:2] == ["change", "%"] and change[2 + titles.index("RMSE")] == "-50.0"
    assert "one" not in report_of_two().table(per_frame=False)
    assert len({len(line) for line in lines[:-1]}) == 1, "columns line up"


def test_report_is_json_without_nan():
    text = json.dumps(report_of_two().as_dict(), allow_nan=False)
    found = json.loads(text)
    assert found["frames"][0]["refined"]["see"] is None
    assert found["mean"]["refined"]["rmse"] == 1.5
