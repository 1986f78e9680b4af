# SPDX-License-Identifier: Apache-2.0
import time

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
