# SPDX-License-Identifier: Apache-2.0
"""Reference checkpoints: their tensor names to ours, once, strictly."""

import re

from torch import Tensor

from prv2_ros.model.variants import create_refiner

# Reference name (pattern) to ours, outermost first; the first match wins.
_RULES: tuple[tuple[str, str], ...] = (
    (r"refiner_fine_branch\.refiner_encoder\.", "encoder.backbone."),
    # The only other module of that branch is ConvNeXt's transposed convolution, under whatever name.
    (r"refiner_fine_branch\..*\b(weight|bias)$", r"encoder.stride2.\1"),
    (r"refiner_fusion_model\.fusion_layers_1\.(\d)\.single_conv\.0\.", r"f2c.inject_features.\1.conv."),
    (r"refiner_fusion_model\.fusion_layers_1\.(\d)\.single_conv\.1\.", r"f2c.inject_features.\1.norm."),
    (r"refiner_fusion_model\.fusion_layers_2\.(\d)\.single_conv\.0\.", r"f2c.inject_depths.\1.conv."),
    (r"refiner_fusion_model\.fusion_layers_2\.(\d)\.single_conv\.1\.", r"f2c.inject_depths.\1.norm."),
    (r"refiner_fusion_model\.final_conv\.", "f2c.residual."),
    (r"refiner_fusion_model\.c2f\.scratch\.output_conv1\.", "c2f.head1."),
    (r"refiner_fusion_model\.c2f\.scratch\.output_conv2\.0\.", "c2f.head2."),
    (r"refiner_fusion_model\.c2f\.scratch\.output_conv3\.0\.", "c2f.auxiliary."),
    (r"refiner_fusion_model\.c2f\.scratch\.output_conv2_fusion\.", "c2f.head_block."),
)
_UNIT_RULES: tuple[tuple[str, str], ...] = (
    (r"\.GateresConfUnit1\.", ".skip_unit."),
    (r"\.GateresConfUnit2\.", ".path_unit."),
    (r"_unit\.conv\.", "_unit.residual."),
    (r"_unit\.fusion_conv\.0\.", "_unit.fuse."),
    (r"_unit\.fusion_conv\.1\.", "_unit.norm."),
    (r"_unit\.fusion_conv\.3\.", "_unit.project."),
    (r"\.out_conv\.", ".project."),
)


def _rename(name: str) -> str | None:
    """Our name of a reference tensor, or None where the reference has no such module."""
    for pattern, replacement in _RULES:
        if re.match(pattern, name):
            renamed = re.sub(pattern, replacement, name)
            break
    else:
        level = re.match(r"refiner_fusion_model\.c2f\.scratch\.(layer|refinenet)(\d)(?:_rn)?\.", name)
        step = re.match(r"refiner_fusion_model\.f2r_agg\.(\d)\.conv\.double_conv\.([02])\.", name)
        if level:  # the reference counts levels from 1, our lists start there
            module = "projections" if level[1] == "layer" else "blocks"
            renamed = f"c2f.{module}.{int(level[2]) - 1}.{name[level.end() :]}"
        elif step:  # the reference's decoder runs coarse to fine, our list fine to coarse
            renamed = f"f2c.decoder.{4 - int(step[1])}.conv{1 if step[2] == '0' else 2}.{name[step.end() :]}"
        else:
            return None
    for pattern, replacement in _UNIT_RULES:
        renamed = re.sub(pattern, replacement, renamed)
    return renamed


def convert_reference_state_dict(state_dict: dict[str, Tensor], variant: str) -> dict[str, Tensor]:
    """Convert a refiner's state dict from the reference implementation's names to ours.

    Args:
        state_dict: reference names to tensors, without the coarse branch; a checkpoint's
            `model_state_dict`, or the checkpoint itself, which holds it under that key.
        variant: the name of the variant it belongs to.

    Returns:
        a state dict that `create_refiner(variant)` loads strictly.

    Raises:
        ValueError: the variant is unknown; keys are unknown or missing (each is named); a shape differs
            (both are given).
    """
    state_dict = state_dict.get("model_state_dict", state_dict)
    wanted = create_refiner(variant).state_dict()
    renamed = {name: _rename(name) for name in state_dict}
    unknown = [name for name, ours in renamed.items() if ours not in wanted]
    if unknown:
        raise ValueError(f"unknown keys for {variant}: {', '.join(unknown)}")
    converted = {renamed[name]: tensor for name, tensor in state_dict.items()}
    missing = [name for name in wanted if name not in converted]
    if missing:
        raise ValueError(f"missing keys for {variant} (our names): {', '.join(missing)}")
    for name, ours in renamed.items():
        if state_dict[name].shape != wanted[ours].shape:
            raise ValueError(f"{name} is {tuple(state_dict[name].shape)}, {variant} needs {tuple(wanted[ours].shape)}")
    return converted
