# SPDX-License-Identifier: Apache-2.0
"""Post-processing of the network's depth: smoothed, masked, resized, filtered and limited to the range."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from prv2_ros.camera import CameraModel
from prv2_ros.engine import filters
from prv2_ros.node.body_mask import body_mask
from prv2_ros.node.camera import Camera
from prv2_ros.node.depth_message import depth_memory
from prv2_ros.node.outputs import DEPTH
from prv2_ros.node.parameter_table import parse_size

# Expected error of log depth that gives a confidence of one half: about 10 % of the depth.
HALF_AT = 0.1


def confidence_of(log_error: Tensor) -> Tensor:
    """Confidence in [0, 1]: 1 for no expected error, 1/2 for 10 %, towards 0 for more; 0 if unknown.

    Args:
        log_error: (H, W) float32 scale b of the error of log depth (Laplace), at least 0.
    """
    return torch.nan_to_num(1.0 / (1.0 + log_error.clamp(min=0.0) / HALF_AT), nan=0.0)


def of_camera(text: str, camera: Camera) -> str:
    """A parameter's text with {camera} replaced by the camera's name."""
    return text.replace("{camera}", camera.name)


def output_size(size: str, height: int, width: int) -> tuple[int, int]:
    """(height, width) [px] of the depth for an image of this size, by the parameter `output_size`."""
    if size == "half":
        return max(height // 2, 1), max(width // 2, 1)
    if size != "input":
        width, height = parse_size(size)
    return height, width


def depth_values(
    camera: Camera,
    result: Any,
    model: CameraModel,
    values: Mapping[str, Any],
    *,
    size: tuple[int, int],
    confidence: bool,
) -> tuple[Tensor, Tensor | None]:
    """Depth of (height, width) `size` with the values of REP 117, and its confidence.

    Args:
        camera: of the frame; depth is written into its buffer of the depth topic if possible.
        result: of the engine.
        model: camera model of the image.
        values: parameters.
        size: of the outputs.
        confidence: whether it is needed.

    Returns:
        Depth, and confidence in [0, 1] with 0 where depth is unknown; None if not needed or not predicted.

    Raises:
        Prv2Error: the mask file cannot be read any more.
    """
    depth_m = result.depth
    factor = camera.smoother.factor(depth_m, values["scale_smoothing"], model)
    if factor != 1.0:
        depth_m = depth_m * factor
    outside, body = model.outside_on(depth_m.device), body_mask(of_camera(values["mask"], camera), *depth_m.shape)
    if outside is not None:
        depth_m = depth_m.masked_fill(outside, torch.nan)
    if body is not None:
        depth_m = depth_m.masked_fill(torch.from_numpy(body).to(depth_m.device), torch.nan)
    depth_m = filters.resample_nearest(depth_m, *size)
    sure = None
    if confidence or values["min_confidence"]:
        sure = _confidence(camera, result, size)
    if sure is not None and values["min_confidence"]:
        depth_m = depth_m.masked_fill(sure < values["min_confidence"], torch.nan)
    if values["flying_pixels.filter"]:
        depth_m = filters.mask_flying_pixels(depth_m, values["flying_pixels.max_relative_jump"])
    memory = depth_memory(depth_m, values["depth_encoding"], camera.buffers[DEPTH])
    depth_m = filters.apply_range(depth_m, values["min_range"], values["max_range"], out=memory)
    return depth_m, None if sure is None else sure.masked_fill(torch.isnan(depth_m), 0.0)


def _confidence(camera: Camera, result: Any, size: tuple[int, int]) -> Tensor | None:
    log_error = result.log_error
    if log_error is None:
        camera.statistics.note(
            "no_confidence",
            "these weights do not predict their error: depth/confidence is not published, min_confidence has no effect",
        )
        return None
    enlarged = F.interpolate(log_error[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    return confidence_of(enlarged)
