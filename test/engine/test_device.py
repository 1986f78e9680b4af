# SPDX-License-Identifier: Apache-2.0
import logging

import pytest
import torch

from prv2_ros.engine.device import resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_auto_takes_what_there_is():
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == wanted
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")


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
