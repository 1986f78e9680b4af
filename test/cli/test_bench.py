# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from prv2_ros.cli.main import build_parser, main


def test_bench_of_a_variant_writes_table_and_json(tmp_path, capsys):
    out = tmp_path / "bench.json"
    command = ["bench", "--variant", "prv2s", "--device", "cpu", "--precision", "fp32", "--size", "64x64"]
    assert main([*command, "--frames", "1", "--warm-up", "1", "--json", str(out)]) == 0
    assert "random prv2s" in capsys.readouterr().out
    assert json.loads(out.read_text())["setting"]["precision"] == "fp32"


def test_what_cannot_be_measured_is_said(capsys, tmp_path):
    assert main(["bench", "--variant", "prv2x"]) == 1
    assert "no variant 'prv2x'" in capsys.readouterr().err
    assert main(["bench", "--json", str(tmp_path / "none" / "a.json")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    assert main(["bench", "--variant", "prv2s", "--device", "cpu", "--precision", "fp16"]) == 1
    assert "fp16" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "size"), [("4k", (2160, 3840)), ("1080P", (1080, 1920)), ("2048x1536", (1536, 2048))])
def test_sizes(text, size):
    assert build_parser("bench").parse_args(["bench", "--size", text]).size == size


@pytest.mark.parametrize("text", ["5k", "0x3", "10x10", "axb", ""])
def test_wrong_sizes_are_refused(text):
    with pytest.raises(SystemExit):
        build_parser("bench").parse_args(["bench", "--size", text])
