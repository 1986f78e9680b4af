# SPDX-License-Identifier: Apache-2.0
"""Less flicker: the common factor of a camera's depth follows an exponential mean of its logarithm.

A network sees one picture at a time, and its scale wavers from one to the next. The wavering is measured as the median
of the logarithm of the ratio of successive depths, at the same pixels, and what the mean takes away of it is taken away
of the whole frame. For a share a of the past the mean lags behind true motion by a / (1 - a) frames, under one below
a = 0.5, and white noise of the scale changes from frame to frame by sqrt((1 - a)² / (1 + a)) of what it did: 0.46 for
a = 0.45.
"""

import math

import torch
from torch import Tensor

from prv2_ros.engine.filters import resample_nearest

_ROWS, _COLUMNS = 48, 64
# In log depth: another common factor, or another layout, is another scene.
_CUT_SCALE, _CUT_LAYOUT = 0.4, 0.2
_LEAST_PIXELS = 64


class ScaleSmoother:
    """State of one camera."""

    def __init__(self) -> None:
        self._key: object = None
        self._last: Tensor | None = None
        self._behind = 0.0

    def factor(self, depth_m: Tensor, share: float, key: object) -> float:
        """What the depth of this frame is multiplied by.

        Args:
            depth_m: (H, W) metres as the network gave it; what is not finite and positive is not looked at.
            share: of the past in the mean, 0 to below 1; 0 gives 1.0.
            key: what the depth depends on besides the scene, the camera model for one; another begins anew.
        """
        if not share:
            self._last = None
            return 1.0
        small = resample_nearest(depth_m, min(_ROWS, depth_m.shape[0]), min(_COLUMNS, depth_m.shape[1]))
        log_depth = small.log()
        last, self._last = self._last, log_depth
        change = None
        if last is not None and last.shape == log_depth.shape and last.device == log_depth.device and key is self._key:
            change = _common_change(log_depth - last)
        self._key = key
        # The mean m follows x by m' = a m + (1 - a) x', so what is between them shrinks to a of itself.
        self._behind = 0.0 if change is None else share * (self._behind - change)
        return math.exp(self._behind)


def _common_change(difference: Tensor) -> float | None:
    """Median of a change of log depth; None after a cut, and where too little can be compared."""
    known = difference[torch.isfinite(difference)]
    if known.numel() < _LEAST_PIXELS:
        return None
    median = known.median()
    layout = (known - median).abs().median()
    return float(median) if abs(median) <= _CUT_SCALE and layout <= _CUT_LAYOUT else None
