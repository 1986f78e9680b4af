# SPDX-License-Identifier: Apache-2.0
"""Packs, the loop that fills a time, and a whole run of a few steps on the CPU."""

import json
import zipfile
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from prv2_ros import DepthEngine
from prv2_ros.cli.main import main
from prv2_ros.errors import DataError
from prv2_ros.training.recipe import RecipeError
from prv2_ros.training.resident.loop import NonFiniteLossError, fit, rate_share
from prv2_ros.training.resident.pack import read_frames, read_index
from prv2_ros.training.resident.plan import load_plan
from prv2_ros.training.resident.run import ResidentRun, run_plan
from prv2_ros.training.resident.source import HELD_BACK, RENDERED, VALIDATION, FrameSource
from prv2_ros.training.resident.store import StoredFrame
from prv2_ros.training.resident.tasks import frame_weights


def _folder_set(path, frames=3, size=(96, 128), disparity=False):
    rng = np.random.default_rng(1)
    (path / "rgb").mkdir(parents=True)
    (path / "depth").mkdir()
    for k in range(frames):
        cv2.imwrite(str(path / "rgb" / f"{k}.jpg"), rng.integers(0, 255, (*size, 3), np.uint8))
        depth = np.full(size, 2000 + 500 * k, np.uint16)
        depth[:, size[1] // 2 :] *= 3
        cv2.imwrite(str(path / "depth" / f"{k}.png"), depth)
    meta = {"fx": 110.0, "fy": 110.0, "depth_unit_m": 0.001, "licence": "ours", "density": "dense"}
    (path / "meta.json").write_text(json.dumps(meta))
    if disparity:
        (path / "disparity").mkdir()
        for k in range(frames):
            cv2.imwrite(str(path / "disparity" / f"{k}.png"), rng.integers(0, 255, (48, 64), np.uint8))
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    _folder_set(root / "exact_room")
    _folder_set(root / "held_out", frames=2)
    _folder_set(root / "wild", frames=3, disparity=True)
    plan = root / "plan.yaml"
    plan.write_text(
        '- {path: "{real}/exact_room", exact: true}\n'
        '- {path: "{real}/held_out", tag: check, limit: 1, size: {pixels: 3072}}\n'
        '- {path: "{real}/wild", relative: true}\n'
        '- {path: "{real}/nowhere", optional: true}\n'
    )
    out = root / "small.zip"
    assert main(["pack", str(plan), str(out), "--root", f"real={root}"]) == 0
    return out


def test_a_pack_gives_its_frames_back(pack):
    assert [entry["tag"] for entry in read_index(pack)["sets"]] == ["train", "check", "train"]
    frames = list(read_frames(pack, first_set=5))
    assert [frame.set_index for frame in frames] == [5, 5, 5, 6, 7, 7, 7]
    assert frames[0].exact and frames[0].rgb.shape == (96, 128) and frames[0].depth_code.shape == (96, 128)
    assert frames[3].rgb.shape == (48, 64) and frames[3].focal[0] == pytest.approx(110 / 128, rel=1e-3)
    assert frames[4].depth_code is None and frames[4].disparity is not None


def test_what_is_no_pack_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a", "b")
    with pytest.raises(DataError, match=r"other.zip is not a pack .* prv2 pack"):
        read_index(tmp_path / "other.zip")


def test_a_root_that_is_not_given_is_named(tmp_path, capsys):
    (tmp_path / "plan.yaml").write_text('- {path: "{real}/room"}\n')
    assert main(["pack", str(tmp_path / "plan.yaml"), str(tmp_path / "x.zip")]) == 1
    assert "give --root real=FOLDER" in capsys.readouterr().err


def test_the_rate_rises_and_falls_with_the_time():
    shares = [rate_share(p, 0.1) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert shares == sorted(shares[:3]) + shares[3:] and shares[2] == pytest.approx(1.0)
    assert shares[3] < 1 and shares[4] == pytest.approx(0.01)


def _fit(model, step, tmp_path, **options):
    groups = [(list(model.parameters()), 1.0)]
    return fit("net", model, step, groups=groups, lr=0.1, seconds=1e9, out=tmp_path, **options)


def test_the_loop_learns_and_averages(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(2, 1, bias=False)

    def step():
        x = torch.randn(16, 2)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        return loss, {"mse": loss}

    averaged = _fit(model, step, tmp_path, most_steps=300, weight_decay=0.0)
    assert torch.allclose(averaged.weight, torch.ones(1, 2), atol=0.05)
    assert not averaged.training and (tmp_path / "net.pt").is_file()
    assert "mse" in json.loads((tmp_path / "net.jsonl").read_text().splitlines()[0])


def test_a_loss_that_stays_nan_ends_the_run(tmp_path):
    model = nn.Linear(1, 1)

    def step():
        return model(torch.full((1, 1), float("nan"))).sum(), {}

    with pytest.raises(NonFiniteLossError, match="before the first good state"):
        _fit(model, step, tmp_path, most_steps=3)


def test_a_part_without_time_stays_as_it_is(tmp_path):
    model = nn.Linear(1, 1)
    assert fit("net", model, lambda: 1 / 0, groups=[], lr=0.1, seconds=0, out=tmp_path) is model


def test_unknown_keys_are_refused():
    with pytest.raises(RecipeError, match="unknown key refiner_secs"):
        load_plan("shipped", ["refiner_secs=3"])


def test_sets_that_train_have_their_weight_and_those_that_measure_none(pack):
    """Rendered scenes once had none: the tag of the set that measures them was taken for their name."""
    plan = load_plan("shipped", ["render_workers=0", "capacity_mpx=1", "process_size=[64, 96]"])
    source = FrameSource(plan, [pack], torch.device("cpu"))
    rgb, code = np.zeros((32, 32, 3), np.uint8), np.full((32, 32), 9000, np.uint16)
    for name in (RENDERED, HELD_BACK, VALIDATION):
        source.store.add(StoredFrame.of(rgb, code, None, (30.0, 30.0), source.sets.index(name), exact=True))
    everything = {"others": 1.0}

    def drawn(**how):
        weights = frame_weights(source.store, source.drawn_from(**how), everything)
        return {source.sets[i] for i in source.store.set_index[weights > 0].tolist()}

    assert drawn() == {RENDERED, HELD_BACK, "exact_room", "wild"}
    assert drawn(without=HELD_BACK) == {RENDERED, "exact_room", "wild"}
    assert {tag: len(frames) for tag, frames in source.tags().items()} == {"check": 1, "rendered": 1}


@pytest.mark.parametrize(("part", "channels_last"), [("coarse", True), ("refiner", False)])
def test_on_a_cpu_the_coarse_branch_alone_is_in_channels_last(part, channels_last, tmp_path):
    run = ResidentRun(load_plan("shipped"), SimpleNamespace(device=torch.device("cpu")), tmp_path)
    weight = run._start(nn.Conv2d(8, 8, 3), None, part).weight
    assert weight.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_a_whole_run_writes_weights_that_the_engine_loads(pack, tmp_path):
    overrides = [
        *("init_coarse=null", "render_workers=0", "capacity_mpx=1", "process_size=[64, 96]", "tile_size=[64, 64]"),
        *("coarse_steps=2", "refiner_steps=2", "coarse_batch=3", "refiner_batch=5", "seed=3"),
        *("coarse_sets={others: 1.0}", "refiner_sets={exact_room: 1.0}"),
    ]
    plan = load_plan("shipped", overrides)
    path = run_plan(plan, [pack], tmp_path, device="cpu")
    engine = DepthEngine.load(path, device="cpu")
    depth, _ = engine(np.zeros((96, 128, 3), np.uint8), 110.0)
    assert depth.shape == (96, 128) and np.isfinite(depth).all() and (depth > 0).all()
    assert (tmp_path / "coarse.jsonl").read_text().count("\n") >= 1
    again = load_plan("shipped", [*overrides, f"init_coarse={path}", "coarse_seconds=0", "refiner_steps=1"])
    second = DepthEngine.load(run_plan(again, [pack], tmp_path / "again", device="cpu"), device="cpu")
    grey = np.full((96, 128, 3), 90, np.uint8)
    assert np.allclose(second.coarse(grey, 110.0), engine.coarse(grey, 110.0), rtol=1e-3)


def test_without_packs_and_scenes_there_is_nothing_to_draw(tmp_path):
    plan = load_plan("shipped", ["init_coarse=null", "render_workers=0", "capacity_mpx=1", "process_size=[64, 96]"])
    with pytest.raises(DataError, match="no frames to draw: none of the sets rendered has"):
        run_plan(plan, [], tmp_path, device="cpu")
