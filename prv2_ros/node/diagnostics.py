# SPDX-License-Identifier: Apache-2.0
"""DiagnosticArray at 1 Hz: whether every camera is served in time, and why not.

`diagnostic_updater` does the same, but is not on PyPI.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from prv2_ros.node.camera import Camera
from prv2_ros.node.worker import Worker

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

_ALLOWED_MS = {"cuda": 1000.0, "cpu": 10000.0}


def worst(findings: Sequence[tuple[bytes, str]]) -> tuple[bytes, str]:
    """Highest level of some (level, text) with the texts of that level; (OK, "ok") for none."""
    level = max((level for level, _ in findings), default=OK)
    return level, "; ".join(text for found, text in findings if found == level) or "ok"


def delay_findings(
    processing_ms: float, since_in_time_ms: float, *, max_allowed_ms: float, max_delay_ms: float
) -> list[tuple[bytes, str]]:
    """Judge the processing time as Autoware does.

    Args:
        processing_ms: of the last frame, or of the one in progress if longer [ms].
        since_in_time_ms: time since the last frame within its limit [ms].
        max_allowed_ms: limit of a frame; WARN beyond [ms].
        max_delay_ms: ERROR when frames stay beyond the limit for longer [ms].
    """
    if processing_ms <= max_allowed_ms:
        return []
    if since_in_time_ms > max_delay_ms:
        return [(ERROR, f"processing time above {max_allowed_ms:g} ms for {since_in_time_ms:.0f} ms")]
    return [(WARN, f"processing time {processing_ms:.0f} ms is above {max_allowed_ms:g} ms")]


def allowed_ms(values: Mapping[str, Any], device: Any) -> float:
    """Limit of the processing time [ms]: the parameter, or the default of the device type."""
    limit_ms = values["diagnostics.max_allowed_processing_time_ms"]
    return limit_ms or _ALLOWED_MS.get(torch.device(device).type, _ALLOWED_MS["cpu"])


class Diagnostics:
    """Publishes the state of a node and of each camera."""

    def __init__(self, node: Any):
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._seen: dict[str, tuple[int, int, int]] = {}

    def publish(
        self,
        *,
        state: str,
        problem: str,
        engine: Any,
        worker: Worker | None,
        cameras: Sequence[Camera],
        values: Mapping[str, Any],
    ) -> None:
        """Publish one DiagnosticArray; `engine` and `worker` are None while unconfigured."""
        array = DiagnosticArray()
        array.header.stamp = self._node.get_clock().now().to_msg()
        array.status.append(self._engine_status(state, problem, engine, worker))
        if worker is not None:
            limit_ms = allowed_ms(values, engine.device)
            for camera in cameras:
                array.status.append(self._time_status(camera, worker, values, limit_ms))
                array.status.append(self._camera_status(camera, values, array.status[-1]))
        self._publisher.publish(array)

    def _status(self, part: str, findings: Sequence[tuple[bytes, str]], keys: Mapping[str, Any]) -> DiagnosticStatus:
        level, message = worst(findings)
        name = self._node.get_fully_qualified_name().lstrip("/")
        pairs = [
            KeyValue(key=key, value=f"{value:.3f}" if isinstance(value, float) else str(value))
            for key, value in keys.items()
        ]
        return DiagnosticStatus(level=level, name=f"{name}: {part}", message=message, hardware_id=name, values=pairs)

    def _engine_status(self, state: str, problem: str, engine: Any, worker: Worker | None) -> DiagnosticStatus:
        findings = [(ERROR, problem)] if problem else []
        keys: dict[str, Any] = {"lifecycle_state": state}
        if engine is not None:
            keys |= {"device": engine.device, "precision": engine.precision, "weights": engine.weights_name}
            keys["runtime"] = engine.runtime
            keys |= gpu_memory(engine.device)
        if not self._node.get_clock().now().nanoseconds:
            findings.append((WARN, "use_sim_time is on, but nobody publishes /clock"))
        if worker is not None:
            keys["worker_restarts"] = worker.restarts
            if worker.restarts:
                findings.append((WARN, f"the worker thread was restarted {worker.restarts} times"))
        return self._status("engine", findings, keys)

    def _time_status(
        self, camera: Camera, worker: Worker, values: Mapping[str, Any], limit_ms: float
    ) -> DiagnosticStatus:
        """Watchdog of the processing time, with the name and keys of Autoware's nodes."""
        statistics = camera.statistics
        processing_ms = max(statistics.times.processing_time_ms, worker.busy_ms(camera.name))
        delay_limit_ms = values["diagnostics.max_acceptable_consecutive_delay_ms"]
        if processing_ms <= limit_ms or not camera.active or not values["enabled"]:
            # A camera without frames is in time: the delay of its next slow frame starts then.
            statistics.in_time_at = time.monotonic()
        delay_ms = (time.monotonic() - statistics.in_time_at) * 1e3
        findings = []
        if camera.active and values["enabled"]:
            findings = delay_findings(processing_ms, delay_ms, max_allowed_ms=limit_ms, max_delay_ms=delay_limit_ms)
        keys = {
            "is_processing_time_ms_in_expected_range": processing_ms <= limit_ms,
            "processing_time_ms": processing_ms,
            "is_consecutive_processing_delay_in_range": delay_ms <= delay_limit_ms,
            "consecutive_processing_delay_ms": delay_ms if processing_ms > limit_ms else 0.0,
        }
        return self._status(f"processing_time_status {camera.name}".rstrip(), findings, keys)

    def _camera_status(
        self, camera: Camera, values: Mapping[str, Any], time_status: DiagnosticStatus
    ) -> DiagnosticStatus:
        now_ns = self._node.get_clock().now().nanoseconds
        statistics, times = camera.statistics, camera.statistics.times
        findings = [(time_status.level, time_status.message)] if time_status.level != OK else []
        if camera.active and values["enabled"]:
            if camera.is_too_silent(values["silent_topic_s"]):
                findings.append((WARN, f"no image on '{camera.image_topic}' for {camera.silent_s:.0f} s"))
            if camera.calibrated is False:
                findings.append((WARN, f"no usable calibration: {camera.without_calibration}"))
        refused, failed, unpaired = self._news(camera)
        if failed:
            findings.append((ERROR, f"{failed} frames failed: {statistics.last_problem}"))
        if refused:
            findings.append((WARN, f"{refused} images refused: {statistics.last_problem}"))
        age_ms = (now_ns - times.stamp_ns) / 1e6 if times.stamp_ns is not None else float("nan")
        keys = {
            "image_topic": camera.image_topic,
            "camera_info_topic": camera.info_topic,
            "enabled": values["enabled"],
            "resting": camera.rest.resting,
            **{pair.key: pair.value for pair in time_status.values if pair.key == "processing_time_ms"},
            "cyclic_time_ms": times.cyclic_time_ms,
            "pipeline_latency_ms": times.pipeline_latency_ms,
            "frame_age_ms": age_ms,
            "input_rate_hz": statistics.input.rate_hz(now_ns),
            "output_rate_hz": statistics.output.rate_hz(now_ns),
            "received": statistics.received,
            "computed": statistics.computed,
            "dropped": camera.dropped,
            "refused": statistics.refused,
            "failed": statistics.failed,
            "discarded": statistics.discarded,
            "skipped": statistics.skipped,
            "lost_in_transport": statistics.lost,
            "calibrated": camera.calibrated,
        }
        if camera.coarse is not None:
            keys |= {
                "coarse_topic": camera.coarse.topic,
                "coarse_holes_share": camera.coarse.holes,
                "coarse_age_ms": camera.coarse.age_ms,
                "without_partner": statistics.unpaired,
            }
            if unpaired:
                findings.append((WARN, f"{unpaired} images without measured depth: {statistics.last_problem}"))
        keys |= {f"count.{reason}": count for reason, count in sorted(statistics.events.items())}
        return self._status(f"camera {camera.name}".rstrip(), findings, keys)

    def _news(self, camera: Camera) -> tuple[int, int, int]:
        """New refused, failed and unpaired frames since the last publication."""
        statistics = camera.statistics
        now = (statistics.refused, statistics.failed, statistics.unpaired)
        before = self._seen.get(camera.name, (0, 0, 0))
        self._seen[camera.name] = now
        refused, failed, unpaired = (max(0, new - old) for new, old in zip(now, before))
        return refused, failed, unpaired


def gpu_memory(device: torch.device) -> dict[str, Any]:
    """GPU memory [MiB] by key; empty for other devices."""
    if torch.device(device).type != "cuda":
        return {}
    try:
        free, total = torch.cuda.mem_get_info(device)
    except (RuntimeError, AssertionError) as error:
        return {"gpu_memory": f"unknown: {str(error).strip().splitlines()[0]}"}
    return {
        "gpu_memory_reserved_mib": torch.cuda.memory_reserved(device) / 2**20,
        "gpu_memory_free_mib": free / 2**20,
        "gpu_memory_total_mib": total / 2**20,
    }
