# SPDX-License-Identifier: Apache-2.0
"""Soft edges become steps where the colours say; surfaces stay as they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from prv2_ros.bags import BagReader
from prv2_ros.bags.messages import read_intrinsics
from prv2_ros.demo import topics
from prv2_ros.demo.recording import read_frames, read_truth, truth_of
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.edges import NEEDED_VOTES, RADIUS, sharpen_edges, sharpen_levels
from prv2_ros.evaluation import boundary_metrics
from prv2_ros.media.compressed import compressed_to_rgb

DEMO = Path(__file__).resolve().parents[2] / "demo"
NEAR_M, FAR_M = 2.0, 6.0
BORDER = 3 * RADIUS
BOTH = {NEAR_M, FAR_M}


@pytest.fixture(scope="module")
def demo_frame():
    """A 3840x2160 image of the demo recording, its focal lengths and its exact depth."""
    frame = read_frames(DEMO)[6]
    with BagReader(DEMO) as reader:
        records = [r for r in reader.messages(topics.INPUT) if r.data in (frame.image, frame.camera_info)]
        found = {record.topic: reader.decode(record) for record in records}
    rgb = compressed_to_rgb(found[topics.IMAGE], max_pixels=1 << 24)
    focal_px = read_intrinsics(found[topics.CAMERA_INFO], width=rgb.shape[1], height=rgb.shape[0])[:2]
    return rgb, focal_px, truth_of(read_truth(DEMO)[frame.stamp])


def soft_edge(height=48, width=64, at=32, ramp=6):
    """(H, W) metres: near on the left, far on the right, a ramp of inverse depth between them."""
    columns = torch.arange(width, dtype=torch.float32)
    share = ((columns - at) / ramp + 0.5).clamp(0, 1)
    return (1 / ((1 - share) / NEAR_M + share / FAR_M)).repeat(height, 1)


def two_colours(height=48, width=64, at=32):
    rgb = torch.full((3, height, width), 0.2)
    rgb[:, :, at:] = 0.7
    return rgb


def grey(depth):
    return torch.full((3, *depth.shape), 0.5)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_ramp_becomes_a_step(turn):
    depth = torch.rot90(soft_edge(ramp=3), turn)
    sharp = sharpen_edges(depth, grey(depth))
    inner = torch.rot90(sharp, -turn)[BORDER:-BORDER]
    # The middle of the ramp is a tie: either side may have it.
    assert (inner[:, :32] == NEAR_M).all() and (inner[:, 33:] == FAR_M).all() and set(inner[:, 32].tolist()) <= BOTH


@pytest.mark.parametrize("at", [32, 33, 34])
def test_the_step_is_where_the_colour_changes(at):
    """Within RADIUS of where depth alone would put it."""
    depth = soft_edge(ramp=4)
    sharp = sharpen_edges(depth, two_colours(at=at))
    assert sharp[24].diff().argmax() + 1 == at


def test_every_value_was_there_before_within_the_radius():
    torch.manual_seed(3)
    depth = torch.nn.functional.interpolate(torch.rand(1, 1, 7, 9) * 9 + 1, (50, 71), mode="bicubic")[0, 0]
    before = depth.clone()
    sharp = sharpen_edges(depth, torch.rand(3, 50, 71))
    assert torch.equal(depth, before)
    changed = (sharp != depth).nonzero().tolist()
    assert len(changed) > 50
    for v, u in changed:
        around = depth[max(0, v - RADIUS) : v + RADIUS + 1, max(0, u - RADIUS) : u + RADIUS + 1]
        assert sharp[v, u] == around.min() or sharp[v, u] == around.max()


@pytest.mark.parametrize("turn", [0, 1])
def test_a_steep_plane_under_texture_stays_to_the_bit(turn):
    """Inverse depth of a plane is linear: 1 to 30 m over 64 pixels, up to 40 % from one pixel to the next."""
    plane = torch.rot90(torch.linspace(1.0, 1 / 30.0, 64).reciprocal().repeat(48, 1), turn)
    texture = torch.rand(3, *plane.shape, generator=torch.Generator().manual_seed(1))
    assert (plane.max() / plane.min()) > 29
    assert torch.equal(sharpen_edges(plane, texture), plane)


@pytest.mark.parametrize("ramp", [12, 16])
def test_levels_move_an_edge_that_is_blurred_over_many_pixels(ramp):
    """A coarse branch's ramp, 6 pixels off: one level leaves it a ramp, three make a step where the colour changes."""
    depth, rgb = soft_edge(384, 512, at=256, ramp=ramp), two_colours(384, 512, at=262)
    levels, one = sharpen_levels(depth, rgb, (96, 128)), sharpen_levels(depth, rgb, (384, 512))
    assert torch.equal(one, sharpen_edges(depth, rgb, needed=NEEDED_VOTES[0]))
    steps = [(d[192].diff() > 0.8 * (FAR_M - NEAR_M)).nonzero()[:, 0].tolist() for d in (levels, one)]
    assert steps == [[261], []]


