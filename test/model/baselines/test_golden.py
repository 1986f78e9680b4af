# SPDX-License-Identifier: Apache-2.0
"""PatchRefiner V1, PatchFusion and PRO against values of their reference implementations."""

import golden_baselines as golden
import pytest
import torch

TOLERANCE = 1e-4


def test_prv1():
    refiner = golden.build("prv1", golden.canned())
    coarse_depth = golden.depth("coarse_depth")
    answers = []
    refiner.register_forward_hook(lambda _module, _given, answer: answers.append(answer))
    with torch.inference_mode():
        refined = refiner.refine(golden.image(), coarse_depth, golden.features("coarse_feature"))
    assert golden.largest_difference(answers[0], "prv1_fusion.npz", "residual") < 2e-5
    assert golden.largest_difference(refined, "prv1_fusion.npz", "depth") < 2e-5


def test_patchfusion():
    refiner = golden.build("patchfusion", golden.canned(), feature_sizes=golden.FEATURE_SIZES)
    inputs = golden.patchfusion_inputs()
    assert golden.largest_difference(inputs["coarse_depth"], "patchfusion_fusion.npz", "coarse_depth") < 1e-5
    seen = {}
    refiner.head.register_forward_pre_hook(lambda _, given: seen.update(maps=given[0]))
    with torch.inference_mode():
        depth = refiner(**inputs) + inputs["coarse_depth"]
    for level in range(6):
        ours = seen["maps"][level] if level > 3 else seen["maps"][level][:, :8, ::4, ::4]
        name = f"fused_{level}" if level > 3 else f"fused_{level}_first8"
        assert golden.largest_difference(ours, "patchfusion_fusion.npz", name) < 2e-5, f"level {level}"
    assert golden.largest_difference(depth, "patchfusion_fusion.npz", "depth") < TOLERANCE


def test_pro():
    fine = golden.Canned(golden.depth("fine_depth", 56, 70), golden.features("fine_feature", golden.PRO_SHAPES))
    refiner = golden.build("pro", fine)
    rgb, coarse = golden.image(56, 70), golden.depth("coarse_depth", 56, 70)
    features = golden.features("coarse_feature", golden.PRO_SHAPES)
    seen, decode = [], refiner.decode
    refiner.decode = lambda maps, size: seen.append(maps) or decode(maps, size)
    with torch.inference_mode():
        scaled = refiner(rgb, coarse, features, center=5.5, scale=2.5)
        each = refiner(rgb, coarse, features, center=torch.full((2,), 5.5), scale=torch.full((2,), 2.5))
    maps = seen[0]
    assert golden.largest_difference(scaled / 2.5, "pro_fusion.npz", "residual") < 2e-5
    assert torch.equal(scaled, each)
    assert golden.largest_difference(maps[5], "pro_fusion.npz", "fused_5") < 2e-5
    assert golden.largest_difference(maps[4][:, :8], "pro_fusion.npz", "fused_4_first8") < 2e-5


def test_centre_and_scale_of_pro():
    from prv2_ros.model.baselines.pro import centre_and_scale

    center, scale = centre_and_scale(golden.noise("coarse", (2, 1, 20, 30)))
    assert golden.largest_difference(center, "pro_training.npz", "median") < 1e-6
    assert golden.largest_difference(scale, "pro_training.npz", "mad") < 1e-6


@pytest.mark.parametrize("network", ["prv1", "patchfusion", "pro"])
def test_keys_are_converted_one_to_one_and_strictly(network):
    from prv2_ros.model import convert_reference_state_dict, create_refiner

    sizes = {"feature_sizes": golden.FEATURE_SIZES} if network == "patchfusion" else {}
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in golden.shapes(network).items()}
        refiner = create_refiner(network, fine=golden.Canned(None, []), **sizes)
    assert len(convert_reference_state_dict(state, refiner)) == len(state)
    with pytest.raises(ValueError, match=rf"unknown keys for {network}: nonsense\.weight"):
        convert_reference_state_dict({**state, "nonsense.weight": torch.zeros(1)}, refiner)
    name = next(iter(state))
    with pytest.raises(ValueError, match=rf"missing keys for {network} \(our names\): "):
        convert_reference_state_dict({k: v for k, v in state.items() if k != name}, refiner)
    with pytest.raises(ValueError, match=rf"{name} is \(1,\), {network} needs"):
        convert_reference_state_dict({**state, name: torch.zeros(1)}, refiner)
    constants = {
        "guided_fusion.g2l_list.0.g2l_layer.blocks.0.attn.relative_position_index": torch.zeros(144, 144),
        "conditional_log_binomial.log_binomial_transform.k_idx": torch.zeros(1),
        "freq_fusion.haar_ll": torch.zeros(1),
        "coarse_branch.conv2.bias": torch.zeros(256),
    }
    assert len(convert_reference_state_dict({**state, **constants}, refiner)) == len(state)
