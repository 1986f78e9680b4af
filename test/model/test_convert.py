# SPDX-License-Identifier: Apache-2.0
"""The converter is strict and one to one."""

import pytest
import torch
from helpers import golden

from prv2_ros.model import convert_reference_state_dict, create_refiner


@pytest.fixture(scope="module")
def reference():
    return golden.reference_state_dict()


def test_every_tensor_finds_its_place_once(reference):
    converted = convert_reference_state_dict({"model_state_dict": reference}, "prv2m")
    assert len(converted) == len(reference)
    create_refiner("prv2m").load_state_dict(converted, strict=True)


def test_unknown_missing_and_misshapen_tensors_are_named(reference):
    with pytest.raises(ValueError, match=r"unknown keys for prv2m: nonsense\.weight"):
        convert_reference_state_dict({**reference, "nonsense.weight": torch.zeros(1)}, "prv2m")
    name = "refiner_fusion_model.final_conv.weight"
    with pytest.raises(ValueError, match=r"missing keys for prv2m \(our names\): f2c\.residual\.weight"):
        convert_reference_state_dict({k: v for k, v in reference.items() if k != name}, "prv2m")
    with pytest.raises(ValueError, match=r"final_conv\.weight is \(1, 31, 3, 3\), prv2m needs \(1, 32, 3, 3\)"):
        convert_reference_state_dict({**reference, name: torch.zeros(1, 31, 3, 3)}, "prv2m")


def test_gated_tensors_are_unknown_to_the_ungated_variant(reference):
    with pytest.raises(ValueError, match=r"unknown keys for prv2m-no-gdu: .*fusion_conv"):
        convert_reference_state_dict(reference, "prv2m-no-gdu")


def test_the_stride_two_level_of_prv2c_is_found():
    with torch.device("meta"):
        ours = create_refiner("prv2c").state_dict()
    reference = {
        name.replace("encoder.backbone.", "refiner_fine_branch.refiner_encoder."): value
        for name, value in ours.items()
        if name.startswith("encoder.")
    }
    for part in ("weight", "bias"):
        reference[f"refiner_fine_branch.upsample.0.{part}"] = reference.pop(f"encoder.stride2.{part}")
    with pytest.raises(ValueError, match=r"missing keys for prv2c \(our names\): c2f") as error:
        convert_reference_state_dict(reference, "prv2c")
    assert "encoder." not in str(error.value)
