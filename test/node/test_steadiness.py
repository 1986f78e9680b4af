# SPDX-License-Identifier: Apache-2.0
"""scale_smoothing: less flicker of a static scene, little lag behind motion, and a new beginning after a cut."""

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="needs ROS 2")

from prv2_ros.node.steadiness import ScaleSmoother

SHARE = 0.45


def _scene(seed=0):
    """(H, W) metres: a floor towards a wall with boxes before it."""
    rng = np.random.default_rng(seed)
    depth = np.minimum(3.0 / np.maximum(np.linspace(-0.5, 1.0, 120), 0.05)[:, None] * np.ones((1, 160)), 20.0)
    for _ in range(6):
        top, left = rng.integers(0, 90), rng.integers(0, 120)
        depth[top : top + 30, left : left + 40] = rng.uniform(2, 15)
    return torch.from_numpy(depth.astype(np.float32))


def _run(depths, share=SHARE, keys=None):
    smoother = ScaleSmoother()
    keys = keys or [0] * len(depths)
    return [depth * smoother.factor(depth, share, key) for depth, key in zip(depths, keys, strict=True)]


def _change(depths):
    """Mean change of log depth from frame to frame."""
    return np.mean([float((b.log() - a.log()).abs().mean()) for a, b in zip(depths, depths[1:], strict=False)])


def test_flicker_of_a_static_scene_is_halved():
    rng = np.random.default_rng(1)
    scene = _scene()
    raw = []
    for scale in np.exp(rng.normal(0, 0.05, 200)):
        grain = torch.from_numpy(rng.normal(0, 0.005, scene.shape).astype(np.float32))
        raw.append(scene * float(scale) * grain.exp())
    steady = _run(raw)
    assert _change(steady) < 0.55 * _change(raw)
    # The part that is common to all pixels, which is what smoothing is for, is more than halved.
    common = [np.std(np.diff([float(d.log().median()) for d in depths])) for depths in (raw, steady)]
    assert common[1] < 0.5 * common[0]
    # On the whole the scale is that of the network.
    assert np.mean([float((d / scene).log().median()) for d in steady]) == pytest.approx(0, abs=0.02)


def test_the_mean_lags_less_than_a_frame_behind_motion():
    """A robot that drives towards a wall: every frame is 3 % nearer."""
    raw = [_scene() * 0.97**index for index in range(30)]
    steady = _run(raw)
    lag_frames = float((steady[-1] / raw[-1]).log().median()) / -np.log(0.97)
    assert 0 < lag_frames < 1
    assert _change(steady[10:]) == pytest.approx(_change(raw[10:]), rel=0.02)


def test_a_cut_begins_anew():
    smoother = ScaleSmoother()
    for _ in range(5):
        smoother.factor(_scene() * float(np.exp(0.1)), SHARE, 0)
    assert smoother.factor(_scene(), SHARE, 0) != 1.0
    for other in (_scene() * 3, torch.flip(_scene(), (0,)), torch.rand(60, 80) * 10 + 1):
        assert smoother.factor(other, SHARE, 0) == 1.0


def test_another_camera_model_is_no_flicker():
    depths = _run([_scene(), _scene() * 1.2], keys=[0, 1])
    torch.testing.assert_close(depths[1], _scene() * 1.2)


def test_off_is_off_and_holes_do_not_matter():
    assert ScaleSmoother().factor(_scene(), 0.0, 0) == 1.0
    holes = _scene()
    holes[:60], holes[60:80] = torch.nan, torch.inf
    steady = _run([holes, holes * 1.1])
    assert float((steady[1] / holes)[100, 5]) == pytest.approx(1.1 ** (1 - SHARE), rel=1e-3)
    assert ScaleSmoother().factor(torch.full((48, 64), torch.nan), SHARE, 0) == 1.0
