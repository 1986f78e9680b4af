# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from prv2_ros.bench import peers as module
from prv2_ros.bench.peers import _fitted, measure_peers, peers_as_text


def test_the_peer_sees_518_pixels_in_whole_patches():
    assert _fitted(1080, 1920) == (518, 924) and _fitted(2160, 3840) == (518, 924) and _fitted(640, 480) == (686, 518)


def test_a_row_for_each_and_the_ratio_of_pixels_and_time(tiny_engine, monkeypatch):
    class Peer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 1, 3, padding=1)

        def forward(self, rgb):
            return type("Output", (), {"predicted_depth": self.conv(rgb)})()

    monkeypatch.setattr(module.peers, "depth_anything_small", Peer)
    rows = measure_peers(tiny_engine, (96, 160), frames=2)
    assert [row["runtime"] for row in rows] in (["torch", "openvino", "torch"], ["torch", "torch"])
    for row in rows:
        width, height = (int(side) for side in row["size"].split("x"))
        assert row["megapixels_per_s"] == pytest.approx(width * height / row["ms"] / 1e3, rel=0.1)
    assert "Depth Anything V2 small" in peers_as_text(rows)
