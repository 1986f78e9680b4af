# SPDX-License-Identifier: Apache-2.0
"""`prv2 params` prints every variant's count to the digit."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from prv2_ros.cli.main import main

COUNTS = {
    "prv2m": "46,951,989",
    "prv2e": "72,130,709",
    "prv2c": "246,122,965",
    "prv2m-f2c-only": "27,540,308",
    "prv2m-no-gdu": "34,453,365",
    "prv2m-f2c-gdu": "46,951,989",
}


def test_the_table_has_every_variant_to_the_digit(capsys):
    assert main(["params"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line}
    for variant, total in COUNTS.items():
        assert lines[variant][4] == total
    assert lines["prv2m"][1] == "1,261,952"
    assert int(lines["prv2s"][4].replace(",", "")) < 5_000_000
    if find_spec("transformers"):
        counted = {tuple(line.split()[:2]): line.split()[4] for line in out.splitlines() if len(line.split()) == 6}
        unused = 368_809_406 - int(counted["prv1", "zoedepth"].replace(",", ""))
        assert unused == 432_481_323 - int(counted["patchfusion", "zoedepth"].replace(",", "")) == 1_027_048
        assert f"{unused:,} parameters" in out
        assert counted["patchfusion", "zoedepth-vits"] == "41,828,419"


def test_the_parts_add_up(capsys):
    assert main(["params", "prv2m-no-gdu"]) == 0
    _, *parts, total, _ = capsys.readouterr().out.splitlines()[1].split()
    assert sum(int(part.replace(",", "")) for part in parts) == int(total.replace(",", ""))


def test_an_unknown_variant_is_one_clear_line(capsys):
    assert main(["params", "prv2x"]) == 1
    error = capsys.readouterr().err
    assert "prv2x" in error and "prv2m" in error and error.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["nonsense"]])
def test_wrong_usage_is_status_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2


def test_a_reader_that_has_seen_enough_is_no_error():
    """`prv2 params | head -1`."""
    command = [sys.executable, "-m", "prv2_ros.cli.main", "params", "prv2s"]
    read, write = os.pipe()
    os.close(read)
    try:
        env = {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, env=env)
    finally:
        os.close(write)
    assert done.stderr == "" and done.returncode == 141
