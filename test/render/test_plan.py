# SPDX-License-Identifier: Apache-2.0
"""Splits that share no scene, families in turn, unknown names."""

from itertools import combinations

import pytest

from prv2_ros.errors import DataError
from prv2_ros.render.plan import SPLIT_SEEDS, family_list, plan_scenes


def test_splits_share_no_scene():
    bounds = sorted(SPLIT_SEEDS.values())
    assert all(low[1] <= high[0] for low, high in zip(bounds[:-1], bounds[1:], strict=True))
    jobs = {split: {job.seed for job in plan_scenes(".", ["room"], 100, (64, 48), 1, split)} for split in SPLIT_SEEDS}
    for one, other in combinations(jobs.values(), 2):
        assert one and not one & other
    assert not {job.seed for job in plan_scenes(".", ["room"], 100, (64, 48), 0, "train")} & jobs["train"]


def test_plans_hold_every_frame_and_turn_through_families():
    jobs = plan_scenes(".", ["room", "street"], 10, (64, 48), 0, "val", views=4)
    assert [job.views for job in jobs] == [4, 4, 2]
    assert [job.family for job in jobs] == ["room", "street", "room"]
    with pytest.raises(DataError, match="leaves the val seeds"):
        plan_scenes(".", ["room"], 10, (64, 48), 10, "val")


def test_unknown_names_are_named():
    with pytest.raises(DataError, match=r"castle.*street"):
        family_list("street,castle")
    with pytest.raises(DataError, match="no split 'exam'"):
        plan_scenes(".", ["room"], 1, (64, 48), 0, "exam")