def test_markings_on_a_road_stay_flat():
    """Depth of a road as a network gives it, not quite a plane: stripes across it must not become steps."""
    rows = torch.arange(384, dtype=torch.float32)[:, None].expand(384, 512)
    road = 1.5 * 400 / (rows.clamp(min=40) - 20) ** 0.8
    rgb = torch.full((3, 384, 512), 0.3)
    for top in range(60, 384, 40):
        rgb[:, top : top + 18, 100:400] = 0.9
    sharp = sharpen_levels(road, rgb, (48, 64))
    assert ((sharp / road - 1).abs() > 0.02).float().mean() < 0.001
    both = sharpen_edges(road[::4, ::4].clone(), rgb[:, ::4, ::4], needed=(0.2, 0.2))
    assert ((both / road[::4, ::4] - 1).abs() > 0.02).float().mean() > 0.01, "compared along columns they do"


def test_levels_leave_detail_away_from_edges():
    depth, rgb = soft_edge(384, 512, at=256, ramp=20), two_colours(384, 512, at=256)
    detail = 0.01 * torch.rand(384, 512, generator=torch.Generator().manual_seed(5))
    away = torch.ones(384, 512, dtype=torch.bool)
    away[:, 256 - 60 : 256 + 60] = False
    sharp = sharpen_levels(depth + detail, rgb, (96, 128))
    assert torch.equal(sharp[away], (depth + detail)[away])


def test_without_enough_votes_of_colour_a_pixel_keeps_its_depth():
    depth, rgb = soft_edge(ramp=3), two_colours()
    assert torch.equal(sharpen_edges(depth, grey(depth), needed=(0.3, 0.3)), depth)
    near_only = sharpen_edges(depth, rgb, needed=NEEDED_VOTES[-1])
    assert (near_only <= depth).all() and (near_only < depth).any()


def test_small_steps_and_clean_ones_stay():
    small, clean = soft_edge(), soft_edge(at=31.5, ramp=1)
    small = 5.0 + (small - NEAR_M) / (FAR_M - NEAR_M) * 0.2
    for depth in (small, clean):
        assert torch.equal(sharpen_edges(depth, two_colours()), depth)


def test_a_thin_pole_stays():
    depth = torch.full((48, 64), FAR_M)
    depth[:, 30:32] = NEAR_M
    rgb = grey(depth)
    rgb[:, :, 30:32] = 0.1
    assert torch.equal(sharpen_edges(depth, rgb), depth)


def test_depth_may_be_scaled_before_or_after():
    depth, rgb = soft_edge(), two_colours(at=33)
    assert torch.allclose(sharpen_edges(depth * 3.7, rgb), sharpen_edges(depth, rgb) * 3.7)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 2), (33, 31)])
def test_odd_sizes_and_depth_zero_give_finite_depth(shape):
    depth = torch.linspace(0.0, 9.0, shape[0] * shape[1]).reshape(shape)
    sharp = sharpen_edges(depth, grey(depth))
    assert sharp.shape == shape and sharp.isfinite().all()
    assert torch.equal(sharpen_edges(torch.zeros(shape), grey(depth)), torch.zeros(shape))


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"picture is \(3, 4, 5\), expected \(3, 4, 6\)"):
        sharpen_edges(torch.ones(4, 6), torch.ones(3, 4, 5))


@pytest.mark.parametrize("options", [{}, {"mode": "p49"}, {"mode": "r2"}, {"max_tiles": 2}])
def test_the_engine_sharpens_what_the_network_drew(demo_frame, options):
    """In every mode, and switched between two frames; scaled by the focal length like the network's own."""
    rgb = cv2.resize(demo_frame[0], (480, 270), interpolation=cv2.INTER_AREA)
    engine = DepthEngine.load("prv2s", device="cpu", precision="fp32", grid=(2, 2), **options)
    assert engine.sharpen_edges
    sharp = engine(rgb, 375.0)[0]
    engine.budget.forget()
    engine.sharpen_edges = False
    own = engine(rgb, 375.0)[0]
    off = DepthEngine.load("prv2s", device="cpu", precision="fp32", grid=(2, 2), sharpen_edges=False, **options)
    assert np.array_equal(off(rgb, 375.0)[0], own)
    assert sharp.shape == own.shape and sharp.dtype == own.dtype and np.isfinite(sharp).all()
    changed = np.abs(sharp / own - 1) > 0.02
    assert 0.001 < changed.mean() < 0.2
    assert abs(np.median(sharp / own) - 1) < 0.001


def test_shipped_weights_draw_more_of_the_demos_edges(demo_frame):
    """With the ground truth of the demo recording: many more edges are found, and few more are wrong."""
    rgb, focal_px, truth_m = demo_frame
    engine = DepthEngine.load("prv2s", device="cpu")
    found = {}
    for engine.sharpen_edges in (False, True):
        found[engine.sharpen_edges] = boundary_metrics(engine(rgb, focal_px)[0], truth_m)
    assert found[True]["f1"] > 1.3 * found[False]["f1"]
    assert found[True]["precision"] > 0.6 * found[False]["precision"]
