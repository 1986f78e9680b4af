# SPDX-License-Identifier: Apache-2.0
"""Reference checkpoints: their tensor names to ours, once, strictly."""

import re

import torch
from torch import Tensor, nn

from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.baselines.keys import CONSTANTS, RULES
from prv2_ros.model.coarse.reference_keys import convert_depth_tensors
from prv2_ros.model.renaming import rename
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


def convert_reference_state_dict(state_dict: dict[str, Tensor], refiner: str | nn.Module) -> dict[str, Tensor]:
    """Convert a refiner's state dict from the reference implementation's names to ours.

    Args:
        state_dict: reference names to tensors; a checkpoint's `model_state_dict`, or the checkpoint itself, which holds
            it under that key. The coarse branch of a whole PatchFusion is left out.
        refiner: the name of the variant of V2 that it belongs to; or a refiner, which a baseline must be given by,
            since its shapes depend on its branches.

    Returns:
        a state dict that the refiner loads strictly.

    Raises:
        ValueError: the variant is unknown; keys are unknown or missing (each is named); a shape differs
            (both are given).
    """
    state_dict = _tensors(state_dict)
    if isinstance(refiner, FineRefiner):
        return _strict(_renamed_baseline(state_dict, refiner), refiner, refiner.name)
    what = refiner if isinstance(refiner, str) else type(refiner).__name__
    with torch.device("meta"):  # names and shapes are all that is asked of it
        module = create_refiner(refiner) if isinstance(refiner, str) else refiner
    return _strict([(name, _rename(name), tensor) for name, tensor in state_dict.items()], module, what)


def convert_reference_depth_network(state_dict: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Convert a depth network's state dict from ZoeDepth's names to ours.

    Args:
        state_dict: as for `convert_reference_state_dict`; names without the prefix of a branch.
        network: a coarse branch that `create_coarse` made.

    Returns:
        a state dict that the network loads strictly; errors as `convert_reference_state_dict`.
    """
    converted = convert_depth_tensors(_tensors(state_dict), network)
    return _strict([(name, name, tensor) for name, tensor in converted.items()], network, type(network).__name__)


def _tensors(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    return state_dict.get("model_state_dict", state_dict)


def _renamed_baseline(state_dict: dict[str, Tensor], refiner: FineRefiner) -> list[tuple[str, str | None, Tensor]]:
    """Name there, name here (None: unknown) and tensor."""
    found, fine = [], {}
    for name, tensor in state_dict.items():
        if CONSTANTS.fullmatch(name) or name.startswith("coarse_branch."):
            continue
        ours = rename(name, RULES[refiner.name])
        if ours and ours.startswith("fine."):
            fine[ours.removeprefix("fine.")] = tensor
        else:
            found.append((name, ours, tensor))
    converted = convert_depth_tensors(fine, refiner.fine)
    return [*found, *((f"fine.{name}", f"fine.{name}", tensor) for name, tensor in converted.items())]


def _strict(found: list[tuple[str, str | None, Tensor]], module: nn.Module, what: str) -> dict[str, Tensor]:
    wanted = module.state_dict()
    unknown = [name for name, ours, _ in found if ours not in wanted]
    if unknown:
        raise ValueError(f"unknown keys for {what}: {', '.join(unknown)}")
    converted = {ours: tensor for _, ours, tensor in found}
    missing = [name for name in wanted if name not in converted]
    if missing:
        raise ValueError(f"missing keys for {what} (our names): {', '.join(missing)}")
    for name, ours, tensor in found:
        if tensor.shape != wanted[ours].shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, {what} needs {tuple(wanted[ours].shape)}")
    return converted
