# SPDX-License-Identifier: Apache-2.0
"""Folder data sets: units, intrinsics, sky, splits by scene, mixture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from prv2_ros.data import Mixture, open_dataset
from prv2_ros.errors import DataError


def write_set(path: Path, names: list[str], raw: np.ndarray, meta: dict) -> Path:
    (path / "rgb").mkdir(parents=True)
    (path / "depth").mkdir()
    for i, name in enumerate(names):
        picture = np.full((*raw.shape, 3), (10 + i, 60, 200), np.uint8)  # BGR
        cv2.imwrite(str(path / "rgb" / f"{name}.png"), picture)
        cv2.imwrite(str(path / "depth" / f"{name}.png"), raw)
    (path / "meta.json").write_text(json.dumps({"licence": "CC0", **meta}))
    return path


RAW = np.array([[0, 256, 2560], [512, 1024, 65535]], np.uint16)


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"depth_scale": "millimetres, 0 = no data"}, [[0, 0.256, 2.56], [0.512, 1.024, 65.535]]),
        ({"depth_scale": "metres = png/256, 0 = no data"}, [[0, 1, 10], [2, 4, 65535 / 256]]),
        ({"depth_unit_m": 0.01, "sky": 65535}, [[0, 2.56, 25.6], [5.12, 10.24, np.inf]]),
        ({"depth_unit_m": 0.01, "sky": 65535, "saturated": 1024}, [[0, 2.56, 25.6], [5.12, 0, np.inf]]),
    ],
)
def test_units_and_sky(tmp_path: Path, meta: dict, expected: list) -> None:
    sample = open_dataset(write_set(tmp_path / "s", ["a"], RAW, {"fx": 30, "fy": 31, **meta}))[0]
    np.testing.assert_allclose(sample.depth_m, expected, rtol=1e-6)
    assert sample.depth_m.dtype == np.float32
    assert sample.rgb[0, 0].tolist() == [200, 60, 10]
    assert sample.focal_px == (30.0, 31.0)


def test_intrinsics_of_a_frame_win_over_those_of_the_set(tmp_path: Path) -> None:
    meta = {"depth_scale": "millimetres", "fx": 1, "fy": 2, "frames": {"b": {"fx": 7.5, "fy": 8.5}}}
    data = open_dataset(write_set(tmp_path / "s", ["a", "b"], RAW, meta))
    assert [data[i].focal_px for i in range(2)] == [(1.0, 2.0), (7.5, 8.5)]


def test_sparse_depth_is_recognised(tmp_path: Path) -> None:
    raw = np.zeros((20, 20), np.uint16)
    raw[3, 4] = 900
    meta = {"depth_scale": "millimetres", "fx": 10}
    assert open_dataset(write_set(tmp_path / "thin", ["a"], raw, meta))[0].sparse
    assert not open_dataset(write_set(tmp_path / "full", ["a"], raw + 7, meta))[0].sparse


def test_splits_never_divide_a_scene(tmp_path: Path) -> None:
    names = [f"{i:04d}" for i in range(600)]
    groups = {n: i // 3 for i, n in enumerate(names)}
    meta = {"depth_scale": "millimetres", "fx": 10, "group_guess": groups}
    path = write_set(tmp_path / "rooms", names, RAW, meta)
    train, val = open_dataset(path, "train"), open_dataset(path, "val")
    assert set(train.names) | set(val.names) == set(names)
    assert not {groups[n] for n in train.names} & {groups[n] for n in val.names}
    assert 0 < len(val) < len(train)


def test_a_set_of_one_scene_has_no_validation(tmp_path: Path) -> None:
    path = write_set(tmp_path / "one", ["a", "b"], RAW, {"depth_scale": "millimetres", "fx": 10})
    assert len(open_dataset(path, "train")) == 2
    assert len(open_dataset(path, "val")) == 0


def test_splits_that_the_set_states_are_kept(tmp_path: Path) -> None:
    meta = {"depth_unit_m": 0.01, "fx": 10, "splits": {"train": ["a", "b"], "test": ["t_*"]}}
    path = write_set(tmp_path / "s", ["a", "b", "t_1", "t_2"], RAW, meta)
    assert open_dataset(path, "train").names == ["a", "b"]
    assert open_dataset(path, "test").names == ["t_1", "t_2"]
    assert open_dataset(path, "val").names == []


def test_patterns_choose_frames(tmp_path: Path) -> None:
    path = write_set(tmp_path / "s", ["te_1", "tr_1", "tr_2"], RAW, {"depth_scale": "millimetres", "fx": 10})
    assert open_dataset(path, include=["te_*"]).names == ["te_1"]
    assert open_dataset(path, exclude=["te_*"]).names == ["tr_1", "tr_2"]


@pytest.mark.parametrize(
    ("meta", "text"),
    [({"fx": 10}, "depth_scale"), ({"depth_scale": "feet", "fx": 1}, "feet"), ({"depth_scale": "millimetres"}, "fx")],
)
def test_incomplete_meta_is_named(tmp_path: Path, meta: dict, text: str) -> None:
    path = write_set(tmp_path / "s", ["a"], RAW, meta)
    with pytest.raises(DataError, match=text):
        open_dataset(path)[0]


def test_missing_folder_and_size_mismatch_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        open_dataset(tmp_path / "nowhere")
    path = write_set(tmp_path / "s", ["a"], RAW, {"depth_scale": "millimetres", "fx": 10})
    cv2.imwrite(str(path / "depth" / "a.png"), np.ones((9, 9), np.uint16))
    with pytest.raises(DataError, match=r"\(9, 9\)"):
        open_dataset(path)[0]


def test_mixture_balances_sets_and_repeats_itself(tmp_path: Path) -> None:
    meta = {"depth_scale": "millimetres", "fx": 10}
    large = open_dataset(write_set(tmp_path / "large", [f"{i}" for i in range(50)], RAW, meta))
    small = open_dataset(write_set(tmp_path / "small", ["x"], RAW, meta))
    mixture = Mixture([large, small], [1.0, 3.0], seed=5)
    drawn = [mixture.draw(i)[0].name for i in range(400)]
    assert 0.68 < drawn.count("x") / 400 < 0.82
    again = Mixture([large, small], [1.0, 3.0], seed=5)
    for i in (0, 7, 399):
        (a, rng_a), (b, rng_b) = mixture.draw(i), again.draw(i)
        assert (a.name, rng_a.random()) == (b.name, rng_b.random())
    assert [d["share"] for d in mixture.describe()] == [0.25, 0.75]


def test_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="frame"):
        Mixture([], [])


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ("[]", "holds a list"),
        ('{"depth_unit_m": "x"}', "depth_unit_m is 'x'"),
        ('{"depth_unit_m": 0}', "above 0"),
        ('{"depth_unit_m": 1, "frames": ["a"]}', "frames is a list"),
        ('{"depth_unit_m": 1, "splits": 3}', "splits has to be"),
        ('{"depth_unit_m": 1, "fx": null}', "no fx in pixels for frame 'a'"),
    ],
)
def test_meta_of_another_form_is_named(tmp_path: Path, meta: str, words: str) -> None:
    folder = write_set(tmp_path / "s", ["a"], RAW, {})
    (folder / "meta.json").write_text(meta)
    with pytest.raises(DataError, match=words):
        open_dataset(folder)[0]


def test_pictures_and_depths_of_other_names_are_no_silent_empty_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "s", ["a"], RAW, {"fx": 30, "depth_unit_m": 1})
    (folder / "depth" / "a.png").rename(folder / "depth" / "a_depth.png")
    with pytest.raises(DataError, match="1 pictures and 1 depth maps but no pair"):
        open_dataset(folder)
