# SPDX-License-Identifier: Apache-2.0
"""Faster ways give the same, or give way with a warning; CUDA graphs themselves can only be tried where CUDA is."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.acceleration import Compiled, Graphed, accelerate
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.model import create_refiner
from prv2_ros.model.refiner import ResidualRefiner

CPU = torch.device("cpu")


class SmallRefiner(ResidualRefiner):
    """As few operators as take all the inputs: a compiler needs half a minute for the real one."""

    c2f, coarse_channels = None, (2, 3)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, rgb, coarse_depth, coarse_features):
        residual = self.conv(torch.cat((rgb, coarse_depth), dim=1)).relu()
        return residual + sum(feature.mean() for feature in coarse_features)


@pytest.fixture(scope="module")
def refiner():
    torch.manual_seed(0)
    return SmallRefiner().eval()


@pytest.fixture
def inputs():
    features = [torch.rand(2, c, 32 >> k, 64 >> k) for k, c in enumerate(SmallRefiner.coarse_channels)]
    return torch.rand(2, 3, 32, 64), torch.rand(2, 1, 32, 64), features


def test_names(refiner, caplog):
    assert accelerate(refiner, "none", CPU) is refiner
    with pytest.raises(ValueError, match="unknown acceleration 'fast': choose none, compile, graphs"):
        accelerate(refiner, "fast", CPU)
    with caplog.at_level(logging.WARNING):
        assert accelerate(refiner, "graphs", CPU) is refiner
    assert "CUDA graphs need CUDA" in caplog.text


@torch.inference_mode()
def test_compiled_gives_the_same(refiner, inputs):
    """Traced and run by torch's own operators: kernels would need a compiler."""
    compiled = Compiled(refiner, backend="aot_eager")
    assert torch.allclose(compiled.refine(*inputs), refiner.refine(*inputs), atol=1e-5)
    assert not compiled.failed and compiled.c2f is refiner.c2f


@torch.inference_mode()
def test_a_failing_compiler_is_said_once_and_replaced(refiner, inputs, caplog):
    def broken(graph, examples):
        raise RuntimeError("no compiler here")

    compiled = Compiled(refiner, backend=broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(compiled.refine(*inputs), refiner.refine(*inputs))
    assert len(caplog.records) == 1 and "compiled failed, going on without" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="here capturing would succeed")
@torch.inference_mode()
def test_a_capture_that_fails_is_replaced(refiner, inputs, caplog):
    graphed = Graphed(refiner)
    assert torch.equal(graphed.refine(*inputs), refiner.refine(*inputs))
    assert graphed.failed and "graphed failed" in caplog.text


@torch.inference_mode()
def test_out_of_memory_is_left_to_the_engine(refiner, inputs):
    class Full(Compiled):
        def _faster(self, *_):
            raise torch.OutOfMemoryError("simulated")

    full = Full(refiner, backend="eager")
    with pytest.raises(torch.OutOfMemoryError):
        full.refine(*inputs)
    assert not full.failed


def test_the_engine_takes_it(weights_file, caplog):
    with pytest.raises(ValueError, match="unknown acceleration"):
        DepthEngine.load(weights_file, device="cpu", acceleration="warp")
    DepthEngine.load(weights_file, device="cpu", acceleration="graphs")
    assert "CUDA graphs need CUDA" in caplog.text


def test_transfers_on_the_host_copy_nothing():
    pixels = torch.randint(0, 256, (4, 5, 3), dtype=torch.uint8)
    assert to_device(pixels, CPU) is pixels
    depth = torch.rand(4, 5)
    assert np.shares_memory(to_host(depth), depth.numpy())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_graphs_and_transfers():
    cuda = torch.device("cuda")
    refiner = create_refiner("prv2s").eval().to(cuda)
    values = torch.rand(2, 3, 32, 64)
    assert np.array_equal(to_host(to_device(values, cuda)), values.numpy())
    features = [torch.rand(2, c, 32 >> k, 64 >> k, device=cuda) for k, c in enumerate(refiner.coarse_channels)]
    graphed = Graphed(refiner)
    with torch.inference_mode():
        for seed in range(2):
            torch.manual_seed(seed)
            rgb, depth = torch.rand(2, 3, 32, 64, device=cuda), torch.rand(2, 1, 32, 64, device=cuda)
            assert torch.allclose(graphed(rgb, depth, features), refiner(rgb, depth, features), atol=1e-4)
    assert not graphed.failed
