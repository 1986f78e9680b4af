# SPDX-License-Identifier: Apache-2.0
"""Published depth networks: every tensor of their layout finds its place."""

import pytest
import reference_layouts
import torch

pytest.importorskip("transformers")

from prv2_ros.model import convert_reference_depth_network, create_coarse, recognise_depth_network
from prv2_ros.model.coarse.reference_keys import split_attention

VITS = {"width": 384, "layers": 12, "neck": (48, 96, 192, 384), "fused": 64}


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("zoedepth", reference_layouts.zoedepth_on_beit()),
        ("zoedepth-vits", reference_layouts.zoedepth_on_dino(**VITS)),
    ],
)
def test_every_tensor_of_the_layout_has_its_place(kind, shapes):
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
        network = create_coarse(kind, random=True)
    assert recognise_depth_network(state) == kind
    network.load_state_dict(convert_reference_depth_network(state, network), assign=True, strict=True)
    name = "core.core.pretrained.depth"
    with pytest.raises(ValueError, match=rf"unknown keys for .*: {name}"):
        convert_reference_depth_network({**state, name: state["conv2.bias"]}, network)
    with pytest.raises(ValueError, match="missing keys for "):
        convert_reference_depth_network({k: v for k, v in state.items() if k != "conv2.bias"}, network)


def test_the_layout_of_beit_has_as_many_tensors_as_the_published_file():
    assert len(reference_layouts.zoedepth_on_beit()) == 535


def test_query_key_and_value_are_parted_in_this_order():
    weight = torch.arange(6.0).view(6, 1)
    parts = dict(split_attention("blocks.0.attn.qkv.weight", weight))
    assert {name: value.flatten().tolist() for name, value in parts.items()} == {
        "blocks.0.attn.q.weight": [0, 1],
        "blocks.0.attn.k.weight": [2, 3],
        "blocks.0.attn.v.weight": [4, 5],
    }
    assert split_attention("blocks.0.attn.q_bias", weight)[0][0] == "blocks.0.attn.q.bias"


def test_another_network_is_not_taken_for_one():
    with pytest.raises(ValueError, match=r"unknown depth network.* its tensors: a, b"):
        recognise_depth_network({"a": torch.zeros(1), "b": torch.zeros(1)})
