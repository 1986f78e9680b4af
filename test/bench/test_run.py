# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from prv2_ros.bench.measure import percentiles
from prv2_ros.bench.report import as_text
from prv2_ros.bench.run import BenchPlan, run_bench
from prv2_ros.bench.subject import random_engine
from prv2_ros.errors import Prv2Error


def test_percentiles():
    assert percentiles([float(value) for value in range(1, 102)]) == {"p50": 51.0, "p90": 91.0, "p99": 100.0}


def test_a_whole_bench_says_what_it_measured(tiny_engine):
    plan = BenchPlan(size=(96, 160), frames=3, warm_up=1, compare_naive=True, profile=True)
    result = json.loads(json.dumps(run_bench(tiny_engine, plan)))
    stages = result["times"]["stages_ms"]
    assert list(stages) == ["upload", "coarse", "tiles", "assemble", "download", "total"]
    assert 0 < stages["tiles"]["p50"] <= stages["total"]["p50"] <= stages["total"]["p99"]
    assert result["times"]["peak_memory_mib"]["resident"] > 100
    figures = result["arithmetic"]
    rate = figures["network_gflop"] / stages["total"]["p50"] * 1e3
    assert figures["share_of_peak"] == pytest.approx(rate / figures["peak_gflop_per_s"], rel=0.01)
    assert result["profile"][0]["share"] >= result["profile"][-1]["share"]
    assert any("conv" in entry["operator"] for entry in result["profile"])
    text = as_text(result)
    for words in ("160x96 p16 of 1x2 tiles", "p99", "GFLOP/s", "times faster", "slowest operators"):
        assert words in text


def test_an_unknown_variant_is_refused():
    with pytest.raises(Prv2Error, match="no variant 'prv2x'"):
        random_engine("prv2x")
