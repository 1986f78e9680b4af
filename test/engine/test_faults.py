# SPDX-License-Identifier: Apache-2.0
"""What errors of a device mean, and what becomes of the number of tiles at once."""

import pytest
import torch

from prv2_ros.engine.faults import is_device_lost, is_out_of_memory
from prv2_ros.engine.memory import PATIENCE, TileBatches, recover
from prv2_ros.errors import DeviceLostError, Prv2Error

SIZE, OTHER = (2160, 3840), (1080, 1920)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True, False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True, False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False, True),
        (RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA"), False, True),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), False, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False, False),
        (ValueError("illegal memory access"), False, False),
    ],
)
def test_errors_are_told_apart(error, memory, lost):
    assert (is_out_of_memory(error), is_device_lost(error)) == (memory, lost)


def test_a_lost_device_is_seen_through_what_was_raised_from_it():
    try:
        try:
            raise RuntimeError("CUDA error: unspecified launch failure")
        except RuntimeError as error:
            raise Prv2Error("frame failed") from error
    except Prv2Error as error:
        assert is_device_lost(error)


def test_batches_are_halved_for_one_size_and_raised_again_after_a_while():
    batches = TileBatches(4)
    assert batches.halve(SIZE) and batches.halve(SIZE)
    assert (batches.of(SIZE), batches.of(OTHER)) == (1, 4)
    for wanted in (2, 4):
        for _ in range(PATIENCE):
            batches.succeeded(SIZE)
        assert batches.of(SIZE) == wanted


def test_after_a_failure_with_one_tile_the_next_frame_begins_anew():
    batches = TileBatches(2)
    assert batches.halve(SIZE) and not batches.halve(SIZE)
    assert batches.of(SIZE) == 2


def test_only_memory_for_tiles_can_be_had_by_fewer_tiles(caplog):
    batches, full = TileBatches(2), torch.OutOfMemoryError("simulated")
    recover(full, batches, SIZE, device=CPU, stage="tiles")
    assert batches.of(SIZE) == 1 and "1 tiles at once for frames of 3840x2160" in caplog.text
    with pytest.raises(Prv2Error, match="cpu has not enough memory for one tile of a 3840x2160 frame"):
        recover(full, batches, SIZE, device=CPU, stage="tiles")
    with pytest.raises(Prv2Error, match="the coarse branch of a 3840x2160 frame"):
        recover(full, batches, SIZE, device=CPU, stage="coarse")
    assert batches.of(SIZE) == 2
    with pytest.raises(DeviceLostError, match="restart the process"):
        recover(RuntimeError("CUDA error: misaligned address"), batches, SIZE, device=CPU, stage="tiles")
    with pytest.raises(RuntimeError, match="shapes"):
        recover(RuntimeError("shapes differ"), batches, SIZE, device=CPU, stage="tiles")
