# SPDX-License-Identifier: Apache-2.0
"""Reduces flicker: the common factor of a camera's depth follows an exponential mean of its logarithm.

The network sees single images, so its scale flickers. The change is measured as the median log ratio of successive
depths at the same pixels, and the whole frame is corrected by what the mean removes. With a share a of the past the
mean lags behind true motion by a / (1 - a) frames, and white noise of the scale shrinks to sqrt((1 - a)² / (1 + a)):
0.46 for a = 0.45.
"""

import math

import torch
from torch import Tensor

from prv2_ros.engine.filters import resample_nearest

_ROWS, _COLUMNS = 48, 64
# Larger changes of log depth, in common or of the layout, are a new scene.
_CUT_SCALE, _CUT_LAYOUT = 0.4, 0.2
_LEAST_PIXELS = 64


class ScaleSmoother:
    """State of one camera."""

    def __init__(self) -> None:
        self._key: object = None
        self._last: Tensor | None = None
        self._behind = 0.0

    def factor(self, depth_m: Tensor, share: float, key: object) -> float:
        """Correction factor of this frame's depth.

        Args:
            depth_m: (H, W) metres of the network; only finite positive values count.
            share: of the past in the mean, 0 to below 1; 0 gives 1.0.
            key: a new object (such as a new camera model) restarts the mean.
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
        # The mean follows m' = a m + (1 - a) x', so its distance to x shrinks by a.
        self._behind = 0.0 if change is None else share * (self._behind - change)
        return math.exp(self._behind)


def _common_change(difference: Tensor) -> float | None:
    """Median change of log depth; None after a scene change or with too few pixels."""
    known = difference[torch.isfinite(difference)]
    if known.numel() < _LEAST_PIXELS:
        return None
    median = known.median()
    layout = (known - median).abs().median()
    return float(median) if abs(median) <= _CUT_SCALE and layout <= _CUT_LAYOUT else None
