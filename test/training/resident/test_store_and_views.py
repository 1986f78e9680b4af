# SPDX-License-Identifier: Apache-2.0
"""Frames on the device, seen as the loaders see them."""

import math

import numpy as np
import pytest
import torch

from prv2_ros.data.augment import View, render_view
from prv2_ros.data.sample import Sample
from prv2_ros.errors import DataError
from prv2_ros.training.resident.store import FrameStore, StoredFrame, decode_log_depth, encode_log_depth
from prv2_ros.training.resident.views import Views, jitter_colour, random_tiles, random_views


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 80)[None, :, None] * np.linspace(0.2, 1, 60)[:, None, None]
    rgb = np.repeat(smooth, 3, 2).astype(np.uint8)
    depth = rng.uniform(1, 50, (60, 80)).astype(np.float32)
    depth[:5], depth[5:8] = np.inf, 0
    return Sample(rgb, depth, (70.0, 75.0), "a")


@pytest.fixture
def store(sample):
    store = FrameStore(20_000, "cpu")
    other = np.full((30, 40, 3), 9, np.uint8)
    store.add(StoredFrame.of(other, None, np.full((15, 20), 51, np.uint8), (40.0, 40.0), 0))
    code = encode_log_depth(sample.depth_m)
    store.add(StoredFrame.of(sample.rgb, code, None, sample.focal_px, 1, exact=True))
    return store


def test_codes_keep_depth_to_a_hundredth_of_a_percent():
    depth = np.array([[0.02, 0.5, 3.0, 79.0, 1500.0, 0.0, np.nan, np.inf, -1.0]], np.float32)
    back = decode_log_depth(torch.from_numpy(encode_log_depth(depth).astype(np.int32))).numpy()[0]
    assert np.allclose(back[:5], depth[0, :5], rtol=1.1e-4)
    assert back[5] == back[6] == back[8] == 0 and np.isposinf(back[7])
    coarser = decode_log_depth(torch.from_numpy(encode_log_depth(depth, step=32).astype(np.int32))).numpy()[0]
    assert np.allclose(coarser[:5], depth[0, :5], rtol=3.1e-3)


@pytest.mark.parametrize(
    ("box", "flip", "roll"),
    [((0, 0, 80, 60), False, 0), ((10, 12, 40, 30), True, 0), ((20, 15, 40, 30), True, 3.0)],
)
def test_a_view_is_the_loaders(sample, store, box, flip, roll):
    view = View(tuple(map(float, box)), flip, roll)
    rgb, depth = render_view(sample, view, (48, 64))
    x, y, width, height = box
    centre = torch.tensor([[(x + width / 2) / 80, (y + height / 2) / 60]])
    size = torch.tensor([[width / 80, height / 60]])
    views = Views(torch.tensor([1]), centre, size, torch.tensor([flip]), torch.tensor([math.radians(roll)]))
    focal = store.focal[views.frames]
    places = views.places((48, 64), focal)
    ours = store.rgb(views.frames, places)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - rgb).mean() < 0.5
    measured = store.depth(views.frames, places)[0, 0].numpy()
    same = np.isclose(measured, depth, rtol=2e-4) | (np.isinf(measured) & np.isinf(depth))
    assert same.mean() > 0.97  # ties of the nearest pixel fall either way
    expected = view.canonical_scale(sample.focal_px)
    assert float(views.canonical_scale(focal, (384, 512), 400.0)) == pytest.approx(expected, rel=1e-5)


def test_frames_of_several_sizes_share_a_batch(store):
    views = random_views(torch.tensor([0, 1, 0]))
    places = views.places((8, 12), store.focal[views.frames])
    assert torch.allclose(store.rgb(views.frames, places)[0], torch.full((3, 8, 12), 9 / 255))
    depth, disparity = store.depth(views.frames, places), store.disparity(views.frames, places)
    assert (depth[0] == 0).all() and (depth[1] > 0).any()
    assert (disparity[1] == 0).all() and disparity[0].max() == pytest.approx(0.2)
    assert store.has_disparity(views.frames).tolist() == [True, False, True]


def test_tiles_lie_inside_their_frames(store):
    frames = torch.tensor([1] * 64)
    tiles = random_tiles(frames, store.size_px(frames), (32, 32))
    assert (tiles.centre - tiles.size / 2 >= -1e-6).all() and (tiles.centre + tiles.size / 2 <= 1 + 1e-6).all()
    assert tiles.size[:, 1].min() >= 0.85 * 32 / 60 - 1e-6


def test_colour_changes_and_stays_colour():
    torch.manual_seed(0)
    rgb = torch.rand(8, 3, 16, 16)
    changed = jitter_colour(rgb)
    assert changed.min() >= 0 and changed.max() <= 1 and (changed - rgb).abs().mean() > 0.02
    assert jitter_colour(rgb, strength=0) is rgb


def test_a_full_store_is_named(store):
    frame = StoredFrame.of(np.zeros((200, 200, 3), np.uint8), None, None, (1.0, 1.0), 0)
    assert not store.fits(frame)
    with pytest.raises(DataError, match="frame store is full: 20001 pixels"):
        store.add(frame)
