# SPDX-License-Identifier: Apache-2.0
import time

import pytest
import torch

from prv2_ros.engine.timing import StageTimer


def test_stages_of_one_name_add_up():
    timer = StageTimer(torch.device("cpu"))
    for _ in range(2):
        with timer.stage("tiles"):
            time.sleep(0.01)
    with timer.stage("coarse"):
        time.sleep(0.005)
    timing = timer.finish(7)
    assert timing.tiles == 7
    assert timing.tiles_ms >= 20 and timing.coarse_ms >= 5
    assert timing.total_ms >= timing.tiles_ms + timing.coarse_ms
    assert timing.upload_ms == 0


def test_events_are_of_the_devices_own_stream(monkeypatch):
    """With the stream of another device they would measure nothing."""
    cuda, recorded = torch.device("cuda", 1), []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            recorded.append(stream)

        def synchronize(self):
            recorded.append("waited")

        def elapsed_time(self, _):
            return 2.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    timer = StageTimer(cuda)
    with timer.stage("coarse"), timer.stage("tiles"):
        pass
    timing = timer.finish(1)
    assert recorded == ["stream of cuda:1"] * 4 + ["waited"] and (timing.coarse_ms, timing.tiles_ms) == (2.0, 2.0)


def test_the_stage_that_an_error_left_is_known():
    timer = StageTimer(torch.device("cpu"))
    with pytest.raises(RuntimeError), timer.stage("coarse"):
        raise RuntimeError
    assert timer.interrupted == "coarse"
