# SPDX-License-Identifier: Apache-2.0
"""The camera of an image: intrinsics of its pixels, distortion, and the CameraInfo of its depth.

Follows REP 104 and the comments of sensor_msgs/CameraInfo: K and P refer to the full resolution, before `roi` and
`binning`; K[0] == 0 means uncalibrated.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from prv2_ros.camera.info import Placement, info_array, place_image
from prv2_ros.camera.lens import Lens, is_fisheye, lens_of
from prv2_ros.camera.rectification import Rectifier
from prv2_ros.camera.sense import why_no_camera, why_no_pair

Picture = TypeVar("Picture", np.ndarray, Tensor)
PLUMB_BOB = "plumb_bob"
UNCALIBRATED = "depth is not metric, and there is no point cloud"
"""The consequence of an image without calibration, unless the coarse depth is metric by itself."""
# Without distortion, P and R that move no pixel by more than this equal K: calibrations are rounded.
_SAME_PIXEL_PX = 0.1


@dataclass(frozen=True)
class CameraModel:
    """The camera of an image of `width` x `height` pixels.

    Args:
        width, height: size of the image [px].
        k: (3, 3) intrinsics of the input image; zeros when uncalibrated.
        p: (3, 4) projection of the rectified image.
        r: (3, 3) rotation of rectification.
        d: distortion coefficients, () for none.
        distortion_model: name of the model of `d`.
        remap: the image has to be rectified before use.
        rectified: `p` describes the image that the depth belongs to, without distortion.
        problems: (reason, text) of everything in the CameraInfo that was refused or adapted.
    """

    width: int
    height: int
    k: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    p: np.ndarray = field(default_factory=lambda: np.zeros((3, 4)))
    r: np.ndarray = field(default_factory=lambda: np.eye(3))
    d: tuple[float, ...] = ()
    distortion_model: str = PLUMB_BOB
    remap: bool = False
    rectified: bool = False
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether the intrinsics are known."""
        return bool(self.k[0, 0] > 0)

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3) intrinsics of the image that the depth belongs to."""
        return self.p[:, :3] if self.rectified else self.k

    @property
    def focal_px(self) -> tuple[float, float] | None:
        """(fx, fy) in pixels, None when uncalibrated."""
        return (float(self.matrix[0, 0]), float(self.matrix[1, 1])) if self.calibrated else None

    def scaled_matrix(self, width: int, height: int) -> np.ndarray:
        """(3, 3) intrinsics of a depth image of another size; each axis has its own factor."""
        return self._scale(width, height) @ self.matrix

    def _scale(self, width: int, height: int) -> np.ndarray:
        return np.diag([width / self.width, height / self.height, 1.0])

    def depth_info(self, width: int, height: int) -> dict[str, Any]:
        """CameraInfo of a depth image of `width` x `height` pixels of this camera, without header, binning and roi."""
        scale, rectified = self._scale(width, height), self.rectified
        return {
            "width": width,
            "height": height,
            "distortion_model": PLUMB_BOB if rectified else self.distortion_model,
            "d": [0.0] * 5 if rectified else list(self.d),
            "k": (scale @ self.matrix if self.calibrated else np.zeros((3, 3))).flatten().tolist(),
            "r": (np.eye(3) if rectified else self.r).flatten().tolist(),
            "p": (scale @ self.p if self.calibrated else np.zeros((3, 4))).flatten().tolist(),
        }

    @cached_property
    def rectifier(self) -> Rectifier | None:
        """Removes the distortion; None where the image is used as it is."""
        if not self.remap:
            return None
        lens = lens_of(self.distortion_model, self.d) or Lens(is_fisheye(self.distortion_model), self.d)
        return Rectifier((self.width, self.height), k=self.k, d=lens.d, r=self.r, p=self.p, fisheye=lens.fisheye)

    @property
    def outside(self) -> np.ndarray | None:
        """(H, W) bool, true where the rectified image is empty; None when it is full."""
        return None if self.rectifier is None else self.rectifier.outside

    def outside_on(self, device: torch.device) -> Tensor | None:
        """`outside` as a tensor on a device; it is copied there once."""
        return None if self.rectifier is None else self.rectifier.outside_on(device)

    def rectify(self, rgb: Picture) -> Picture:
        """The (H, W, 3) uint8 image without distortion, or itself where there is none; tensors stay on their device."""
        if rgb.shape[:2] != (self.height, self.width):
            size = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise ValueError(f"image of {size} pixels, the model is for {self.width}x{self.height}")
        if self.rectifier is None:
            return rgb
        return self.rectifier(rgb) if isinstance(rgb, np.ndarray) else self.rectifier.on_device(rgb)

    def rectify_depth(self, depth: np.ndarray) -> np.ndarray:
        """Depth (h, w) of the input image as that of the rectified image: (H, W), NaN where that is empty.

        Returned unchanged where there is no distortion.
        """
        return depth if self.rectifier is None else self.rectifier.depth(depth)

    @classmethod
    def from_info(
        cls, info: Any, *, width: int, height: int, rectify: bool = True, input_rectified: bool = False
    ) -> "CameraModel":
        """The camera of an image of the given size; uncalibrated, with its problems, where the info is unusable.

        Args:
            info: anything with the fields of a sensor_msgs/CameraInfo, or K, D, R, P of ROS 1.
            width, height: size of the image [px].
            rectify: remove distortion.
            input_rectified: the image is already without distortion and belongs to P.
        """
        k, p = info_array(info, "k").reshape(3, 3), info_array(info, "p").reshape(3, 4)
        r, d = info_array(info, "r").reshape(3, 3), tuple(info_array(info, "d").tolist())
        if k[0, 0] == 0:
            return uncalibrated(width, height, "uncalibrated", "camera_info has K[0] = 0, so it is not calibrated")
        if not all(np.isfinite(part).all() for part in (k, p, r, np.array(d))) or k[0, 0] < 0 or k[1, 1] <= 0:
            text = "camera_info has intrinsics that are not finite and positive"
            return uncalibrated(width, height, "bad_intrinsics", text)
        place = place_image(info, k, width, height)
        if not isinstance(place, Placement):
            return uncalibrated(width, height, *place)
        problems = [place.problem] if place.problem else []
        wrong_p = why_no_camera(p, *place.frame) if p[0, 0] > 0 and p[1, 1] > 0 else "it is not set"
        # K of an already rectified image only describes the original lens.
        wrong = wrong_p if input_rectified and p.any() else why_no_camera(k, *place.frame)
        if not wrong and not wrong_p:
            wrong = why_no_pair(k, p, *place.frame)
        if wrong:
            text = "; ".join(["camera_info is not plausible: " + wrong, *(text for _, text in problems)])
            return uncalibrated(width, height, "implausible", text)
        if wrong_p and p.any():
            problems.append(("bad_projection", f"P of camera_info is not used, K is: {wrong_p}"))
        k = place.matrix @ k
        camera = {"width": width, "height": height, "k": k, "d": d, "distortion_model": info.distortion_model}
        camera["p"] = np.hstack([k, np.zeros((3, 1))]) if wrong_p else place.matrix @ p
        camera["r"] = r if abs(np.linalg.det(r)) > 0.5 else np.eye(3)
        if input_rectified:
            return cls(**camera, rectified=True, problems=tuple(problems))
        lens = lens_of(info.distortion_model, d)
        if lens is None:
            name = f"distortion model '{info.distortion_model[:64]}' with {len(d)} coefficients"
            problems.append(("distortion_model", f"{name} is not known: the image is used as it is"))
        elif rectify and (lens.distorts or _moves_pixels(camera["k"], camera["r"], camera["p"], width, height)):
            return cls(**camera, remap=True, rectified=True, problems=tuple(problems))
        elif lens.distorts:
            text = "the image has distortion and rectify is off: points bend towards its edges"
            problems.append(("not_rectified", text))
        return cls(**camera, problems=tuple(problems))


def _moves_pixels(k: np.ndarray, r: np.ndarray, p: np.ndarray, width: int, height: int) -> bool:
    """Whether P and R show a corner of the image elsewhere than K does, or behind the camera."""
    corners = np.array([(x, y, 1.0) for x in (0, width - 1) for y in (0, height - 1)]).T
    with np.errstate(all="ignore"):
        try:
            x, y, z = p[:, :3] @ r @ np.linalg.solve(k, corners)
        except np.linalg.LinAlgError:
            return False
        moved = np.abs(np.stack([x / z, y / z]) - corners[:2]).max()
    return not (moved <= _SAME_PIXEL_PX and z.min() > 0)


def uncalibrated(width: int, height: int, reason: str, text: str) -> CameraModel:
    """A camera without intrinsics, and why."""
    return CameraModel(width=width, height=height, problems=((reason, f"{text}; {UNCALIBRATED}"),))
