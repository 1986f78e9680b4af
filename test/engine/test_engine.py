# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from tiny_weights import write_tiny_feature_weights

from prv2_ros.bench.subject import random_frame
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.weights import load_weights, save_weights
from prv2_ros.errors import ImageError, Prv2Error, WeightsError
from prv2_ros.model import create_refiner
from prv2_ros.model.layers import resize


@pytest.fixture(scope="module")
def engine(weights_file):
    return DepthEngine.load(weights_file, device="cpu", precision="fp32")


def picture(height=270, width=480, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def test_depth_is_the_networks_times_the_focal_ratio(engine):
    rgb = picture()
    depth, _ = engine(rgb)
    assert depth.shape == (270, 480) and depth.dtype == np.float32
    # 480x270 at f = 375 px is 75 px and 88.9 px at 96x64: the geometric mean of both axes counts.
    scaled, _ = engine(rgb, focal_px=375.0)
    ratio = np.sqrt((375 * 96 / 480) * (375 * 64 / 270)) / 75.0
    assert np.allclose(scaled, depth * ratio, rtol=1e-5)
    both, _ = engine(rgb, focal_px=(300.0, 468.75))
    assert np.allclose(both, scaled, rtol=1e-5)


def test_the_expected_error_is_the_coarse_branchs_own(engine, tmp_path):
    rgb = picture()
    found = engine.infer(rgb).log_error
    assert found.shape == (32, 48) and found.dtype == torch.float32 and (found > 0).all()
    with torch.inference_mode():
        frame = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255
        _, _, own = engine.model.coarse(resize(frame, (64, 96)))
    assert found.std() > 0
    torch.testing.assert_close(found, own[0, 0], rtol=1e-4, atol=1e-6)
    measured = np.full((270, 480), 2.0, np.float32)
    assert engine.infer(rgb, coarse_depth_m=measured).log_error is None, "the depth is not the network's"
    features = write_tiny_feature_weights(tmp_path / "features.safetensors", process_size=(64, 96))
    assert DepthEngine.load(features, device="cpu").infer(rgb).log_error is None, "that branch does not tell it"


def test_timing_adds_up(engine):
    _, timing = engine(picture(1080, 1920))
    stages = timing.upload_ms + timing.coarse_ms + timing.tiles_ms + timing.assemble_ms + timing.download_ms
    assert 0 < stages <= timing.total_ms
    assert timing.tiles == 4
    assert timing.as_dict()["tiles_ms"] == timing.tiles_ms > 0


def test_results_do_not_depend_on_memory_layout_or_history(engine):
    rgb = picture()
    first, _ = engine(rgb)
    engine(picture(100, 333, seed=1))
    assert np.array_equal(engine(rgb)[0], first)
    assert np.array_equal(engine(np.asfortranarray(rgb))[0], first)
    assert np.array_equal(engine(rgb[:, ::-1][:, ::-1])[0], first)


def test_a_tensor_gives_what_the_array_gives(engine):
    rgb = picture()
    assert np.array_equal(engine(torch.from_numpy(rgb), 300.0)[0], engine(rgb, 300.0)[0])
    with pytest.raises(ImageError, match="float32"):
        engine(torch.zeros(270, 480, 3))


def test_modes_and_grids(weights_file):
    engine = DepthEngine.load(weights_file, device="cpu", precision="fp32", grid=(2, 2), mode="p49")
    depth, timing = engine(picture())
    assert timing.tiles == 4 + 2 + 2 + 1
    assert np.isfinite(depth).all()
    with pytest.raises(ValueError, match="unknown mode"):
        DepthEngine.load(weights_file, mode="p4")


def test_bf16_stays_close_to_fp32(engine, weights_file):
    half = DepthEngine.load(weights_file, device="cpu", precision="bf16")
    rgb = picture()
    assert np.quantile(np.abs(half(rgb)[0] - engine(rgb)[0]) / engine(rgb)[0], 0.5) < 0.02
    assert half.precision == "bf16"
    # The coarse branch carries the scale, so it is not rounded.
    assert np.allclose(half.coarse(rgb), engine.coarse(rgb), rtol=1e-5)


def test_coarse_alone_differs_from_refined_and_scales_alike(engine):
    rgb = picture()
    coarse = engine.coarse(rgb, focal_px=375.0)
    assert coarse.shape == (270, 480) and coarse.dtype == np.float32
    assert not np.allclose(coarse, engine(rgb, focal_px=375.0)[0])
    assert np.allclose(engine.coarse(rgb, focal_px=750.0), 2 * coarse, rtol=1e-5)


def test_small_frames_use_one_tile(engine):
    depth, timing = engine(picture(40, 50))
    assert depth.shape == (40, 50) and timing.tiles == 1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 0, 3), np.uint8), "image of 0x0 pixels"),
        (np.zeros((1, 1, 3), np.uint8), "image of 1x1 pixels: each side must be at least 32"),
        (np.zeros((64, 64), np.uint8), r"image is uint8 \(64, 64\), expected uint8 \(H, W, 3\)"),
        (np.zeros((64, 64, 3), np.float32), "image is float32"),
        (None, "image is NoneType"),
    ],
)
def test_bad_images_are_refused(engine, image, message):
    with pytest.raises(ImageError, match=message):
        engine(image)


