# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of the tensors in ZoeDepth checkpoints, written down from their key layout."""

from itertools import product

Shapes = dict[str, tuple[int, ...]]


def _pairs(shapes: Shapes, name: str, weight: tuple[int, ...]) -> None:
    """Weight and bias; the bias is as long as the weight's first side."""
    shapes[f"{name}.weight"], shapes[f"{name}.bias"] = weight, weight[:1]


def _decoder(shapes: Shapes, root: str, neck: tuple[int, ...], fused: int) -> None:
    for i, channels in enumerate(neck, 1):
        shapes[f"{root}.layer{i}_rn.weight"] = (fused, channels, 3, 3)
        _pairs(shapes, f"{root}.refinenet{i}.out_conv", (fused, fused, 1, 1))
        for unit, conv in product((1, 2), (1, 2)):
            _pairs(shapes, f"{root}.refinenet{i}.resConfUnit{unit}.conv{conv}", (fused, fused, 3, 3))


def _metric_head(shapes: Shapes, fused: int) -> None:
    _pairs(shapes, "conv2", (fused, fused, 1, 1))
    _pairs(shapes, "seed_bin_regressor._net.0", (256, fused, 1, 1))
    _pairs(shapes, "seed_bin_regressor._net.2", (64, 256, 1, 1))
    for name in ("seed_projector", *(f"projectors.{i}" for i in range(4))):
        _pairs(shapes, f"{name}._net.0", (128, fused, 1, 1))
        _pairs(shapes, f"{name}._net.2", (128, 128, 1, 1))
    for i, count in enumerate((16, 8, 4, 1)):
        _pairs(shapes, f"attractors.{i}._net.0", (128, 128, 1, 1))
        _pairs(shapes, f"attractors.{i}._net.2", (count, 128, 1, 1))
    _pairs(shapes, "conditional_log_binomial.mlp.0", (80, 161, 1, 1))
    _pairs(shapes, "conditional_log_binomial.mlp.2", (4, 80, 1, 1))
    shapes["conditional_log_binomial.log_binomial_transform.k_idx"] = (1, 64, 1, 1)
    shapes["conditional_log_binomial.log_binomial_transform.K_minus_1"] = (1, 1, 1, 1)


def zoedepth_on_beit() -> Shapes:
    """The 535 tensors of ZoeDepth on BEiT-L."""
    shapes: Shapes = {}
    root = "core.core.pretrained.model"
    shapes[f"{root}.cls_token"] = (1, 1, 1024)
    _pairs(shapes, f"{root}.patch_embed.proj", (1024, 3, 16, 16))
    for i in range(24):
        block = f"{root}.blocks.{i}"
        for name in ("gamma_1", "gamma_2", "attn.q_bias", "attn.v_bias"):
            shapes[f"{block}.{name}"] = (1024,)
        shapes[f"{block}.attn.relative_position_bias_table"] = (2212, 16)
        shapes[f"{block}.attn.relative_position_index"] = (577, 577)
        shapes[f"{block}.attn.qkv.weight"] = (3072, 1024)
        _pairs(shapes, f"{block}.attn.proj", (1024, 1024))
        _pairs(shapes, f"{block}.mlp.fc1", (4096, 1024))
        _pairs(shapes, f"{block}.mlp.fc2", (1024, 4096))
        for name in ("norm1", "norm2"):
            _pairs(shapes, f"{block}.{name}", (1024,))
    _pairs(shapes, f"{root}.fc_norm", (1024,))
    _pairs(shapes, f"{root}.head", (1000, 1024))
    neck = (256, 512, 1024, 1024)
    for i, channels in enumerate(neck, 1):
        stage = f"core.core.pretrained.act_postprocess{i}"
        _pairs(shapes, f"{stage}.0.project.0", (1024, 2048))
        _pairs(shapes, f"{stage}.3", (channels, 1024, 1, 1))
    _pairs(shapes, "core.core.pretrained.act_postprocess1.4", (256, 256, 4, 4))
    _pairs(shapes, "core.core.pretrained.act_postprocess2.4", (512, 512, 2, 2))
    _pairs(shapes, "core.core.pretrained.act_postprocess4.4", (1024, 1024, 3, 3))
    _decoder(shapes, "core.core.scratch", neck, 256)
    _pairs(shapes, "core.core.scratch.output_conv.0", (128, 256, 3, 3))
    _pairs(shapes, "core.core.scratch.output_conv.2", (32, 128, 3, 3))
    _pairs(shapes, "core.core.scratch.output_conv.4", (1, 32, 1, 1))
    _metric_head(shapes, 256)
    return shapes


def zoedepth_on_dino(*, width: int, layers: int, neck: tuple[int, ...], fused: int, tokens: int = 1370) -> Shapes:
    """The tensors of Depth Anything under ZoeDepth's head."""
    shapes: Shapes = {}
    root = "core.core.pretrained"
    shapes[f"{root}.cls_token"] = (1, 1, width)
    shapes[f"{root}.pos_embed"] = (1, tokens, width)
    shapes[f"{root}.mask_token"] = (1, width)
    _pairs(shapes, f"{root}.patch_embed.proj", (width, 3, 14, 14))
    for i in range(layers):
        block = f"{root}.blocks.{i}"
        for name in ("norm1", "norm2"):
            _pairs(shapes, f"{block}.{name}", (width,))
        _pairs(shapes, f"{block}.attn.qkv", (3 * width, width))
        _pairs(shapes, f"{block}.attn.proj", (width, width))
        _pairs(shapes, f"{block}.mlp.fc1", (4 * width, width))
        _pairs(shapes, f"{block}.mlp.fc2", (width, 4 * width))
        shapes[f"{block}.ls1.gamma"] = shapes[f"{block}.ls2.gamma"] = (width,)
    _pairs(shapes, f"{root}.norm", (width,))
    head = "core.core.depth_head"
    for i, channels in enumerate(neck):
        _pairs(shapes, f"{head}.projects.{i}", (channels, width, 1, 1))
    _pairs(shapes, f"{head}.resize_layers.0", (neck[0], neck[0], 4, 4))
    _pairs(shapes, f"{head}.resize_layers.1", (neck[1], neck[1], 2, 2))
    _pairs(shapes, f"{head}.resize_layers.3", (neck[3], neck[3], 3, 3))
    _decoder(shapes, f"{head}.scratch", neck, fused)
    _pairs(shapes, f"{head}.scratch.output_conv1", (fused // 2, fused, 3, 3))
    _pairs(shapes, f"{head}.scratch.output_conv2.0", (32, fused // 2, 3, 3))
    _pairs(shapes, f"{head}.scratch.output_conv2.2", (1, 32, 1, 1))
    _metric_head(shapes, fused)
    return shapes
