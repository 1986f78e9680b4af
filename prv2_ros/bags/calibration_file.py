# SPDX-License-Identifier: Apache-2.0
"""Calibration files of common tools as CameraInfo messages.

Supported: camera_calibration (YAML, INI), OpenCV FileStorage (YAML, XML), Kalibr camchain, ORB-SLAM settings, and the
output of `ros2 topic echo` for a camera_info. Each meaning has one list of names, whichever tool wrote the file.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prv2_ros.bags.calibration_text import read_mapping
from prv2_ros.bags.messages import camera_info_message, make_header
from prv2_ros.errors import DataError

WANTED = (
    "a YAML of camera_calibration (image_width, image_height, camera_matrix, distortion_coefficients), OpenCV or "
    "Kalibr, an ost.ini, or the output of `ros2 topic echo --once --full-length CAMERA_INFO`"
)
# Names without case and punctuation.
_SIZE = ("resolution", "imagesize", "size", "imgsize")
_NAMES: dict[str, tuple[str, ...]] = {
    "width": ("imagewidth", "width", "camerawidth", "camera1width", "imgwidth", "cols"),
    "height": ("imageheight", "height", "cameraheight", "camera1height", "imgheight", "rows"),
    "k": ("cameramatrix", "k", "intrinsicmatrix", "intrinsic", "cameraintrinsics", "mtx"),
    "d": ("distortioncoefficients", "d", "distcoeffs", "distortioncoeffs", "distortion", "distcoefs", "dist"),
    "r": ("rectificationmatrix", "rectification", "r"),
    "p": ("projectionmatrix", "projection", "p"),
    "model": ("distortionmodel",),
}
_ORB = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4")
_OURS = {
    "width": "image_width",
    "height": "image_height",
    "k": "camera_matrix",
    "d": "distortion_coefficients",
    "r": "rectification_matrix",
    "p": "projection_matrix",
    "model": "distortion_model",
}


def read_calibration(path: Path) -> Any:
    """CameraInfo of a calibration file.

    Raises:
        DataError: The file is missing or of an unknown kind, or one of its keys is missing, misspelt or of the wrong
            length; the text says which.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a camera calibration: it is not text; expected {WANTED}") from None
    try:
        found = _fields(_camera_of(read_mapping(text)))
        return _info(found)
    except ValueError as error:
        raise DataError(f"{path} is not a camera calibration: {' '.join(str(error).split())}") from None


def _plain(name: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _camera_of(data: Mapping) -> Mapping:
    """The mapping of the camera itself: of Kalibr's only camera, or of a single mapping around it."""
    cameras = [key for key in data if re.fullmatch(r"cam(era)?_?\d+", str(key)) and isinstance(data[key], Mapping)]
    if len(cameras) > 1:
        raise ValueError(f"it has {len(cameras)} cameras ({', '.join(map(str, cameras))}); give a file with one")
    if cameras:
        return data[cameras[0]]
    inner = [value for value in data.values() if isinstance(value, Mapping) and _find(value, "k") is not None]
    return inner[0] if len(inner) == 1 and _find(data, "k") is None else data


def _find(data: Mapping, meaning: str) -> Any:
    """The value under one of the names of a meaning, or None."""
    by_name = {_plain(key): value for key, value in data.items()}
    return next((by_name[name] for name in _NAMES[meaning] if by_name.get(name) is not None), None)


def _fields(data: Mapping) -> dict[str, Any]:
    """Values by meaning; matrices are flat arrays, empty if missing."""
    by_name = {_plain(key): value for key, value in data.items()}
    kind = _plain(by_name.get("cameratype", by_name.get("cameramodel", "")))
    if kind in ("eucm", "ds", "omni"):
        raise ValueError(f"its camera model is {kind}; only pinhole and fisheye are supported")
    found: dict[str, Any] = {meaning: _find(data, meaning) for meaning in ("width", "height", "model")}
    size = next((by_name[name] for name in _SIZE if name in by_name), None)
    if size is not None and found["width"] is None:
        found["width"], found["height"] = _numbers(size, "the size of the image", (2,)).tolist()
    for meaning, counts in (("k", (9,)), ("d", None), ("r", (9,)), ("p", (12,))):
        value = _find(data, meaning)
        found[meaning] = _numbers(value, _OURS[meaning], counts, empty=meaning != "k")
    if found["k"].size == 0:
        found |= _four_intrinsics(data, by_name)
    if found["model"] is None and (
        kind == "kannalabrandt8" or _number(by_name.get("fisheyemodel", 0), "fisheye_model")
    ):
        found["model"] = "fisheye"
    for name in ("binning_x", "binning_y"):
        found[name] = int(_number(data.get(name, 0), name))
    roi = data.get("roi")
    found["roi"] = roi if isinstance(roi, Mapping) else {}
    for key in data:
        meant = _misspelt_name(key, found)
        if meant:
            raise ValueError(f"it has the unknown key '{key}'; did you mean {meant}?")
    missing = [_OURS[name] for name in ("width", "height") if found[name] is None]
    missing += ["camera_matrix"] if found["k"].size == 0 else []
    if missing:
        raise ValueError(f"it has no {', no '.join(missing)}, only {_keys(data)}; expected {WANTED}")
    return found


def _four_intrinsics(data: Mapping, by_name: Mapping[str, Any]) -> dict[str, Any]:
    """Kalibr's `intrinsics: [fx, fy, cx, cy]`, or ORB-SLAM's Camera.fx and so on."""
    if "intrinsics" in by_name:
        fx, fy, cx, cy = _numbers(by_name["intrinsics"], "intrinsics", (4,)).tolist()
        return {"k": np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1])}
    orb = {
        name: by_name[prefix + name]
        for name in _ORB
        for prefix in ("camera", "camera1", "")
        if prefix + name in by_name
    }
    if not {"fx", "fy", "cx", "cy"} <= set(orb):
        return {}
    values = {name: _number(value, name) for name, value in orb.items()}
    k = np.array([values["fx"], 0, values["cx"], 0, values["fy"], values["cy"], 0, 0, 1])
    fisheye = "p1" not in values and {"k1", "k2", "k3", "k4"} <= set(values)
    names = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3")
    d = np.array([values.get(name, 0.0) for name in names] if "k1" in values else [])
    return {"k": k, "d": d, "model": "equidistant" if fisheye else None}


