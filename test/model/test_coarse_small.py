# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import timm
import torch

from prv2_ros.model import create_coarse
from prv2_ros.model.coarse.builders import fits_layout, kinds_of_parts, trained_alike
from prv2_ros.model.coarse.looks import Look, what_looks_add
from prv2_ros.model.coarse.small import SmallCoarse
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


@pytest.mark.parametrize(("kind", "seen"), [("small", (64, 96)), ("small-fine", (80, 120))])
def test_it_sees_its_share_of_the_process_size(coarse, kind, seen):
    network = create_coarse(kind).eval()
    network.load_state_dict(coarse.state_dict())
    rgb = torch.rand(1, 3, 128, 192)
    assert network.internal_size((128, 192)) == seen
    with torch.inference_mode():
        depth, features = network(rgb)
        log_depth, _ = network.forward_internal(resize(rgb, seen))
    assert torch.allclose(depth, resize(log_depth.exp(), (128, 192)), atol=1e-5)
    assert tuple(features[0].shape[-2:]) == seen


def test_a_second_look_corrects_scale_and_layout_but_leaves_edges(coarse):
    network = create_coarse("small-twice").eval()
    network.load_state_dict(coarse.state_dict())
    rgb = torch.rand(1, 3, 384, 512)
    with torch.inference_mode():
        depth, features = network(rgb)
        first, features_of_first = coarse.forward_internal(resize(rgb, (192, 256)))
        second, _ = coarse.forward_internal(resize(rgb.flip(-1), (224, 304)))
        second = resize(second, (192, 256)).flip(-1) + 0.5 * math.log(224 / 192 * 304 / 256)
        cells = torch.nn.functional.adaptive_avg_pool2d(second - first, (6, 8))
        expected = resize((first + resize(cells, (192, 256)) / 2).exp(), (384, 512))
    assert torch.allclose(depth, expected, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(features, features_of_first, strict=True))


def test_a_layout_network_is_averaged_in(coarse):
    torch.manual_seed(1)
    network = create_coarse("small-pair").eval()
    assert network.layout.encoder_name == "tf_efficientnet_lite2"
    network.looks = (Look(5 / 8, mirrored=True, layout=True),)
    rgb = torch.rand(1, 3, 384, 512)
    with torch.inference_mode():
        depth, _ = network(rgb)
        first, _ = network.forward_internal(resize(rgb, (240, 320)))
        other = network.layout.forward_internal(resize(rgb.flip(-1), (240, 320)))[0].flip(-1)
        added = what_looks_add(first, [other])
        expected = resize((first + added).exp(), (384, 512))
    assert added.abs().max() > 1e-4
    assert torch.allclose(depth, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["small-twice", "small-pair", "small-pair-fine"])
def test_equal_looks_change_nothing(kind):
    class Level(SmallCoarse):
        def forward_internal(self, rgb):
            # a wall 4 m away: nearer by as much as the frame has more pixels, whatever they show
            own = self.internal_size((192, 192))[0]
            return torch.full((1, 1, *rgb.shape[-2:]), math.log(4.0 * own / rgb.shape[-2])), []

    network = create_coarse(kind)
    for part in network.modules():
        if isinstance(part, SmallCoarse):
            part.__class__ = Level
    depth, _ = network(torch.rand(1, 3, 192, 192))
    assert torch.allclose(depth, torch.full_like(depth, 4.0), rtol=1e-6)


def test_what_looks_add_is_the_mean_less_the_first_and_flat_in_a_cell():
    first = torch.zeros(1, 1, 64, 64)
    other = torch.zeros(1, 1, 128, 128)
    other[..., 64:] = 3.0  # 3 on the right half: (0 + 3 + 3) / 3 there
    added = what_looks_add(first, [other, other])
    assert added[..., 0].abs().max() == 0 and torch.allclose(added[..., -1], torch.tensor(2.0), atol=0.1)
    less = what_looks_add(first, [other, other], first_weight=0.5)  # (0 / 2 + 3 + 3) / 2.5
    assert torch.allclose(less[..., -1], torch.tensor(2.4), atol=0.1)
    edge = added[0, 0, 0].diff().abs().max()
    assert edge < 0.1, "an edge of another look must not become an edge of the sum"


def test_the_first_look_counts_as_its_kind_says():
    torch.manual_seed(2)
    network = create_coarse("small-pair-fine").eval()
    assert network.first_weight == 0.5 and create_coarse("small-pair").first_weight == 1.0
    rgb = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        depth, _ = network(rgb)
        first, _ = network.forward_internal(resize(rgb, (80, 80)))
        others = [network._look(rgb, look) for look in network.looks]
        expected = (first + what_looks_add(first, others, first_weight=0.5)).exp()
    assert torch.allclose(depth, resize(expected, (128, 128)), rtol=1e-5)


def test_kinds_that_differ_in_looks_alone_share_their_training():
    assert trained_alike("small", "small-twice") and trained_alike("small-fine", "small-pair")
    assert not trained_alike("small", "small-fine") and not trained_alike("small-fine", "small-lite2")
    assert not trained_alike("small-lite2", "small-lite2-fine")
    assert trained_alike("zoedepth", "zoedepth") and not trained_alike("zoedepth", "small")


def test_parts_of_a_kind_with_two_networks_are_kinds_of_their_own():
    assert kinds_of_parts("small-pair") == ("small-fine", "small-lite2")
    assert kinds_of_parts("small-pair-fine") == ("small-fine", "small-lite2-fine")
    assert kinds_of_parts("small-twice") is None and kinds_of_parts("zoedepth") is None


def test_which_network_of_a_pair_another_is_like():
    assert fits_layout("small-lite2", "small-pair-fine") and fits_layout("small-lite2-fine", "small-pair-fine")
    assert not fits_layout("small-fine", "small-pair-fine"), "like the first"
    assert not fits_layout("small-pair", "small-pair-fine"), "has two itself"
    assert not fits_layout("small-lite2", "small-fine") and not fits_layout("zoedepth", "small-pair")


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
