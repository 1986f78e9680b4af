# SPDX-License-Identifier: Apache-2.0
"""The engine on CUDA against itself on the CPU: values, precisions, accelerations, memory."""

import gc

import numpy as np
import pytest
import torch
from tiny_weights import write_tiny_weights

from prv2_ros.bench.subject import random_engine, random_frame
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.acceleration import Compiled, Graphed
from prv2_ros.errors import Prv2Error

SMALL = {"process_size": (96, 128), "grid": (2, 2)}
RGB = random_frame(270, 480)


def engine_on(device, variant="prv2s", **options):
    return random_engine(variant, device=str(device), **{**SMALL, **options})


def relative_error(found, wanted, quantile=0.999):
    return float(np.quantile(np.abs(found - wanted) / np.maximum(np.abs(wanted), 0.1), quantile))


@pytest.fixture(scope="module")
def on_cpu():
    """Depth of one picture by each variant on the CPU in float32, computed once."""
    known = {}

    def depth(variant, **options):
        key = (variant, *sorted(options.items()))
        if key not in known:
            known[key] = engine_on("cpu", variant, precision="fp32", **options)(RGB)[0]
        return known[key]

    return depth


def check_float32(device, variant, wanted, figure):
    depth = engine_on(device, variant, precision="fp32", acceleration="none")(RGB)[0]
    error = relative_error(depth, wanted, 1.0)
    figure(f"{variant} fp32 on CUDA against the CPU: largest relative error {error:.1e}")
    assert error < 1e-3


@pytest.mark.parametrize("variant", ["prv2s", "prv2m-narrow", "prv2m"])
def test_float32_is_the_cpus(cuda, on_cpu, variant, figure):
    check_float32(cuda, variant, on_cpu(variant), figure)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("variant", ["prv2s", "prv2m-narrow", "prv2m"])
def test_sixteen_bits_stay_close(cuda, on_cpu, variant, precision, figure):
    depth = engine_on(cuda, variant, precision=precision, acceleration="none")(RGB)[0]
    error = relative_error(depth, on_cpu(variant))
    figure(f"{variant} {precision}, random weights: 99.9th percentile of the relative error {error:.2e}")
    assert np.isfinite(depth).all() and error < (0.03 if precision == "bf16" else 0.01)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_sixteen_bits_of_the_packaged_weights(cuda, precision, figure):
    rgb = random_frame(1080, 1920)
    whole, low = (
        DepthEngine.load("prv2s", device=str(cuda), precision=p, sharpen_edges=False, acceleration="none")(rgb)[0]
        for p in ("fp32", precision)
    )
    error = relative_error(low, whole)
    figure(f"packaged prv2s {precision}: 99.9th percentile of the relative error {error:.2e}")
    assert error < 0.01


def test_stage_times_add_up(cuda):
    engine = engine_on(cuda, acceleration="graphs")
    engine(RGB)
    timing = engine(RGB)[1]
    stages = [timing.upload_ms, timing.coarse_ms, timing.tiles_ms, timing.assemble_ms, timing.download_ms]
    assert all(stage > 0 for stage in stages) and sum(stages) <= timing.total_ms * 1.05


def test_out_of_memory_is_survived(cuda, caplog):
    engine = random_engine("prv2m", device=str(cuda), precision="bf16", acceleration="graphs")
    rgb = random_frame(2160, 3840)
    _, total = torch.cuda.mem_get_info(cuda)
    own = torch.cuda.memory_allocated(cuda)
    try:
        torch.cuda.set_per_process_memory_fraction((own + 2.5 * 2**30) / total, cuda)
        depth = engine(rgb)[0]
        assert engine.tile_batch < 16 and "is out of memory; continuing with" in caplog.text
        torch.cuda.set_per_process_memory_fraction((own + 0.15 * 2**30) / total, cuda)
        with pytest.raises(Prv2Error, match="has not enough memory for"):
            engine(random_frame(4320, 7680))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, cuda)
    assert np.isfinite(depth).all() and np.isfinite(engine(rgb)[0]).all()


def test_two_cameras_of_two_sizes_in_turn_give_what_each_gives_alone(cuda):
    engine = engine_on(cuda, precision="fp32", acceleration="graphs")
    frames = [random_frame(270, 480, seed=1), random_frame(540, 960, seed=2)]
    plain = engine_on(cuda, precision="fp32", acceleration="none")
    alone = [plain(rgb)[0] for rgb in frames]
    for _ in range(3):
        for name, rgb, wanted in zip("ab", frames, alone):
            assert relative_error(engine(rgb, stream=name)[0], wanted, 1.0) < 1e-3


def test_a_budget_chooses_tiles(cuda, tmp_path):
    weights = write_tiny_weights(tmp_path / "tiny.safetensors")
    engine = DepthEngine.load(weights, device=str(cuda), grid=(4, 4), max_tiles=5)
    rgb = random_frame(540, 960)
    assert [engine(rgb)[1].tiles for _ in range(6)] == [5] * 6
    assert np.isfinite(engine(rgb)[0]).all()


def test_memory_stays_the_same_over_two_thousand_frames(cuda, figure):
    engine = engine_on(cuda, acceleration="graphs")
    engine.warm_up(270, 480)
    gc.collect()
    before = torch.cuda.memory_reserved(cuda)
    for _ in range(2000):
        engine.infer(RGB)
    grown = torch.cuda.memory_reserved(cuda) - before
    figure(f"reserved memory after 2000 frames: {grown / 2**20:+.1f} MiB")
    assert grown < 2**25


def test_after_closing_the_memory_is_free(cuda):
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(cuda)
    engine = engine_on(cuda, acceleration="graphs")
    engine(RGB)
    engine.close()
    gc.collect()
    assert torch.cuda.memory_allocated(cuda) - before < 2**24


# From here on: what takes longest, and at last what may leave the process in disorder.


@pytest.mark.parametrize("variant", ["prv2e", "prv2c"])
def test_float32_of_large_encoders_is_the_cpus(cuda, on_cpu, variant, figure):
    check_float32(cuda, variant, on_cpu(variant), figure)


@pytest.mark.parametrize(("how", "mode"), [("graphs", "p16"), ("graphs", "p49"), ("compile-graphs", "p16")])
def test_accelerations_give_the_same_and_do_not_give_way(cuda, how, mode):
    engine, plain = (engine_on(cuda, precision="fp32", acceleration=a, mode=mode) for a in (how, "none"))
    for seed in range(2):  # the second frame runs what the first one captured
        rgb = random_frame(270, 480, seed=seed)
        assert relative_error(engine(rgb)[0], plain(rgb)[0], 1.0) < 1e-3
    for run in (engine.model.run_coarse, engine.model.run_tiles):
        while isinstance(run, (Compiled, Graphed)):
            assert not run.failed, f"{type(run).__name__} gave way"
            run = run.run


def test_a_failed_capture_leaves_the_thread_where_it_was(cuda, caplog):
    engine = engine_on(cuda, precision="fp32", acceleration="graphs")
    refine = engine.model.run_tiles.run
    wanted = engine_on(cuda, precision="fp32", acceleration="none")(RGB)[0]
    engine.model.run_tiles.run = lambda *given: refine(*given) + refine(*given).sum().item() * 0  # a graph cannot wait
    before = torch.cuda.current_stream()
    depth = engine(RGB)[0]
    assert torch.cuda.current_stream() == before and "graphed failed" in caplog.text
    assert relative_error(depth, wanted, 1.0) < 1e-3
    torch.cuda.synchronize()
