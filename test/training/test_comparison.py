# SPDX-License-Identifier: Apache-2.0
"""The comparison: its page says what the figures say, and a study of a few steps comes to its end."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prv2_ros.cli.main import main
from prv2_ros.engine.guided_filter import guided_filter
from prv2_ros.errors import DataError
from prv2_ros.training.comparison.page import write_page
from prv2_ros.training.comparison.rows import ROWS
from prv2_ros.training.comparison.study import Comparison, chosen_rows
from prv2_ros.training.recipe import load_recipe
from prv2_ros.training.run import recipe_was_run
from prv2_ros.training.studies import Measurement

COST = {
    "setting": {
        "device": "a GPU",
        "size": [2160, 3840],
        "whole_frames": True,
        "precision": "fp16",
        "threads": 2,
        "clock": "time",
        "torch": "2",
    },
    "costs": [
        {"key": "prv2m", "parameters": 46_951_989, "gflop": 15_070, "ms": 200.0, "peak_mib": 1000.0},
        {"key": "prv1", "parameters": 367_782_358, "gflop": 28_808, "ms": 500.0, "peak_mib": 3000.0},
    ],
}


def page(tmp_path: Path, rmse: dict[str, float], consistency: dict[str, float]) -> str:
    results = [
        Measurement("comparison", key, seed, {"rmse": value + 0.01 * seed, "consistency": consistency.get(key, 0.2)})
        for key, value in rmse.items()
        for seed in (0, 1)
    ]
    write_page(
        tmp_path / "page.md",
        costs=[COST],
        titles={"prv2m": "ours", "prv1": "V1"},
        paper_ratios={"prv1": 4.53},
        results=results,
        quality={"dataset": "toy", "steps": 3},
    )
    return (tmp_path / "page.md").read_text()


def test_the_page_tells_ratios_order_and_gains(tmp_path: Path) -> None:
    rmse = {"coarse": 1.0, "patchfusion": 0.9, "prv1": 0.95, "ours": 0.8, "ours-both": 0.81, "ours-mask": 0.9}
    text = page(tmp_path, rmse, {"ours": 0.2, "ours-both": 0.16, "ours-mask": 0.1})
    assert "| V1 | 367,782,358 | 28,808 | 500 | 3,000 | 2.50 | 4.53 | 3.00 |" in text
    assert "coarse, upsampled > PatchFusion, P16: agrees (mean difference +0.100 m)" in text
    assert "PatchFusion, P16 > PatchRefiner V1, P16: does not agree" in text
    both = next(line for line in text.splitlines() if line.startswith("- ours, both"))
    assert "consistency error -20.0 %" in both and "; reaches −15 %" in both
    mask = next(line for line in text.splitlines() if line.startswith("- ours, bias-free"))
    assert "; does not reach −15 % at an RMSE within 2 %" in mask
    assert "0.805 ± 0.007" in text


def test_a_page_without_figures_says_so(tmp_path: Path) -> None:
    write_page(tmp_path / "p.md", costs=[], titles={}, paper_ratios={}, results=[], quality=None)
    assert (tmp_path / "p.md").read_text().count("Not measured.") == 2


def test_unknown_rows_systems_and_missing_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert [row.key for row in chosen_rows(["ours", "coarse"])] == ["coarse", "ours"]
    assert chosen_rows(None) == ROWS
    with pytest.raises(DataError, match="no row nonsense; known are coarse, guided"):
        chosen_rows(["nonsense"])
    out = ["--out", str(tmp_path / "out")]
    assert main(["compare", *out, "--part", "quality"]) == 1
    assert "the quality part needs DATASET" in capsys.readouterr().err
    assert main(["compare", *out, "--part", "cost", "--methods", "nothing"]) == 1
    assert "no system nothing; known are prv2m" in capsys.readouterr().err


def test_the_guided_filter_follows_the_pictures_edge() -> None:
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:, 48:] = 255
    soft = np.linspace(0, 1, 9)
    depth = np.full((64, 96), 2.0, np.float32)
    depth[:, 48:] = 4.0
    depth[:, 44:53] = 2 + 2 * soft
    sharp = guided_filter(depth, rgb, radius_px=12)
    assert sharp[32, 48] - sharp[32, 47] > 1.0 > depth[32, 48] - depth[32, 47]
    assert sharp[32, 4] == pytest.approx(2.0, abs=0.05) and sharp[32, 92] == pytest.approx(4.0, abs=0.05)


def test_a_run_of_another_recipe_is_not_taken_for_this_one(tmp_path: Path) -> None:
    recipe = replace(load_recipe("compare_refine"), out=str(tmp_path))
    assert not recipe_was_run(recipe)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.as_dict()))
    assert recipe_was_run(recipe)
    assert not recipe_was_run(replace(recipe, steps_per_epoch=recipe.steps_per_epoch + 1))


@pytest.mark.slow
def test_a_study_of_a_few_steps(toy_root: Path, tmp_path: Path) -> None:
    meta = json.loads((toy_root / "toy" / "meta.json").read_text())
    meta["splits"] = {"train": ["0", "1", "2", "3"], "test": ["4", "5"]}
    (toy_root / "toy" / "meta.json").write_text(json.dumps(meta))
    study = Comparison(toy_root / "toy", tmp_path / "out", seeds=1, steps=2, coarse_steps=2, test_frames=1)
    results = study.run()
    assert {m.key for m in results} == {row.key for row in ROWS}
    for m in results:
        assert np.isfinite(m.metrics["rmse"])
        assert ("consistency" in m.metrics) == (m.key not in ("coarse", "guided", "ours-p49"))
    again = Comparison(toy_root / "toy", tmp_path / "out", seeds=1, steps=2, coarse_steps=2, test_frames=1)
    assert len(again.run()) == len(results)
    with pytest.raises(DataError, match="was measured with other settings"):
        Comparison(toy_root / "toy", tmp_path / "out", seeds=1, steps=3).run()
    assert main(["compare", "--out", str(tmp_path / "out"), "--part", "page"]) == 0
    assert "ours, both (PRO's training)" in (tmp_path / "out" / "comparison.md").read_text()
