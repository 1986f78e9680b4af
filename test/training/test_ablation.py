# SPDX-License-Identifier: Apache-2.0
"""Parts of the ablation: the paper's rows, starts, the "real" domain, and a page that judges its own figures."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from prv2_ros.cli.main import main
from prv2_ros.data import FolderDataset
from prv2_ros.errors import DataError
from prv2_ros.model import VARIANTS, create_refiner
from prv2_ros.training.ablation.domain import (
    FATTENED_PX,
    another_sensor,
    hold_out_views,
    stereo_matches,
    write_real_domain,
)
from prv2_ros.training.ablation.report import write_report
from prv2_ros.training.ablation.rows import (
    ARCHITECTURE,
    EXPECTED_ORDER,
    TRANSFER,
    register_variants,
)
from prv2_ros.training.ablation.starts import write_start
from prv2_ros.training.ablation.study import Study
from prv2_ros.training.recipe import load_recipe
from prv2_ros.training.run import recipe_was_run
from prv2_ros.training.studies import Measurement


@pytest.fixture(autouse=True)
def _variants():
    before = dict(VARIANTS)
    register_variants()
    yield
    VARIANTS.clear()
    VARIANTS.update(before)


def scene() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    depth = np.full((96, 128), 20.0, np.float32)
    depth[30:70, 40:90] = 5.0
    depth[:10] = np.inf
    return generator.integers(0, 255, (96, 128, 3), np.uint8), depth


def test_rows_cover_the_paper_and_its_order_follows_from_its_figures():
    paper = {row.key: row.paper_rmse for row in ARCHITECTURE}
    assert len(paper) == 10 and sorted(paper.values())[0] == paper["np"] == 1.003
    assert all(paper[worse] > paper[better] for worse, better in EXPECTED_ORDER)
    windows = {(row.losses or {}).get("window_px") for row in TRANSFER}
    assert {7, 15, 23, 31, 0} <= windows


def test_expanded_f2c_has_as_many_parameters_as_c2f_and_f2c_together():
    def outside_encoder(name):
        with torch.device("meta"):
            refiner = create_refiner(name)
        return sum(p.numel() for part in (refiner.c2f, refiner.f2c) if part for p in part.parameters())

    assert outside_encoder("ablation-f2c-wide") == pytest.approx(outside_encoder("ablation"), rel=0.05)


@pytest.mark.parametrize("name", ["coarse", "noisy", "refine", "transfer"])
def test_recipes_load_and_share_one_camera(name):
    recipe = load_recipe(f"ablation_{name}")
    assert recipe.canonical_focal_px / recipe.process_size[1] == 150 / 192 == 400 / 512
    assert recipe.process_size == ([64, 96] if name == "noisy" else [128, 192])


def test_frames_held_out_are_spread_over_the_scenes_and_not_trained_on(tmp_path):
    names = [f"{scene}_{view:03d}" for scene in ("a", "b", "c") for view in range(10)]
    (tmp_path / "meta.json").write_text(json.dumps({"frames": {name: {} for name in names}}))
    for _ in range(2):
        hold_out_views(tmp_path, 6)
        splits = json.loads((tmp_path / "meta.json").read_text())["splits"]
        assert sorted(splits["train"] + splits["test"]) == names and len(splits["test"]) == 6
        assert [sum(name.startswith(scene) for name in splits["test"]) for scene in ("a", "b", "c")] == [2, 2, 2]
    with pytest.raises(DataError, match="16 of 30 frames"):
        hold_out_views(tmp_path, 16)


def test_starts_take_what_they_say(tmp_path):
    noisy = load_file(write_start(tmp_path / "noisy.safetensors", "ablation", "scratch", seed=7))
    options = {"seed": 1, "noisy": tmp_path / "noisy.safetensors"}
    whole = load_file(write_start(tmp_path / "whole.safetensors", "ablation", "noisy", **options))
    encoder = load_file(write_start(tmp_path / "encoder.safetensors", "ablation", "noisy-encoder", **options))
    fresh = load_file(write_start(tmp_path / "fresh.safetensors", "ablation", "scratch", seed=1))
    residual = "refiner.f2c.residual.weight"
    assert all(torch.equal(whole[name], noisy[name]) for name in noisy.keys() - {residual})
    assert (whole[residual] == 0).all() and (noisy[residual] != 0).any(), "pre-training answers depth, not a residual"
    for name in noisy:
        source = noisy if name.startswith("refiner.encoder.") else fresh
        assert torch.equal(encoder[name], source[name]), name
    stem = "refiner.encoder.backbone.conv_stem.weight"
    assert (noisy[stem][:, 3:] == 0).all() and (noisy[stem][:, :3] != 0).any()


def test_imagenet_start_has_the_weights_of_the_coarse_branch(tmp_path):
    start = load_file(write_start(tmp_path / "start.safetensors", "ablation", "imagenet", seed=0))
    again = load_file(write_start(tmp_path / "again.safetensors", "ablation", "imagenet", seed=1))
    same = {name for name in start if torch.equal(start[name], again[name])}
    assert {name for name in start if name.startswith("refiner.encoder.")} <= same
    assert any(name.startswith("refiner.f2c.") for name in start.keys() - same)


def test_stereo_is_sparse_noisy_and_widens_what_is_near():
    depth = np.full((120, 160), 8.0, np.float32)
    depth[30:90, 60:100] = 2.0
    depth[10:110, 20:22] = 1.0
    depth[:5] = np.inf
    sparse = stereo_matches(depth, np.random.default_rng(1))
    hit = sparse > 0
    assert 0.10 < hit.mean() < 0.16 and np.isfinite(sparse).all()
    inside = sparse[30:90, 60:100]
    inside = inside[(inside > 1.8) & (inside < 2.2)]
    assert len(inside) > 200 and 0.01 < np.std(inside / 2.0) < 0.03
    assert not (sparse[40:80, 20:22][hit[40:80, 20:22]] < 4).any(), "a pole of 2 px is not matched"
    beside = sparse[30:90, 100 : 100 + FATTENED_PX - 1]
    assert np.median(beside[beside > 0]) < 2.2, "beside a near object its depth is seen"
    away = sparse[30:90, 100 + FATTENED_PX + 1 :]
    assert np.median(away[away > 0]) > 7.5


def test_another_sensor_changes_colours_not_places():
    rgb, _ = scene()
    rgb[:, 64:] = 255 - rgb[:, 64:] // 4
    seen = another_sensor(rgb, np.random.default_rng(0))
    assert seen.shape == rgb.shape and seen.dtype == np.uint8
    assert np.abs(seen.astype(int).mean((0, 1)) - rgb.mean((0, 1))).max() > 10
    assert seen[:, 70:].mean() > seen[:, :58].mean() + 40


def test_real_domain_is_a_folder_data_set(tmp_path):
    rgb, depth = scene()
    source = tmp_path / "source"
    for part in ("rgb", "depth"):
        (source / part).mkdir(parents=True)
    for name in ("a", "b"):
        cv2.imwrite(str(source / "rgb" / f"{name}.png"), rgb)
        steps = np.where(np.isinf(depth), 65535, depth * 256).astype(np.uint16)
        cv2.imwrite(str(source / "depth" / f"{name}.png"), steps)
    meta = {
        "licence": "ours",
        "fx": 90.0,
        "fy": 91.0,
        "depth_unit_m": 1 / 256,
        "sky": 65535,
        "splits": {"train": ["a"], "test": ["b"]},
    }
    (source / "meta.json").write_text(json.dumps(meta))
    assert write_real_domain(source, tmp_path / "train", split="train", sparse=True) == 1
    assert write_real_domain(source, tmp_path / "test", split="test", sparse=False) == 1
    train, test = FolderDataset(tmp_path / "train")[0], FolderDataset(tmp_path / "test")[0]
    assert (train.name, test.name, train.sparse, test.sparse) == ("a", "b", True, False)
    assert train.focal_px == (90.0, 91.0)
    assert np.array_equal(test.depth_m, depth)


def measurements(rmse_of: dict[str, float], table: str = "architecture", f1: float = 0.3) -> list[Measurement]:
    return [
        Measurement(table, key, seed, {"rmse": rmse + 0.01 * seed, "delta1": 0.9, "f1": f1})
        for key, rmse in rmse_of.items()
        for seed in range(3)
    ]


def test_page_says_what_agrees_and_what_does_not(tmp_path):
    page = tmp_path / "ablation.md"
    results = measurements({"coarse": 2.0, "f2c": 1.5, "end-to-end": 1.6})
    results += measurements({"none": 1.0}, "transfer", f1=0.30) + measurements({"window-23": 1.01}, "transfer", f1=0.36)
    results += measurements({"silog": 0.96}, "transfer", f1=0.24)
    write_report(page, results, ["Settings stand here."])
    text = page.read_text()
    assert "Settings stand here." in text
    assert "coarse branch alone > F2C only: agrees (mean difference +0.500 m, in 3 of 3 seeds)" in text
    assert "F2C only > F2C only + end to end: does not agree (mean difference -0.100 m, in 0 of 3 seeds)" in text
    assert "| F2C only | 1.201 | 1.510 ± 0.010 |" in text
    assert "window 23 px: boundary F1 +20.0 %, RMSE +1.0 %" in text and "; reaches" in text
    assert "boundary F1 +50.0 %, RMSE +5.2 % against SILog alone" in text
    assert "C2F without gates" not in text, "rows without results are not in the table"


def test_an_unknown_row_is_named(capsys, tmp_path):
    assert main(["ablate", "--rows", "f2c,nonsense", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "nonsense" in error and "window-23" in error


def test_results_of_other_recipes_are_other_settings(tmp_path, monkeypatch):
    before, recipe = Study(tmp_path).settings, load_recipe("ablation_coarse")
    monkeypatch.setattr("prv2_ros.training.ablation.study.load_recipe", lambda name: replace(recipe, lr=1.0))
    assert Study(tmp_path).settings != before == {**before, "frames": 200, "test_frames": 24, "fast": False}


def test_another_transfer_recipe_keeps_the_architecture_rows(tmp_path, monkeypatch):
    study = Study(tmp_path)
    study.results = measurements({"f2c": 2.0}) + measurements({"silog": 1.0}, "transfer")
    study._save()
    same, other = Study(tmp_path), Study(tmp_path)
    same._load()
    assert same.results == study.results
    recipe = load_recipe("ablation_transfer")
    monkeypatch.setattr(
        "prv2_ros.training.ablation.study.load_recipe",
        lambda name: replace(recipe, lr=2 * recipe.lr) if name == "ablation_transfer" else load_recipe(name),
    )
    other._load()
    assert other.results == measurements({"f2c": 2.0})


def test_a_run_of_another_recipe_is_not_taken_for_this_one(tmp_path):
    recipe = replace(load_recipe("ablation_transfer"), out=str(tmp_path))
    assert not recipe_was_run(recipe)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.as_dict()))
    assert recipe_was_run(recipe) and not recipe_was_run(recipe, fast=True)
    assert not recipe_was_run(replace(recipe, steps_per_epoch=recipe.steps_per_epoch + 1))


def stages_of(study: Study) -> list[set[str]]:
    return [{str(job) for job in jobs} for jobs in study._stages()]


def test_rows_wait_for_what_they_start_from(tmp_path):
    rows = tuple(row for row in ARCHITECTURE if row.key in ("f2c", "np", "np-encoder", "no-imagenet"))
    noisy, architecture, transfer = stages_of(Study(tmp_path, seeds=2, rows=rows, transfer=TRANSFER[:2]))
    assert len(noisy) == 4, "rows that differ in what they take of it share one pre-training a seed"
    assert len(architecture) == 8
    assert transfer == {f"transfer {key}, seed {seed}" for key in ("teacher", "silog") for seed in (0, 1)}


def test_a_teacher_is_trained_though_its_row_is_not_asked_for(tmp_path):
    noisy, architecture, _ = stages_of(Study(tmp_path, seeds=1, rows=ARCHITECTURE[:1], transfer=TRANSFER[-1:]))
    assert noisy == {"noisy np, seed 0"}
    assert architecture == {"architecture coarse, seed 0", "architecture np, seed 0"}


def test_what_has_a_result_is_not_run_again(tmp_path):
    study = Study(tmp_path, seeds=1, transfer=())
    study.results = [Measurement("architecture", row.key, 0, {}) for row in ARCHITECTURE if row.key != "c2f"]
    assert stages_of(study) == [set(), {"architecture c2f, seed 0"}, set()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_fast_study_runs_every_kind_of_row_and_goes_on_where_it_was(tmp_path, capsys):
    options = ["--fast", "--seeds", "1", "--frames", "8", "--test-frames", "2", "--jobs", "2"]
    places = ["--out", str(tmp_path / "out"), "--doc", str(tmp_path / "page.md")]
    assert main(["ablate", *options, *places, "--rows", "coarse,np,window-23"]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    assert sorted(entry["key"] for entry in results) == ["coarse", "np", "window-23"]
    page = (tmp_path / "page.md").read_text()
    assert "A fast run of a few steps" in page
    capsys.readouterr()
    assert main(["ablate", *options, *places, "--rows", "coarse,np,window-23"]) == 0
    assert "seed 0" not in capsys.readouterr().out, "nothing is run again"
    assert main(["ablate", *options, *places, "--frames", "9", "--rows", "none"]) == 1
    assert "was measured with" in capsys.readouterr().err
