# SPDX-License-Identifier: Apache-2.0
"""What a CameraInfo says about the image at hand: intrinsics of its pixels, distortion, and the info of the depth.

Follows REP 104 and the comments of sensor_msgs/CameraInfo: K and P belong to the full resolution, before `roi` and
`binning`; K[0] == 0 means uncalibrated.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo

RATIONAL, PLUMB_BOB, FISHEYE = "rational_polynomial", "plumb_bob", "equidistant"
# Numbers of coefficients that each model may have.
COEFFICIENTS = {PLUMB_BOB: (4, 5), RATIONAL: (8, 12, 14), FISHEYE: (4,)}
# Ratios of the axes' scales up to this count as one scale: sizes are whole pixels.
_SCALE_TOLERANCE = 0.01


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

    def camera_info(self, header: Any, width: int, height: int) -> CameraInfo:
        """CameraInfo of a depth image of `width` x `height` pixels with the given header."""
        scale = np.diag([width / self.width, height / self.height, 1.0])
        info = CameraInfo(header=header, width=width, height=height, distortion_model=self.distortion_model)
        info.k = (scale @ self.matrix if self.calibrated else np.zeros((3, 3))).flatten().tolist()
        info.p = (scale @ self.p if self.calibrated else np.zeros((3, 4))).flatten().tolist()
        info.r = (np.eye(3) if self.rectified else self.r).flatten().tolist()
        info.d = [0.0] * 5 if self.rectified else list(self.d)
        if self.rectified:
            info.distortion_model = PLUMB_BOB
        return info


def info_key(info: Any) -> tuple:
    """All that a model depends on: two infos of one key are the same camera."""
    roi = info.roi
    return (
        info.width,
        info.height,
        info.distortion_model,
        tuple(info.d),
        tuple(info.k),
        tuple(info.r),
        tuple(info.p),
        info.binning_x,
        info.binning_y,
        roi.x_offset,
        roi.y_offset,
        roi.width,
        roi.height,
    )


def model_from_info(info: Any, *, width: int, height: int, rectify: bool, input_rectified: bool) -> CameraModel:
    """The camera of an image of the given size.

    Args:
        info: sensor_msgs/CameraInfo.
        width, height: size of the image [px].
        rectify: distortion is to be removed.
        input_rectified: the image has no distortion any more and belongs to P.

    Returns:
        The model; uncalibrated, with the reason among its problems, where the info cannot be used.
    """
    k, p = np.array(info.k, dtype=float).reshape(3, 3), np.array(info.p, dtype=float).reshape(3, 4)
    r, d = np.array(info.r, dtype=float).reshape(3, 3), tuple(float(value) for value in info.d)
    if k[0, 0] == 0:
        return _uncalibrated(width, height, "uncalibrated", "camera_info has K[0] = 0: the camera is not calibrated")
    if not all(np.isfinite(part).all() for part in (k, p, r, np.array(d))) or k[0, 0] < 0 or k[1, 1] <= 0:
        return _uncalibrated(
            width, height, "bad_intrinsics", "camera_info has intrinsics that are not finite and positive"
        )
    scale, problem = _image_from_full_resolution(info, width, height)
    if scale is None:
        return _uncalibrated(width, height, *problem)
    k = scale @ k
    p = scale @ p if p[0, 0] > 0 and p[1, 1] > 0 else np.hstack([k, np.zeros((3, 1))])
    r = r if abs(np.linalg.det(r)) > 0.5 else np.eye(3)
    problems = [problem] if problem else []
    camera = {
        "width": width,
        "height": height,
        "k": k,
        "p": p,
        "r": r,
        "d": d,
        "distortion_model": info.distortion_model,
    }
    distorted = any(d)
    if input_rectified:
        return CameraModel(**camera, rectified=True, problems=tuple(problems))
    if distorted and len(d) not in COEFFICIENTS.get(info.distortion_model, ()):
        problems.append(
            (
                "distortion_model",
                f"distortion model '{info.distortion_model[:64]}' with {len(d)} coefficients is not "
                "known: the image is used as it is",
            )
        )
    elif distorted and rectify:
        return CameraModel(**camera, remap=True, rectified=True, problems=tuple(problems))
    elif distorted:
        problems.append(("not_rectified", "the image has distortion and rectify is off: points bend towards its edges"))
    return CameraModel(**camera, problems=tuple(problems))


def _uncalibrated(width: int, height: int, reason: str, text: str) -> CameraModel:
    return CameraModel(
        width=width, height=height, problems=((reason, f"{text}; depth has no metric scale, no points"),)
    )


def _image_from_full_resolution(info: Any, width: int, height: int) -> tuple[np.ndarray | None, tuple[str, str] | None]:
    """(3, 3) matrix from pixels of the full resolution to those of the image, and what was odd about it."""
    full = np.array([info.width or width, info.height or height], dtype=float)
    offset = np.array([info.roi.x_offset, info.roi.y_offset], dtype=float)
    window = np.array([info.roi.width or full[0] - offset[0], info.roi.height or full[1] - offset[1]], dtype=float)
    binning = np.array([max(info.binning_x, 1), max(info.binning_y, 1)], dtype=float)
    if (window < 1).any() or (offset + window > full).any():
        return None, ("bad_roi", f"roi of camera_info (offset {offset}, size {window}) is not inside its {full} pixels")
    image = np.array([width, height], dtype=float)
    expected = np.maximum(window // binning, 1)
    factor, problem = 1.0 / binning, None
    if (np.abs(image - expected) > 1).any():
        factor = image / window
        if abs(factor[0] / factor[1] * binning[0] / binning[1] - 1) > _SCALE_TOLERANCE:
            return None, (
                "size_mismatch",
                f"camera_info is for {expected[0]:.0f}x{expected[1]:.0f} pixels, the image has "
                f"{width}x{height}: not the same shape",
            )
        problem = (
            "size_scaled",
            f"camera_info is for {expected[0]:.0f}x{expected[1]:.0f} pixels, the image has "
            f"{width}x{height}: intrinsics are scaled to fit",
        )
    matrix = np.diag([*factor, 1.0])
    matrix[:2, 2] = -offset * factor
    return matrix, problem
