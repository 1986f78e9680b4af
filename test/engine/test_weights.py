# SPDX-License-Identifier: Apache-2.0
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from prv2_ros.engine.weights import WeightsHeader, load_into, load_weights, resolve_weights, save_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model import create_coarse, create_refiner


def test_what_is_saved_is_loaded(weights_file):
    header, refiner, coarse = load_weights(weights_file)
    assert (header.variant, header.coarse, header.process_size) == ("prv2s", "light", (64, 96))
    assert header.canonical_focal_px == 75.0
    assert header.provenance == {"recipe": "none, random"}
    load_into(create_refiner("prv2s"), refiner, "refiner")
    load_into(create_coarse("light"), coarse, "coarse")
    assert all(t.dtype in (torch.float32, torch.int64) for t in refiner.values())
    assert weights_file.stat().st_mode & 0o777 == 0o644


def test_pickles_are_refused_by_content_and_by_name(tmp_path, weights_file):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a weights file ran code",))

    for name in ("a.pth", "b.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(WeightsError, match="is a pickle, which can run code"):
            load_weights(tmp_path / name)
    torch.save({"a": torch.zeros(1)}, tmp_path / "c.safetensors")
    with pytest.raises(WeightsError, match="is a pickle"):
        load_weights(tmp_path / "c.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 8, 100, 10_000, -1])
def test_truncated_files_give_one_clear_line(tmp_path, weights_file, keep):
    whole = weights_file.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(whole[: keep if keep >= 0 else len(whole) - 1])
    with pytest.raises(WeightsError, match="truncated") as error:
        load_weights(path)
    assert "\n" not in str(error.value)


def test_a_header_larger_than_the_file_is_refused_before_allocation(tmp_path):
    path = tmp_path / "huge.safetensors"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="not a safetensors file, or is truncated"):
        load_weights(path)


def test_foreign_safetensors_and_bad_headers_are_named(tmp_path, weights_file):
    header, _, _ = load_weights(weights_file)
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not a prv2_ros weights file"):
        load_weights(path)
    for change, message in [
        ({"variant": "prv9"}, "holds variant 'prv9'"),
        ({"coarse": "midas"}, "needs coarse branch 'midas'"),
        ({"process_size": (50, 96)}, "not a multiple of 32"),
        ({"coarse_channels": (1, 2)}, "not six widths"),
        ({"canonical_focal_px": -1.0}, "canonical focal"),
        ({"max_depth_m": 0.0}, "depth range"),
    ]:
        save_file({"refiner.a": torch.zeros(1)}, path, metadata=replace(header, **change).to_metadata())
        with pytest.raises(WeightsError, match=message):
            load_weights(path)
    metadata = header.to_metadata()
    del metadata["variant"]
    save_file({"refiner.a": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(WeightsError, match="the header lacks variant"):
        load_weights(path)
    save_file({"refiner.a": torch.zeros(1)}, path, metadata={**header.to_metadata(), "process_size": "[1,"})
    with pytest.raises(WeightsError, match="malformed header"):
        load_weights(path)
    save_file({"evil.a": torch.zeros(1)}, path, metadata=header.to_metadata())
    with pytest.raises(WeightsError, match=r"unknown tensor 'evil.a'"):
        load_weights(path)


def test_weights_of_another_network_name_the_first_tensor_that_does_not_fit(weights_file):
    _, refiner, _ = load_weights(weights_file)
    name = "f2c.residual.weight"
    with pytest.raises(WeightsError, match=r"'f2c.residual.weight' is missing"):
        load_into(create_refiner("prv2s"), {k: v for k, v in refiner.items() if k != name}, "x")
    with pytest.raises(WeightsError, match=r"'f2c.residual.weight' is \(1,\), the network needs \(1, 16, 3, 3\)"):
        load_into(create_refiner("prv2s"), {**refiner, name: torch.zeros(1)}, "x")
    with pytest.raises(WeightsError, match="unknown tensor 'more'"):
        load_into(create_refiner("prv2s"), {**refiner, "more": torch.zeros(1)}, "x")


def test_missing_weights_say_where_they_were_looked_for(tmp_path):
    with pytest.raises(WeightsError, match="no weights 'nothing': neither a file nor packaged"):
        resolve_weights("nothing")
    with pytest.raises(WeightsError, match="no weights file"):
        resolve_weights(tmp_path / "nothing.safetensors")
    with pytest.raises(WeightsError, match="it is a folder"):
        resolve_weights(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path, weights_file, monkeypatch):
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights_file.read_bytes())
    header = WeightsHeader("prv2m-narrow", "small", create_coarse("small").channels, provenance={"x": object()})
    with pytest.raises(TypeError):
        save_weights(path, refiner=create_refiner("prv2m-narrow"), coarse=None, header=header)
    assert path.read_bytes() == weights_file.read_bytes()


def test_a_file_of_version_0_1_is_refused_in_one_line(tmp_path):
    """Its `prv2s` was another network, which read six features of its coarse branch."""
    header = WeightsHeader("prv2s", "small-pair-fine", (16, 32, 48, 64, 80, 96))
    path = tmp_path / "old.safetensors"
    save_file({"refiner.a": torch.zeros(1)}, path, metadata=header.to_metadata())
    with pytest.raises(
        WeightsError, match=r"old\.safetensors: .*version 0\.1.*packaged weights 'prv2s' or train"
    ) as error:
        load_weights(path)
    assert "\n" not in str(error.value)
