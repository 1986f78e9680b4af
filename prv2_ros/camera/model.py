# SPDX-License-Identifier: Apache-2.0
"""What a CameraInfo says about the image at hand: intrinsics of its pixels, distortion, and the info of the depth.

Follows REP 104 and the comments of sensor_msgs/CameraInfo: K and P belong to the full resolution, before `roi` and
`binning`; K[0] == 0 means uncalibrated.
"""

from dataclasses import asdict, dataclass, field
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
"""What follows from an image without calibration, unless the coarse depth is metric by itself."""
# P and R of a camera without distortion that move no pixel by more than this are its K: calibrations are rounded.
_SAME_PIXEL_PX = 0.1


@dataclass(frozen=True)
class DepthInfo:
    """The fields of the sensor_msgs/CameraInfo of a depth image, apart from its header; no binning, no roi."""

    width: int
    height: int
    distortion_model: str
    d: list[float]
    k: list[float]
    r: list[float]
    p: list[float]

    def fields(self) -> dict[str, Any]:
        """Names to values, as the constructor of a CameraInfo message takes them."""
        return asdict(self)


@dataclass(frozen=True)
class CameraModel:
    """The camera of an image of `width` x `height` pixels.

    Args:
        width, height: size of the image that the model was made for [px].
        k: (3, 3) intrinsics of the image as it arrives; zeros when uncalibrated.
        p: (3, 4) projection of the rectified image.
        r: (3, 3) rotation of rectification.
        d: distortion coefficients, () for none.
        distortion_model: name of the model of `d`.
        remap: the image has to be rectified before use.
        rectified: `p` describes the image that the depth belongs to, without distortion.
        problems: (reason, text) of everything in the CameraInfo that was refused or bent to fit.
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
        """(3, 3) intrinsics of a depth image of another size, each axis by its own factor."""
        return np.diag([width / self.width, height / self.height, 1.0]) @ self.matrix

    def depth_info(self, width: int, height: int) -> DepthInfo:
        """What a CameraInfo says of a depth image of `width` x `height` pixels that belongs to this camera."""
        scale = np.diag([width / self.width, height / self.height, 1.0])
        rectified = self.rectified
        return DepthInfo(
            width=width,
            height=height,
            distortion_model=PLUMB_BOB if rectified else self.distortion_model,
            d=[0.0] * 5 if rectified else list(self.d),
            k=(scale @ self.matrix if self.calibrated else np.zeros((3, 3))).flatten().tolist(),
            r=(np.eye(3) if rectified else self.r).flatten().tolist(),
            p=(scale @ self.p if self.calibrated else np.zeros((3, 4))).flatten().tolist(),
        )

    @cached_property
    def rectifier(self) -> Rectifier | None:
        """What removes the distortion; None where the image is used as it is."""
        if not self.remap:
            return None
        lens = lens_of(self.distortion_model, self.d) or Lens(is_fisheye(self.distortion_model), self.d)
        return Rectifier((self.width, self.height), k=self.k, d=lens.d, r=self.r, p=self.p, fisheye=lens.fisheye)

    @property
    def outside(self) -> np.ndarray | None:
        """(H, W) bool, true where the rectified image shows nothing; None when it shows everything."""
        return None if self.rectifier is None else self.rectifier.outside

    def outside_on(self, device: torch.device) -> Tensor | None:
        """`outside` as a tensor on a device; it is copied there once."""
        return None if self.rectifier is None else self.rectifier.outside_on(device)

    def rectify(self, rgb: Picture) -> Picture:
        """The image without distortion, or the image itself where nothing has to be removed.

        Args:
            rgb: (H, W, 3) uint8 of the model's size; a tensor is rectified on its device.

        Returns:
            An array for an array, a tensor for a tensor.

        Raises:
            ValueError: it has another size.
        """
        if rgb.shape[:2] != (self.height, self.width):
            raise ValueError(
                f"image of {rgb.shape[1]}x{rgb.shape[0]} pixels, the model is for {self.width}x{self.height}"
            )
        if self.rectifier is None:
            return rgb
        return self.rectifier(rgb) if isinstance(rgb, np.ndarray) else self.rectifier.on_device(rgb)

    def rectify_depth(self, depth: np.ndarray) -> np.ndarray:
        """Depth (h, w) of the image as it arrives, at any resolution, as that of the rectified image.

        It comes as it is where nothing has to be removed, else (H, W), NaN where the image shows nothing.
        """
        return depth if self.rectifier is None else self.rectifier.depth(depth)

    @classmethod
    def from_info(
        cls, info: Any, *, width: int, height: int, rectify: bool = True, input_rectified: bool = False
    ) -> "CameraModel":
        """The camera of an image of the given size.

        Args:
            info: anything with the fields of a sensor_msgs/CameraInfo; K, D, R, P of ROS 1 will do.
            width, height: size of the image [px].
            rectify: distortion is to be removed.
            input_rectified: the image has no distortion any more and belongs to P.

        Returns:
            The model; uncalibrated, with the reason among its problems, where the info cannot be used.
        """
        k, p = info_array(info, "k").reshape(3, 3), info_array(info, "p").reshape(3, 4)
        r, d = info_array(info, "r").reshape(3, 3), tuple(info_array(info, "d").tolist())
        if k[0, 0] == 0:
            return _uncalibrated(width, height, "uncalibrated", "camera_info has K[0] = 0, so it is not calibrated")
        if not all(np.isfinite(part).all() for part in (k, p, r, np.array(d))) or k[0, 0] < 0 or k[1, 1] <= 0:
            return _uncalibrated(
                width, height, "bad_intrinsics", "camera_info has intrinsics that are not finite and positive"
            )
        place = place_image(info, k, width, height)
        if not isinstance(place, Placement):
            return _uncalibrated(width, height, *place)
        problems = [place.problem] if place.problem else []
        wrong_p = why_no_camera(p, *place.frame) if p[0, 0] > 0 and p[1, 1] > 0 else "it is not set"
        # K of an image that is rectified already is only what the lens was.
        wrong = wrong_p if input_rectified and p.any() else why_no_camera(k, *place.frame)
        if not wrong and not wrong_p:
            wrong = why_no_pair(k, p, *place.frame)
        if wrong:
            numbers = [place.problem[1]] if place.problem else []
            return _uncalibrated(
                width, height, "implausible", "; ".join([f"camera_info is no calibration: {wrong}", *numbers])
            )
        if wrong_p and p.any():
            problems.append(("bad_projection", f"P of camera_info is not used, K is: {wrong_p}"))
        k = place.matrix @ k
        camera = {
            "width": width,
            "height": height,
            "k": k,
            "p": np.hstack([k, np.zeros((3, 1))]) if wrong_p else place.matrix @ p,
            "r": r if abs(np.linalg.det(r)) > 0.5 else np.eye(3),
            "d": d,
            "distortion_model": info.distortion_model,
        }
        if input_rectified:
            return cls(**camera, rectified=True, problems=tuple(problems))
        lens = lens_of(info.distortion_model, d)
        if lens is None:
            problems.append(
                (
                    "distortion_model",
                    f"distortion model '{info.distortion_model[:64]}' with {len(d)} coefficients is not "
                    "known: the image is used as it is",
                )
            )
        elif rectify and (lens.distorts or _moves_pixels(camera["k"], camera["r"], camera["p"], width, height)):
            return cls(**camera, remap=True, rectified=True, problems=tuple(problems))
        elif lens.distorts:
            problems.append(
                ("not_rectified", "the image has distortion and rectify is off: points bend towards its edges")
            )
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


def _uncalibrated(width: int, height: int, reason: str, text: str) -> CameraModel:
    return CameraModel(width=width, height=height, problems=((reason, f"{text}; {UNCALIBRATED}"),))
