# SPDX-License-Identifier: Apache-2.0
"""A recording in, the same recording with depth out: planned in parts, each written whole or not at all."""

from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.convert.plan import Camera, Part, Plan, make_plan
from prv2_ros.bags.convert.run import ConvertResult, convert

__all__ = ["Camera", "ConvertResult", "Options", "Part", "Plan", "convert", "make_plan"]
