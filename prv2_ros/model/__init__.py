# SPDX-License-Identifier: Apache-2.0
"""The network: encoder, coarse branch, C2F with its GDU, F2C and the refiner that joins them. Tensors only."""

from prv2_ros.model.baselines.builders import BASELINES
from prv2_ros.model.coarse import COARSE_KINDS, create_coarse
from prv2_ros.model.coarse.reference_keys import recognise_depth_network
from prv2_ros.model.convert import convert_reference_depth_network, convert_reference_state_dict
from prv2_ros.model.refiner import Refiner
from prv2_ros.model.variants import VARIANTS, Variant, create_refiner

__all__ = [
    "BASELINES",
    "COARSE_KINDS",
    "VARIANTS",
    "Refiner",
    "Variant",
    "convert_reference_depth_network",
    "convert_reference_state_dict",
    "create_coarse",
    "create_refiner",
    "recognise_depth_network",
]


def __getattr__(name: str):
    # The network's public names are promised in one place. PatchRefiner lies a room above, with the tiling, so it
    # is only looked up there when asked for: nothing in this room uses it.
    if name == "PatchRefiner":
        from importlib import import_module

        return getattr(import_module("prv2_ros.tiling"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
