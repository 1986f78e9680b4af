# SPDX-License-Identifier: Apache-2.0
"""Tensor names of ZoeDepth checkpoints, on BEiT or Depth Anything, and ours for them."""

import re

from torch import Tensor, nn

from prv2_ros.model.renaming import Rules, rename

_DECODER: Rules = (
    (r"{root}\.layer(\d)_rn\.(.*)", r"neck.convs.<-1+\1>.\2"),
    (r"{root}\.refinenet(\d)\.out_conv\.(.*)", r"neck.fusion_stage.layers.<4-\1>.projection.\2"),
    (
        r"{root}\.refinenet(\d)\.resConfUnit(\d)\.conv(\d)\.(.*)",
        r"neck.fusion_stage.layers.<4-\1>.residual_layer\2.convolution\3.\4",
    ),
)
_MIDAS: Rules = (
    (r"pretrained\.model\.cls_token", r"backbone.beit.embeddings.cls_token"),
    (r"pretrained\.model\.patch_embed\.proj\.(.*)", r"backbone.beit.embeddings.patch_embeddings.projection.\1"),
    (r"pretrained\.model\.blocks\.(\d+)\.gamma_(\d)", r"backbone.beit.layers.\1.lambda_\2"),
    (r"pretrained\.model\.blocks\.(\d+)\.norm1\.(.*)", r"backbone.beit.layers.\1.layernorm_before.\2"),
    (r"pretrained\.model\.blocks\.(\d+)\.norm2\.(.*)", r"backbone.beit.layers.\1.layernorm_after.\2"),
    (r"pretrained\.model\.blocks\.(\d+)\.attn\.([qkv])\.(.*)", r"backbone.beit.layers.\1.attention.\2_proj.\3"),
    (r"pretrained\.model\.blocks\.(\d+)\.attn\.proj\.(.*)", r"backbone.beit.layers.\1.attention.o_proj.\2"),
    (
        r"pretrained\.model\.blocks\.(\d+)\.attn\.relative_position_bias_table",
        r"backbone.beit.layers.\1.relative_position_bias.relative_position_bias_table",
    ),
    (r"pretrained\.model\.blocks\.(\d+)\.(mlp\..*)", r"backbone.beit.layers.\1.\2"),
    (
        r"pretrained\.act_postprocess(\d)\.0\.project\.0\.(.*)",
        r"neck.reassemble_stage.readout_projects.<-1+\1>.0.\2",
    ),
    (r"pretrained\.act_postprocess(\d)\.3\.(.*)", r"neck.reassemble_stage.layers.<-1+\1>.projection.\2"),
    (r"pretrained\.act_postprocess(\d)\.4\.(.*)", r"neck.reassemble_stage.layers.<-1+\1>.resize.\2"),
    *((pattern.replace("{root}", "scratch"), ours) for pattern, ours in _DECODER),
    (r"scratch\.output_conv\.0\.(.*)", r"relative_head.conv1.\1"),
    (r"scratch\.output_conv\.2\.(.*)", r"relative_head.conv2.\1"),
    (r"scratch\.output_conv\.4\.(.*)", r"relative_head.conv3.\1"),
)
_ON_BEIT: Rules = (
    *((r"core\.core\." + pattern, "network." + ours) for pattern, ours in _MIDAS),
    (r"conv2\.(.*)", r"network.metric_head.conv2.\1"),
    (r"seed_bin_regressor\._net\.(\d)\.(.*)", r"network.metric_head.seed_bin_regressor.<plain:\1>.\2"),
    (r"seed_projector\._net\.(\d)\.(.*)", r"network.metric_head.seed_projector.<plain:\1>.\2"),
    (
        r"(projectors|attractors)\.(\d)\._net\.(\d)\.(.*)",
        r"network.metric_head.\1.\2.<plain:\3>.\4",
    ),
    (r"conditional_log_binomial\.mlp\.([02]\..*)", r"network.metric_head.conditional_log_binomial.mlp.\1"),
)
_DINO: Rules = (
    (r"pretrained\.(cls_token|mask_token)", r"backbone.embeddings.\1"),
    (r"pretrained\.pos_embed", r"backbone.embeddings.position_embeddings"),
    (r"pretrained\.patch_embed\.proj\.(.*)", r"backbone.embeddings.patch_embeddings.projection.\1"),
    (r"pretrained\.blocks\.(\d+)\.attn\.([qkv])\.(.*)", r"backbone.encoder.layer.\1.attention.\2_proj.\3"),
    (r"pretrained\.blocks\.(\d+)\.attn\.proj\.(.*)", r"backbone.encoder.layer.\1.attention.o_proj.\2"),
    (r"pretrained\.blocks\.(\d+)\.ls(\d)\.gamma", r"backbone.encoder.layer.\1.layer_scale\2.lambda1"),
    (r"pretrained\.blocks\.(\d+)\.(norm\d\..*|mlp\..*)", r"backbone.encoder.layer.\1.\2"),
    (r"pretrained\.norm\.(.*)", r"backbone.layernorm.\1"),
    (r"depth_head\.projects\.(\d)\.(.*)", r"neck.reassemble_stage.layers.\1.projection.\2"),
    (r"depth_head\.resize_layers\.(\d)\.(.*)", r"neck.reassemble_stage.layers.\1.resize.\2"),
    *((pattern.replace("{root}", r"depth_head\.scratch"), ours) for pattern, ours in _DECODER),
    (r"depth_head\.scratch\.output_conv1\.(.*)", r"head.conv1.\1"),
    (r"depth_head\.scratch\.output_conv2\.0\.(.*)", r"head.conv2.\1"),
    (r"depth_head\.scratch\.output_conv2\.2\.(.*)", r"head.conv3.\1"),
)
BINS: Rules = (
    (r"seed_bin_regressor\._net\.(.*)", r"head.seed_bins.\1"),
    (r"seed_projector\._net\.(.*)", r"head.seed_embedding.\1"),
    (r"projectors\.(\d)\._net\.(.*)", r"head.embeddings.\1.\2"),
    (r"attractors\.(\d)\._net\.(.*)", r"head.attractors.\1.\2"),
    (r"conditional_log_binomial\.mlp\.([02]\..*)", r"head.distribution.\1"),
)
_ON_DINO: Rules = (
    *((r"core\.core\." + pattern, "relative.network." + ours) for pattern, ours in _DINO),
    (r"conv2\.(.*)", r"bottleneck.\1"),
    *BINS,
)
# By the name of the class, since importing the classes would load `transformers`.
RULES: dict[str, Rules] = {"ZoeDepthCoarse": _ON_BEIT, "ZoeDepthAnything": _ON_DINO, "RelativeDepthAnything": ()}
# The classifier of the pretrained backbone, and constants.
_UNUSED = re.compile(
    r"core\.core\.pretrained\.model\.(head|fc_norm)\..*|.*\.relative_position_index|.*log_binomial_transform\..*"
)


