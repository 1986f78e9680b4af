# SPDX-License-Identifier: Apache-2.0
import logging
from contextlib import contextmanager

import pytest
import torch

from prv2_ros.engine.device import resolve_device, resolve_precision, running_on

CPU = torch.device("cpu")


def test_auto_takes_what_there_is():
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == wanted
    assert resolve_precision("auto", CPU) == "fp32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_absent_cuda_falls_back_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert resolve_device("cuda") == CPU
    assert "torch finds no CUDA; running on the CPU" in caplog.text


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown device 'gpu': choose auto, cpu"):
        resolve_device("gpu")
    with pytest.raises(ValueError, match="unknown precision 'int8'"):
        resolve_precision("int8", CPU)
    with pytest.raises(ValueError, match="'fp16' is for CUDA"):
        resolve_precision("fp16", CPU)


def test_a_device_of_cuda_has_its_index_and_only_one_that_exists(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert resolve_device("cuda") == resolve_device("auto") == torch.device("cuda", 1)
    assert resolve_device("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(ValueError, match="'cuda:2' does not exist: torch finds 2 CUDA devices"):
        resolve_device("cuda:2")


def test_an_engine_runs_on_its_own_device_in_true_float32_and_leaves_torch_as_it_was(monkeypatch):
    """Streams, events and graphs belong to the current device; cuDNN computes float32 by TF32 unless told otherwise."""
    entered = []

    @contextmanager
    def device(index):
        entered.append(index)
        yield

    monkeypatch.setattr(torch.cuda, "device", device)
    cudnn = torch.backends.cudnn
    before = (cudnn.allow_tf32, cudnn.benchmark)
    with running_on(torch.device("cuda", 1)):
        assert (cudnn.allow_tf32, cudnn.benchmark) == (False, True)
    assert (cudnn.allow_tf32, cudnn.benchmark) == before and entered == [torch.device("cuda", 1)]
    with running_on(CPU):
        assert (cudnn.allow_tf32, cudnn.benchmark) == before
