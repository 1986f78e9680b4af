# SPDX-License-Identifier: Apache-2.0
"""Reference checkpoints: their tensor names to ours, once, strictly."""

import torch
from torch import Tensor, nn

from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.baselines.keys import CONSTANTS, RULES
from prv2_ros.model.coarse.reference_keys import convert_depth_tensors
from prv2_ros.model.renaming import Rules, rename
from prv2_ros.model.variants import create_refiner

_FUSION, _C2F = r"refiner_fusion_model\.", r"refiner_fusion_model\.c2f\.scratch\."
# The reference counts levels from 1 and decodes coarse to fine; our lists start at 0 and go fine to coarse.
PRV2: Rules = (
    (r"refiner_fine_branch\.refiner_encoder\.(.*)", r"encoder.backbone.\1"),
    # The only other module of that branch is ConvNeXt's transposed convolution, under whatever name.
    (r"refiner_fine_branch\..*\b(weight|bias)", r"encoder.stride2.\1"),
    (_FUSION + r"fusion_layers_1\.(\d)\.single_conv\.(\d)\.(.*)", r"f2c.inject_features.\1.<single:\2>.\3"),
    (_FUSION + r"fusion_layers_2\.(\d)\.single_conv\.(\d)\.(.*)", r"f2c.inject_depths.\1.<single:\2>.\3"),
    (_FUSION + r"f2r_agg\.(\d)\.conv\.double_conv\.(\d)\.(.*)", r"f2c.decoder.<4-\1>.<plain:\2>.\3"),
    (_FUSION + r"final_conv\.(.*)", r"f2c.residual.\1"),
    (_C2F + r"layer(\d)_rn\.(.*)", r"c2f.projections.<-1+\1>.\2"),
    (_C2F + r"output_conv1\.(.*)", r"c2f.head1.\1"),
    (_C2F + r"output_conv2\.0\.(.*)", r"c2f.head2.\1"),
    (_C2F + r"output_conv3\.0\.(.*)", r"c2f.auxiliary.\1"),
    *(
        (_C2F + block + part, f"c2f.{ours}.{our_part}")
        for block, ours in ((r"refinenet(\d)", r"blocks.<-1+\1>"), (r"output_conv2(_fusion)", "head_block"))
        for part, our_part in (
            (r"\.GateresConfUnit1\.(conv|fusion_conv\.\d)\.(.*)", r"skip_unit.<unit:\2>.\3"),
            (r"\.GateresConfUnit2\.(conv|fusion_conv\.\d)\.(.*)", r"path_unit.<unit:\2>.\3"),
            (r"\.out_conv\.(.*)", r"project.\2"),
        )
    ),
)


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
    return _strict([(name, rename(name, PRV2), tensor) for name, tensor in state_dict.items()], module, what)


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
