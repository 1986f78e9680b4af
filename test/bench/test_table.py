# SPDX-License-Identifier: Apache-2.0
"""`prv2 bench --sizes` and `--coarse`: several frame sizes and coarse networks in one table."""

import json

import pytest
from tiny_depth_models import save_model
from tiny_weights import write_tiny_weights

from prv2_ros.bench.table import RANDOM
from prv2_ros.cli.main import main
from prv2_ros.model.coarse import peers

SMALLEST = {"hidden": 32, "heads": 2, "layers": 4, "stages": (1, 2, 3, 4), "neck": (8, 12, 16, 16), "fusion": 16}


@pytest.fixture
def bench(tmp_path):
    weights = write_tiny_weights(tmp_path / "log.safetensors", process_size=(64, 96))

    def run(*more):
        options = ["--weights", str(weights), "--device", "cpu", "--runtime", "torch", "--size", "160x96"]
        return main(["bench", *options, "--frames", "1", *more])

    return run


def test_rows_of_the_own_branch_a_folder_and_random_weights(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(peers.DEPTH_ANYTHING, "tiny", SMALLEST)
    model = save_model("glpn", tmp_path / "glpn")
    assert bench("--coarse", f"{model},{RANDOM}tiny", "--json", str(tmp_path / "o.json")) == 0
    rows = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert [row["coarse"] for row in rows] == ["light", model, f"{RANDOM}tiny"]
    assert all(0 < row["coarse_ms"] < row["total_ms"] and row["parameters_m"] > 0 for row in rows)
    assert f"{RANDOM}tiny" in capsys.readouterr().out


def test_a_row_for_each_size(bench, tmp_path, capsys):
    assert bench("--sizes", "160x96,64x64", "--grid", "1x2", "--json", str(tmp_path / "o.json")) == 0
    rows = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert [(row["size"], row["tiles"]) for row in rows] == [("160x96", 2), ("64x64", 2)]
    for row, pixels in zip(rows, (160 * 96, 64 * 64), strict=True):
        assert row["ms_per_megapixel"] == pytest.approx(row["total_ms"] / pixels * 1e6, abs=0.01)
        assert row["cpu_ms_per_megapixel"] > 0
    assert "ms/MP" in capsys.readouterr().out


def test_contradictions_are_told(bench, capsys):
    assert bench("--coarse", f"{RANDOM}huge") == 1
    assert "with small, base, large" in capsys.readouterr().err
    assert bench("--coarse", "x", "--variant", "prv2s") == 1
    assert "not with --variant" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "millions"), [("small", 24.8), ("base", 97.5)])
def test_the_sizes_are_those_of_depth_anything(size, millions):
    import torch

    with torch.device("meta"):
        network = peers.depth_anything(size)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)
