# SPDX-License-Identifier: Apache-2.0
"""CameraInfo without ROS: an object with the message's fields."""

from types import SimpleNamespace


def plain_info(
    *,
    width: int = 64,
    height: int = 48,
    fx: float = 50.0,
    fy: float | None = None,
    d=(),
    model: str = "plumb_bob",
    frame_id: str = "camera_optical",
    tx: float = 0.0,
) -> SimpleNamespace:
    """CameraInfo with the principal point in the middle; P as K."""
    fy = fx if fy is None else fy
    cx, cy = width / 2, height / 2
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=0, nanosec=0)),
        width=width,
        height=height,
        distortion_model=model,
        d=[float(value) for value in d],
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, tx, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x=0,
        binning_y=0,
        roi=SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False),
    )
