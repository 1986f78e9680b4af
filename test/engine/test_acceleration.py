# SPDX-License-Identifier: Apache-2.0
"""Faster ways give the same, or give way with a warning; CUDA graphs themselves can only be tried where CUDA is."""

import gc
import logging
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from prv2_ros.engine import DepthEngine
from prv2_ros.engine.acceleration import (
    ACCELERATIONS,
    Compiled,
    Graphed,
    GraphPool,
    accelerate,
    resolve_acceleration,
)
from prv2_ros.engine.transfer import to_device, to_host
from prv2_ros.tiling.tile_step import TileStep

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


class SmallRefiner(nn.Module):
    """As few operators as take all the inputs: a compiler needs half a minute for the real one."""

    c2f, coarse_channels = None, (2, 3)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 1, 3, padding=1)

    def refine(self, rgb, coarse_depth, coarse_features):
        return self(rgb, coarse_depth, coarse_features)

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
    assert accelerate(refiner, "none") is refiner
    assert resolve_acceleration("auto", CPU) == "none" and resolve_acceleration("auto", CUDA) in ACCELERATIONS[1:]
    with pytest.raises(ValueError, match="unknown acceleration 'fast': choose auto, none, compile, graphs"):
        resolve_acceleration("fast", CPU)
    with caplog.at_level(logging.WARNING):
        assert {resolve_acceleration(how, CPU) for how in ("graphs", "compile", "compile-graphs")} == {"none"}
    assert "acceleration 'graphs' needs CUDA" in caplog.text
    both = accelerate(refiner, "compile-graphs")
    assert isinstance(both, Graphed) and isinstance(both.run, Compiled) and both.run.run is refiner


@torch.inference_mode()
def test_compiled_gives_the_same(refiner, inputs):
    """Traced and run by torch's own operators: kernels would need a compiler."""
    compiled = Compiled(refiner, backend="aot_eager")
    assert torch.allclose(compiled(*inputs), refiner(*inputs), atol=1e-5)
    assert not compiled.failed


@torch.inference_mode()
def test_one_kernel_serves_batches_of_every_size():
    """One for the first size, one for a single tile, one for all others; torch gives up after eight, without a word."""
    torch._dynamo.reset()
    compiled, step = [], TileStep(SmallRefiner().eval())

    def count(graph, examples):
        compiled.append(graph)
        return graph

    run = Compiled(step, backend=count)
    depth, features = torch.rand(1, 1, 32, 64), [torch.rand(1, c, 32, 64) for c in SmallRefiner.coarse_channels]
    for batch in (8, 1, *range(2, 16)):  # from 16 on a convolution on the CPU takes another way
        rgb, boxes = torch.rand(batch, 3, 32, 64), torch.rand(batch, 4, dtype=torch.float64) / 2
        wanted = step(rgb, boxes, depth, features)
        assert torch.allclose(run(rgb, boxes, depth, features), wanted, atol=1e-5)
    assert len(compiled) == 3 and not run.failed


@torch.inference_mode()
def test_each_engine_of_a_process_is_compiled(inputs):
    compiled = []

    def count(graph, examples):
        compiled.append(graph)
        return graph

    for _ in range(10):
        refiner = SmallRefiner().eval()
        assert torch.allclose(Compiled(refiner, backend=count)(*inputs), refiner(*inputs), atol=1e-5)
    assert len(compiled) == 10


@torch.inference_mode()
def test_a_failing_compiler_is_said_once_and_replaced(refiner, inputs, caplog):
    def broken(graph, examples):
        raise RuntimeError("no compiler here")

    compiled = Compiled(refiner, backend=broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(compiled(*inputs), refiner(*inputs))
    assert len(caplog.records) == 1 and "compiled failed, continuing without it" in caplog.text


@torch.inference_mode()
def test_a_capture_that_fails_is_replaced(refiner, inputs, caplog):
    graphed = Graphed(refiner, None)
    assert torch.equal(graphed(*inputs), refiner(*inputs))
    assert graphed.failed and "graphed failed" in caplog.text


class PretendedGraph:
    """What torch.cuda.CUDAGraph does, as far as a CPU can: replaying computes nothing."""

    def capture_begin(self, **_):
        pass

    capture_end = replay = capture_begin


@pytest.fixture
def pretended_cuda(monkeypatch):
    """Streams that are only counted, so that what happens around a capture can be seen without CUDA."""
    current = ["own"]

    class Stream:
        def wait_stream(self, _):
            pass

        synchronize = wait_stream

        def __init__(self, *_):
            self.synchronize = lambda: None

    @contextmanager
    def on(stream):
        before, current[0] = current[0], stream
        try:
            yield
        finally:
            current[0] = before

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: Stream())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", PretendedGraph)
    return current


@torch.inference_mode()
def test_after_a_failed_capture_the_thread_is_on_its_own_stream_again(refiner, inputs, pretended_cuda, caplog):
    calls = []

    def fails_when_captured(*given):
        calls.append(pretended_cuda[0])
        if len(calls) == 4:
            raise RuntimeError("operation not permitted when stream is capturing")
        return refiner(*given)

    graphed = Graphed(fails_when_captured, GraphPool(CPU))
    assert torch.equal(graphed(*inputs), refiner(*inputs))
    assert graphed.failed and pretended_cuda == ["own"]
    assert "own" not in calls[:4] and calls[4] == "own" and gc.isenabled()


@torch.inference_mode()
def test_graphs_are_kept_for_each_shape_until_memory_is_short(refiner, inputs, pretended_cuda):
    graphed = Graphed(refiner, GraphPool(CPU))
    rgb, depth, features = inputs
    for batch in (2, 1, 2):
        given = rgb[:batch], depth[:batch], [feature[:batch] for feature in features]
        assert graphed(*given).shape == (batch, 1, 32, 64)
    assert len(graphed._graphs) == 2
    Compiled(graphed, backend="eager").clear()
    assert not graphed._graphs and not graphed.failed


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("simulated"), RuntimeError("CUDA error: misaligned address")])
@torch.inference_mode()
def test_memory_and_a_lost_device_are_left_to_the_engine(refiner, inputs, error):
    class Full(Compiled):
        def _faster(self, *_):
            raise error

    full = Full(refiner, backend="eager")
    with pytest.raises(type(error)):
        full(*inputs)
    assert not full.failed


def test_the_engine_takes_it(weights_file, caplog):
    with pytest.raises(ValueError, match="unknown acceleration"):
        DepthEngine.load(weights_file, device="cpu", acceleration="warp")
    DepthEngine.load(weights_file, device="cpu", acceleration="graphs")
    assert "acceleration 'graphs' needs CUDA" in caplog.text


def test_transfers_on_the_host_copy_nothing():
    pixels = torch.randint(0, 256, (4, 5, 3), dtype=torch.uint8)
    assert to_device(pixels, CPU) is pixels
    depth = torch.rand(4, 5)
    assert np.shares_memory(to_host(depth), depth.numpy())
