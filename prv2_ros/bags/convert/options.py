# SPDX-License-Identifier: Apache-2.0
"""Options of a conversion."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """Options of a conversion; those of a frame are like the node's parameters of the same names.

    Attributes:
        engine: Arguments of `DepthEngine.load`.
        images: Image topics; None: all with pictures.
        prefix: Prefix of the output topics; None: each camera's namespace.
        calibrations: (image topic or None for all, calibration file) to use instead of camera_info.
        input_rectified: All images are rectified (those called image_rect... always are).
        threads: CPU threads of each process; they affect the last bits of depth, the number of workers does not.
        frames_a_part: Images in each output file, which a crash costs at most, for each worker.
        coarse_topic: Topic of measured depth, at most `coarse_max_age_s` away from an image.
    """

    engine: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[str] | None = None
    prefix: str | None = None
    calibrations: Sequence[tuple[str | None, Path]] = ()
    input_rectified: bool = False
    threads: int = os.cpu_count() or 1
    frames_a_part: int = 16
    min_range_m: float = 0.1
    max_range_m: float = 80.0
    points_stride: int = 4
    points_max_range_m: float = 60.0
    rectify: bool = True
    intensity_range: str = "full"
    coarse_topic: str | None = None
    coarse_max_age_s: float = 0.2