def _misspelt_name(key: Any, found: Mapping[str, Any]) -> str | None:
    """The key that this one resembles, if the file has no other key of that meaning."""
    for meaning, name in _OURS.items():
        value = found[meaning]
        absent = value is None or (isinstance(value, np.ndarray) and value.size == 0)
        near = difflib.get_close_matches(_plain(key), [n for n in _NAMES[meaning] if len(n) > 5], n=1, cutoff=0.85)
        if absent and near:
            return name
    return None


def _keys(data: Mapping) -> str:
    return ", ".join(str(key) for key in list(data)[:12]) or "nothing"


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, not a number") from None


def _numbers(value: Any, name: str, counts: tuple[int, ...] | None, *, empty: bool = False) -> np.ndarray:
    """Flat numbers of a matrix: {rows, cols, data}, a list, a list of rows, or text."""
    if value is None:
        return np.array([])
    if isinstance(value, Mapping):
        if value.get("data") is None:
            raise ValueError(f"{name} has no data, only {_keys(value)}")
        value = value["data"]
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,;\[\]()]+", value) if part]
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} is {value!r}, not a list of numbers")
    flat = [item for row in value for item in (row if isinstance(row, (list, tuple)) else [row])]
    if "..." in flat or Ellipsis in flat:
        raise ValueError(f"{name} is truncated (...); use ros2 topic echo --full-length")
    numbers = np.array([_number(item, f"a number of {name}") for item in flat], np.float64)
    if counts and numbers.size not in counts and not (empty and numbers.size == 0):
        raise ValueError(f"{name} has {numbers.size} numbers, not {' or '.join(map(str, counts))}")
    return numbers


def _info(found: dict[str, Any]) -> Any:
    width, height = (int(_number(found[name], _OURS[name])) for name in ("width", "height"))
    if min(width, height) < 1:
        raise ValueError(f"its image size {width}x{height} is invalid")
    k, d = found["k"], found["d"]
    info = camera_info_message(make_header(0, ""), width=width, height=height, intrinsics=(k[0], k[4], k[2], k[5]))
    model = str(found["model"] or "plumb_bob")
    if d.size or model != "plumb_bob":
        info.d, info.distortion_model = d, model
    if found["r"].size:
        info.r = found["r"]
    if found["p"].size:
        info.p = found["p"]
    info.binning_x, info.binning_y = found["binning_x"], found["binning_y"]
    for name in ("x_offset", "y_offset", "width", "height"):
        setattr(info.roi, name, int(_number(found["roi"].get(name, 0), f"roi.{name}")))
    return info
