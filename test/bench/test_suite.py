# SPDX-License-Identifier: Apache-2.0
"""The table of variants, sizes and accelerations, at a size that a CPU computes."""

import json

from prv2_ros.bench import suite as suite_module
from prv2_ros.bench.suite import SuitePlan, run_suite

TINY = {"device": "cpu", "precision": "fp32", "frames": 1, "process_size": (64, 96)}


def test_rows_are_told_one_by_one_and_compared_with_the_naive_path():
    said, kept = [], []
    plan = SuitePlan(sizes=((96, 160), (64, 96)), variants=("prv2s",), ways=("none",), **TINY)
    result = run_suite(plan, said.append, lambda result: kept.append(json.loads(json.dumps(result))))
    assert [(row["size"], row["way"]) for row in result["rows"]] == [
        ("160x96", "naive fp32"),
        ("160x96", "none fp32"),
        ("96x64", "naive fp32"),
        ("96x64", "none fp32"),
    ]
    for naive, ours in zip(result["rows"][::2], result["rows"][1::2], strict=True):
        assert ours["naive"] == naive["ms"] and ours["times"] == naive["ms"] / ours["ms"]
        assert 0 < ours["of peak"] < 1 and ours["MiB"] > 0
    assert len(kept) == 5 and len(kept[0]["rows"]) == 1 and not result["skipped"]
    assert sum("prv2s" in line for line in said) == 4


def test_what_fails_or_has_no_time_left_is_named_and_the_rest_goes_on(monkeypatch):
    plan = SuitePlan(sizes=((96, 160),), variants=("prv2s",), ways=("none",), **TINY)
    naive = suite_module.NaiveEngine
    monkeypatch.setattr(suite_module, "NaiveEngine", lambda engine: 1 / 0)
    result = run_suite(plan, lambda line: None, lambda result: None)
    assert [row["way"] for row in result["rows"]] == ["none fp32"]
    assert "naive: ZeroDivisionError" in result["skipped"][0]
    monkeypatch.setattr(suite_module, "NaiveEngine", naive)
    late = run_suite(SuitePlan(**{**vars(plan), "seconds": 0.0}), lambda line: None, lambda result: None)
    assert not late["rows"] and len(late["skipped"]) == 2 and "no time left" in late["skipped"][0]
