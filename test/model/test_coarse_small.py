# SPDX-License-Identifier: Apache-2.0
import pytest
import timm
import torch

from prv2_ros.model import create_coarse
from prv2_ros.model.layers import resize


@pytest.fixture(scope="module")
def coarse():
    torch.manual_seed(0)
    return create_coarse("small").eval()


def test_depth_is_positive_and_features_halve_from_level_to_level(coarse):
    with torch.inference_mode():
        depth, features = coarse(torch.rand(1, 3, 128, 192))
    assert depth.shape == (1, 1, 128, 192) and (depth > 0).all()
    assert [tuple(f.shape[1:]) for f in features] == [(c, 64 >> k, 96 >> k) for k, c in enumerate(coarse.channels)]


def test_it_sees_half_of_the_process_size(coarse):
    rgb = torch.rand(1, 3, 128, 192)
    assert coarse.internal_size((128, 192)) == (64, 96)
    with torch.inference_mode():
        depth, features = coarse(rgb)
        log_depth, _ = coarse.forward_internal(resize(rgb, (64, 96)))
    assert torch.allclose(depth, resize(log_depth.exp(), (128, 192)), atol=1e-5)
    assert tuple(features[0].shape[-2:]) == (64, 96)


def test_imagenet_tensors_are_taken_in_order_and_shapes_are_checked(coarse):
    classifier = timm.create_model("tf_efficientnet_lite0")
    anonymous = {f"tensor{i}": t for i, t in enumerate(classifier.state_dict().values())}
    network = create_coarse("small")
    network.load_imagenet_state_dict(anonymous)
    assert torch.equal(network.encoder.state_dict()["conv_stem.weight"], classifier.conv_stem.weight)
    with pytest.raises(ValueError, match=r"expected 296 tensors of tf_efficientnet_lite0, got 1"):
        network.load_imagenet_state_dict({"a": torch.zeros(1)})
    anonymous["tensor0"] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"tensor0 is \(1,\), but conv_stem.weight is"):
        network.load_imagenet_state_dict(anonymous)


def test_unknown_kinds_and_missing_sources_are_refused():
    with pytest.raises(ValueError, match="unknown coarse branch 'midas'"):
        create_coarse("midas")
    with pytest.raises(ValueError, match="'zoedepth' needs source"):
        create_coarse("zoedepth")