@pytest.mark.parametrize("focal", [0.0, -1.0, float("nan"), float("inf"), (100.0, 0.0)])
def test_bad_focal_lengths_are_refused(engine, focal):
    with pytest.raises(ImageError, match="is not positive and finite"):
        engine(picture(), focal_px=focal)


def test_weights_of_another_variant_are_refused(tmp_path, weights_file):
    header, _, _ = load_weights(weights_file)
    path = tmp_path / "mixed.safetensors"
    save_weights(path, refiner=create_refiner("prv2m-narrow"), coarse=None, header=header)
    with pytest.raises(WeightsError, match=r"variant prv2s.*of another network"):
        DepthEngine.load(path)


def test_a_file_without_its_coarse_branch_is_refused(tmp_path, weights_file):
    header, _, _ = load_weights(weights_file)
    path = tmp_path / "refiner_only.safetensors"
    save_weights(path, refiner=create_refiner("prv2s"), coarse=None, header=header)
    with pytest.raises(WeightsError, match="has no coarse branch"):
        DepthEngine.load(path)


def test_out_of_memory_halves_the_tile_batch_then_gives_up_with_a_clear_line(weights_file):
    engine = DepthEngine.load(weights_file, device="cpu", precision="fp32", tile_batch=4)
    refine = engine._model.refiner.forward

    def needs_memory(rgb, *rest):
        if len(rgb) > needs_memory.fits:
            raise torch.OutOfMemoryError("simulated: a CPU cannot run out of device memory")
        return refine(rgb, *rest)

    engine._model.refiner.forward = needs_memory
    needs_memory.fits = 1
    depth, _ = engine(picture(1080, 1920))
    assert engine.tile_batch == 1 and np.isfinite(depth).all()
    needs_memory.fits = 0
    with pytest.raises(Prv2Error, match="cpu has not enough memory for one tile of a 1920x1080 frame"):
        engine(picture(1080, 1920))


def test_properties_come_from_the_header(engine):
    assert engine.weights_name == "random" and engine.variant == "prv2s"
    assert engine.process_size == (64, 96) and engine.canonical_focal_px == 75.0
    assert (engine.min_depth_m, engine.max_depth_m) == (1e-3, 80.0)
    assert engine.warm_up(64, 64) > 0


def test_bf16_of_the_packaged_weights_stays_within_half_a_percent():
    """Weights decide how far rounding goes: random ones hide what a rounded encoder does to trained ones.

    Of the network's own depth: a sharpened edge may move by a pixel for the last bit.
    """
    rgb = random_frame(540, 960)
    whole, half = (
        DepthEngine.load("prv2s", device="cpu", precision=p, sharpen_edges=False)(rgb)[0] for p in ("fp32", "bf16")
    )
    assert 0 < np.quantile(np.abs(half - whole) / whole, 0.999) < 0.005