def convert_depth_tensors(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A reference depth network's tensors under our names; an unknown name is left as it is.

    Args:
        state: without the prefix of its branch.
        network: one that `create_coarse` made; another one's names are taken to be ours already.
    """
    rules = RULES.get(type(network).__name__)
    if not rules:
        return state
    converted = {}
    for name, tensor in state.items():
        if _UNUSED.fullmatch(name):
            continue
        for part, value in split_attention(name, tensor):
            converted[rename(part, rules) or part] = value
    return converted


def split_attention(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """Query, key and value stand in one tensor there and in three here; BEiT's keys have no bias."""
    found = re.fullmatch(r"(.*\.attn)\.qkv\.(weight|bias)", name)
    if found:
        return [(f"{found[1]}.{part}.{found[2]}", value) for part, value in zip("qkv", tensor.chunk(3))]
    found = re.fullmatch(r"(.*\.attn)\.([qv])_bias", name)
    return [(f"{found[1]}.{found[2]}.bias" if found else name, tensor)]


def recognise_depth_network(state: dict[str, Tensor]) -> str:
    """The kind of coarse branch (`COARSE_KINDS`) whose reference tensors these are, without a prefix.

    Raises:
        ValueError: it is none that is known.
    """
    if "core.core.pretrained.model.cls_token" in state:
        return "zoedepth"
    token = state.get("core.core.pretrained.cls_token")
    widths = {384: "zoedepth-vits", 768: "zoedepth-vitb", 1024: "zoedepth-vitl"}
    if token is not None and token.shape[-1] in widths:
        return widths[token.shape[-1]]
    some = ", ".join(sorted(state)[:3]) or "none"
    raise ValueError(f"unknown depth network, expected ZoeDepth on BEiT-L or Depth Anything; its tensors: {some} …")
