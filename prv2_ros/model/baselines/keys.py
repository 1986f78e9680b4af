# SPDX-License-Identifier: Apache-2.0
"""Tensor names of the baselines' published checkpoints, and ours for them."""

import re

from prv2_ros.model.coarse.reference_keys import BINS
from prv2_ros.model.renaming import Rules

_UNET: Rules = (
    (r"{root}\.inc\.double_conv\.(\d)\.(.*)", r"encoder.levels.0.<pair:\1>.\2"),
    (r"{root}\.down_conv_list\.(\d)\.maxpool_conv\.1\.double_conv\.(\d)\.(.*)", r"encoder.levels.<1+\1>.<pair:\2>.\3"),
)
PRV1: Rules = (
    (r"refiner_fine_branch\.(.*)", r"fine.\1"),
    (
        r"refiner_fusion_model\.encoder_layers_1\.(\d)\.single_conv\.(\d)\.(.*)",
        r"f2c.inject_features.\1.<single:\2>.\3",
    ),
    (r"refiner_fusion_model\.encoder_layers_2\.(\d)\.single_conv\.(\d)\.(.*)", r"f2c.inject_depths.\1.<single:\2>.\3"),
    (r"refiner_fusion_model\.decoder_layers\.(\d)\.conv\.double_conv\.(\d)\.(.*)", r"f2c.decoder.<4-\1>.<plain:\2>.\3"),
    (r"refiner_fusion_model\.final_conv\.(.*)", r"f2c.residual.\1"),
)
_G2L = r"guided_fusion\.g2l_list\.(\d)\."
PATCHFUSION: Rules = (
    (r"fine_branch\.(.*)", r"fine.\1"),
    (r"fusion_conv_list\.(\d)\.(.*)", r"guides.<5-\1>.\2"),
    *((pattern.replace("{root}", "guided_fusion"), ours) for pattern, ours in _UNET),
    (r"guided_fusion\.up_conv_list\.(\d)\.conv\.double_conv\.(\d)\.(.*)", r"merge.<4-\1>.<plain:\2>.\3"),
    (r"guided_fusion\.convs\.(\d)\.double_conv\.(\d)\.(.*)", r"decoder.<5-\1>.<plain:\2>.\3"),
    (_G2L + r"absolute_pos_embed", r"g2l.<5-\1>.position"),
    (_G2L + r"g2l_layer_norm\.(.*)", r"g2l.<5-\1>.norm.\2"),
    (_G2L + r"embed_proj\.(.*)", r"g2l.<5-\1>.unused.\2"),
    (
        _G2L + r"g2l_layer\.blocks\.(\d)\.attn\.relative_position_bias_table",
        r"g2l.<5-\1>.blocks.\2.attention.bias_table",
    ),
    (_G2L + r"g2l_layer\.blocks\.(\d)\.attn\.(qkv|proj)\.(.*)", r"g2l.<5-\1>.blocks.\2.attention.\3.\4"),
    (_G2L + r"g2l_layer\.blocks\.(\d)\.mlp\.(fc\d)\.(.*)", r"g2l.<5-\1>.blocks.\2.\3.\4"),
    (_G2L + r"g2l_layer\.blocks\.(\d)\.(norm\d)\.(.*)", r"g2l.<5-\1>.blocks.\2.\3.\4"),
    *BINS,
)
_BLOCK = r"depth_head\.scratch\.refinenet(\d)\."
PRO: Rules = (
    (r"fine_branch\.(.*)", r"fine.\1"),
    *((pattern.replace("{root}", "freq_fusion"), ours) for pattern, ours in _UNET),
    (r"freq_fusion\.wavelet_fusion_convs\.(\d)\.low_freq_conv\.(.*)", r"wavelets.<5-\1>.low.\2"),
    (r"freq_fusion\.wavelet_fusion_convs\.(\d)\.high_freq_conv\.(.*)", r"wavelets.<5-\1>.details.\2"),
    (r"freq_fusion\.fusion_convs\.(\d)\.double_conv\.(\d)\.(.*)", r"merge.<5-\1>.<pair:\2>.\3"),
    (_BLOCK + r"out_conv\.(.*)", r"blocks.<-1+\1>.project.\2"),
    (_BLOCK + r"resConfUnit1\.(.*)", r"blocks.<-1+\1>.skip_unit.\2"),
    (_BLOCK + r"resConfUnit2\.(.*)", r"blocks.<-1+\1>.path_unit.\2"),
    (r"depth_head\.scratch\.output_conv1\.(.*)", r"head1.\1"),
    (r"depth_head\.scratch\.output_conv2\.0\.(.*)", r"head2.\1"),
    (r"depth_head\.scratch\.output_conv2\.2\.(.*)", r"residual.\1"),
)
RULES: dict[str, Rules] = {"prv1": PRV1, "patchfusion": PATCHFUSION, "pro": PRO}
# Constants that a checkpoint holds beside its weights.
CONSTANTS = re.compile(
    r".*relative_position_index|.*log_binomial_transform\.(k_idx|K_minus_1)|.*haar_(ll|lh|hl|hh)|.*attn_mask"
)
