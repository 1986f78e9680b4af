# SPDX-License-Identifier: Apache-2.0
"""Scene families: each module has build(builder) and camera(rng, notes) -> Pose."""

from prv2_ros.render.families import outdoor, room, street, warehouse

FAMILIES = {"street": street, "warehouse": warehouse, "room": room, "outdoor": outdoor}
