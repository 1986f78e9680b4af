# SPDX-License-Identifier: Apache-2.0
"""`prv2 eval` on a folder data set with the real network at a small process size."""

import json

import cv2
import numpy as np
import pytest
from tiny_weights import write_tiny_weights

from prv2_ros.cli.main import main

HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    return str(write_tiny_weights(path, process_size=(64, 96)))


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    """Two dense frames with sky, a sparse one and one without depth."""
    folder = tmp_path_factory.mktemp("data") / "steps"
    for part in ("rgb", "depth"):
        (folder / part).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name in ("a_dense", "b_dense", "c_sparse", "d_empty"):
        depth = np.full((HEIGHT, WIDTH), 9000, np.uint16)
        depth[30:90, 40:100] = 3000
        depth[:10] = 65535
        if name == "c_sparse":
            depth[generator.random(depth.shape) > 0.03] = 0
        elif name == "d_empty":
            depth[:] = 0
        cv2.imwrite(str(folder / "rgb" / f"{name}.png"), generator.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
        cv2.imwrite(str(folder / "depth" / f"{name}.png"), depth)
    meta = {
        "dataset": "steps",
        "licence": "ours",
        "fx": 150.0,
        "fy": 150.0,
        "depth_unit_m": 0.001,
        "sky": 65535,
        "splits": {"test": ["a_dense", "c_sparse"]},
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return str(folder)


def test_table_and_json_have_frames_means_and_both_branches(small_weights, data_set, tmp_path, capsys):
    out = tmp_path / "report.json"
    options = ["--json", str(out), "--grid", "2x2", "--device", "cpu", "--precision", "fp32"]
    assert main(["eval", small_weights, data_set, *options]) == 0
    table = capsys.readouterr().out
    report = json.loads(out.read_text())

    assert [frame["name"] for frame in report["frames"]] == ["a_dense", "b_dense", "c_sparse"]
    assert report["skipped"] == ["d_empty"] and "d_empty" in table
    assert report["settings"]["weights"] == "small" and report["settings"]["data_set"] == "steps"
    for branch in ("coarse", "refined"):
        mean = report["mean"][branch]
        assert mean["rmse"] == pytest.approx(np.mean([frame[branch]["rmse"] for frame in report["frames"]]))
        assert f"{mean['rmse']:.4f}" in table or f"{mean['rmse']:.2f}" in table
    assert {"see", "f1", "consistency"} <= set(report["frames"][0]["refined"])
    assert "f1" not in report["frames"][2]["refined"]
    assert report["mean"]["refined"]["consistency"] > 0
    assert "change %" in table


def test_split_limit_and_means_only(small_weights, data_set, tmp_path, capsys):
    out = tmp_path / "report.json"
    options = ["--split", "test", "--limit", "1", "--json", str(out), "--grid", "1x1", "--means-only"]
    assert main(["eval", small_weights, data_set, *options, "--no-consistency"]) == 0
    report = json.loads(out.read_text())
    assert [frame["name"] for frame in report["frames"]] == ["a_dense"]
    assert report["settings"]["split"] == "test"
    assert "consistency" not in report["mean"]["refined"]
    assert "a_dense" not in capsys.readouterr().out


@pytest.mark.parametrize("budget", [["--budget-tiles", "2"], ["--budget-share", "1e-6"]])
def test_what_a_budget_costs_is_measured_in_the_same_run(small_weights, data_set, tmp_path, capsys, budget):
    out = tmp_path / "report.json"
    options = ["--json", str(out), "--grid", "2x2", "--no-consistency", "--every", "2", *budget]
    assert main(["eval", small_weights, data_set, *options]) == 0
    report = json.loads(out.read_text())
    assert [frame["name"] for frame in report["frames"]] == ["a_dense", "c_sparse"]
    tiles = 2 if "--budget-tiles" in budget else 1
    assert all(frame["budgeted"]["tiles"] == tiles for frame in report["frames"])
    coarse, full, within = (report["mean"][name]["rmse"] for name in ("coarse", "refined", "budgeted"))
    assert len({coarse, full, within}) == 3
    assert report["share_of_gain"] == pytest.approx((coarse - within) / (coarse - full))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("budget:"))
    assert f"{tiles}.0 of 4.0 tiles" in line and f"{report['share_of_gain']:.0%} of the gain" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "val"], "split 'val'"),
        (["--min-depth", "5", "--max-depth", "2"], "range 5 to 2 m"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at is not a folder"),
        (["--budget-share", "1.5"], "a share above 0 and up to 1"),
        (["--max-depth", "0.5", "--grid", "1x1"], "has ground truth from 0.001 to 0.5 m"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(small_weights, data_set, capsys, options, words):
    assert main(["eval", small_weights, data_set, *options]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("prv2 eval:")]
    assert len(error) == 1 and words in error[0]


def test_a_missing_folder_and_missing_weights_are_named(small_weights, data_set, capsys):
    assert main(["eval", small_weights, "/nowhere"]) == 1
    assert "/nowhere" in capsys.readouterr().err
    assert main(["eval", "/nowhere.safetensors", data_set]) == 1
    assert "/nowhere.safetensors" in capsys.readouterr().err
