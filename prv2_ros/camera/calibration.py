# SPDX-License-Identifier: Apache-2.0
"""The newest camera_info of each frame of a camera, and the models made from them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from prv2_ros.camera.info import info_key
from prv2_ros.camera.model import CameraModel, uncalibrated

_FRAMES = 16
_MODELS = 4


class Calibration:
    """Finds the camera model of an image; images and camera_info need not be synchronised.

    `note` is called with (reason, text) of each problem, once for each change.
    """

    def __init__(self, note: Callable[[str, str], None]):
        self._note = note
        self._lock = threading.Lock()
        self._infos: OrderedDict[str, Any] = OrderedDict()
        self._models: OrderedDict[tuple, CameraModel] = OrderedDict()
        self._mismatches: set[tuple[str, str]] = set()

    def on_info(self, info: Any) -> None:
        """Remember a sensor_msgs/CameraInfo as the newest of its frame."""
        with self._lock:
            self._infos[info.header.frame_id] = info
            self._infos.move_to_end(info.header.frame_id)
            # A camera has few frames; a stream of random frame names must not fill the memory.
            while len(self._infos) > _FRAMES:
                self._infos.popitem(last=False)

    @property
    def known(self) -> bool:
        """Whether any camera_info has arrived."""
        return bool(self._infos)

    def source(self, frame_id: str) -> str:
        """Which camera_info an image of this frame uses, as text."""
        with self._lock:
            if frame_id in self._infos:
                return f"camera_info of the image's own frame '{frame_id[:64]}'"
            newest = next(reversed(self._infos), None)
        return "no camera_info" if newest is None else f"the newest camera_info, of frame '{newest[:64]}',"

    def of_image(
        self, frame_id: str, *, width: int, height: int, rectify: bool = True, input_rectified: bool = False
    ) -> CameraModel:
        """Model of an image of this frame and size [px]; the same object, with its maps, while nothing changes."""
        with self._lock:
            info = self._infos.get(frame_id) or next(reversed(self._infos.values()), None)
        if info is not None and info.header.frame_id != frame_id:
            self._warn_of_mismatch(frame_id, info.header.frame_id)
        key = (None if info is None else info_key(info), width, height, rectify, input_rectified)
        # NaN is not equal to itself, so such keys always miss; an uncalibrated model is cheap to make.
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        if info is None:
            model = uncalibrated(width, height, "no_camera_info", "no camera_info has arrived")
        else:
            model = CameraModel.from_info(
                info, width=width, height=height, rectify=rectify, input_rectified=input_rectified
            )
        for reason, text in model.problems:
            self._note(reason, text)
        self._models[key] = model
        if len(self._models) > _MODELS:
            self._models.popitem(last=False)
        return model

    def _warn_of_mismatch(self, image_frame: str, info_frame: str) -> None:
        pair = (image_frame, info_frame)
        if pair not in self._mismatches and len(self._mismatches) < _FRAMES:
            self._mismatches.add(pair)
            text = f"image has frame '{image_frame[:64]}', camera_info '{info_frame[:64]}': it is used anyway"
            self._note("frame_mismatch", text)
