# SPDX-License-Identifier: Apache-2.0
"""The cheaper order of the arithmetic gives what the plain one gives, in every mode, for every gate and width."""

from dataclasses import replace

import pytest
import torch
from helpers import golden
from torch import nn

from prv2_ros.engine.fast import FastPatchRefiner
from prv2_ros.engine.fast.coarse_halves import roi
from prv2_ros.model import VARIANTS, convert_reference_state_dict, create_coarse, create_refiner
from prv2_ros.model.layers import ChannelNorm
from prv2_ros.tiling import PatchRefiner
from prv2_ros.tiling.grid import Box, regular_boxes
from prv2_ros.tiling.roi import crop_coarse

WIDE = (16, 96, 112, 32, 128, 96)  # both sides of the width from which the coarse half is resampled


class WideCoarse(nn.Module):
    """Random maps of the widths above, at half the refiner's size as the small coarse branch gives them."""

    def forward(self, rgb):
        generator = torch.Generator().manual_seed(0)
        height, width = rgb.shape[-2:]
        sizes = [(c, height >> (k + 1), max(1, width >> (k + 1))) for k, c in enumerate(WIDE)]
        features = [torch.randn(1, *size, generator=generator) for size in sizes]
        return torch.rand(1, 1, height, width, generator=generator) * 10, features


def refiner_of(gate="sigmoid", channels=WIDE):
    torch.manual_seed(1)
    refiner = create_refiner(replace(VARIANTS["prv2s"], gate=gate), coarse_channels=channels)
    for module in refiner.modules():
        if isinstance(module, ChannelNorm):  # as after training, not ones and zeros
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return refiner


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("mode", "grid"), [("p16", (4, 4)), ("r2", (2, 3))])
def test_equals_the_plain_order(mode, grid):
    model = PatchRefiner(WideCoarse(), refiner_of(), (64, 96), grid).eval()
    frame = torch.rand(1, 3, 150, 203)
    with torch.inference_mode():
        plain, fast = model(frame, mode), FastPatchRefiner(model)(frame, mode)
    assert (plain.max() - plain.min()) > 5
    assert (plain - fast).abs().max() < 1e-4


@pytest.mark.parametrize("gate", ["none", "fusion"])
def test_equals_the_plain_order_for_the_ablations(gate):
    model = PatchRefiner(WideCoarse(), refiner_of(gate), (64, 96), (1, 2)).eval()
    frame = torch.rand(1, 3, 64, 192)
    with torch.inference_mode():
        assert (model(frame) - FastPatchRefiner(model)(frame)).abs().max() < 1e-4


def test_equals_the_reference():
    """The golden frame, of the paper's own variant."""
    refiner = create_refiner("prv2m").eval()
    refiner.load_state_dict(convert_reference_state_dict(golden.reference_state_dict(), "prv2m"))
    model = FastPatchRefiner(PatchRefiner(golden.FrameCoarse(), refiner, process_size=(96, 128), grid=(4, 4)).eval())
    with torch.inference_mode():
        depth = model(golden.frame(), mode="p16", assemble="process")
    assert (depth - golden.values("prv2m_frame_p16.npz", "depth")).abs().max() < 2e-5


def test_bf16_stays_within_half_a_percent():
    coarse = create_coarse("small")
    model = PatchRefiner(coarse, refiner_of(channels=coarse.channels), (96, 128), (2, 2)).eval()
    frame = torch.rand(1, 3, 192, 256)
    with torch.inference_mode():
        plain, fast = model(frame), FastPatchRefiner(model, dtype=torch.bfloat16)(frame)
    relative = ((fast - plain) / plain).abs()
    assert 0 < relative.quantile(0.999) < 0.005


@pytest.mark.parametrize(
    "box",
    [*regular_boxes((4, 3)), Box(1 / 6, 1 / 8, 1 / 3, 1 / 4), Box(0.113, 0.27, 1 / 3, 1 / 4), Box(0, 0, 1, 1)],
    ids=str,
)
def test_roi_equals_roi_align(box):
    feature = torch.rand(1, 5, 16, 24).contiguous(memory_format=torch.channels_last)
    assert (roi(feature, box) - crop_coarse(feature, [box])).abs().max() < 1e-5


def test_what_has_no_c2f_keeps_its_order():
    plain = create_refiner("prv2m-f2c-only")
    assert not FastPatchRefiner.fits(PatchRefiner(WideCoarse(), plain))
    assert not FastPatchRefiner.fits(PatchRefiner(WideCoarse(), nn.Identity()))
    assert FastPatchRefiner.fits(PatchRefiner(WideCoarse(), refiner_of()))
