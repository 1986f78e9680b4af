# SPDX-License-Identifier: Apache-2.0
"""Where a frame's time goes, operator by operator."""

from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


def profile_operators(call: Callable[[], Any], device: torch.device, *, top: int = 15) -> list[dict[str, Any]]:
    """The operators that take most of a call, each with its own time (without what it calls) and its share."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities, acc_events=True) as record:
        call()
    field = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = sorted(record.key_averages(), key=lambda event: getattr(event, field), reverse=True)
    total = sum(getattr(event, field) for event in events) or 1.0
    return [
        {
            "operator": event.key,
            "calls": event.count,
            "ms": round(getattr(event, field) / 1e3, 2),
            "share": round(getattr(event, field) / total, 4),
        }
        for event in events[:top]
    ]
