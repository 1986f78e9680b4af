# SPDX-License-Identifier: Apache-2.0
"""What a weights file says of itself: which network it is, for which camera, and where it comes from."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from prv2_ros.errors import WeightsError
from prv2_ros.model import BASELINES, COARSE_KINDS, VARIANTS

FORMAT = "prv2_ros/1"
_NEWER_FIELDS = ("fine", "feature_sizes")  # which older files lack


@dataclass(frozen=True)
class WeightsHeader:
    """What a weights file says of itself.

    Attributes:
        variant: refiner variant, a name of `VARIANTS` or `BASELINES`.
        coarse: kind of coarse branch, one of `COARSE_KINDS`.
        coarse_source: for the `transformers` kinds, the folder or hub name that holds the coarse weights.
        coarse_channels: six widths of the coarse features, fine to coarse; none where the refiner reads depth alone.
        process_size: (height, width) of a tile, pixels.
        canonical_focal_px: focal length at the process size for which depth comes out in metres; None
            where the network is not tied to one.
        min_depth_m, max_depth_m: range of the training depth.
        provenance: recipe, data sets with their licences, seeds, commit, metrics.
        fine: kind of the network that a baseline runs on every tile, one of `COARSE_KINDS`; its tensors are among the
            refiner's. None for a variant, and in files before there were baselines.
        feature_sizes: six (h, w) of the whole coarse maps, fine to coarse, where the refiner has tables of that size.
    """

    variant: str
    coarse: str
    coarse_channels: tuple[int, ...]
    coarse_source: str | None = None
    process_size: tuple[int, int] = (384, 512)
    canonical_focal_px: float | None = 400.0
    min_depth_m: float = 1e-3
    max_depth_m: float = 80.0
    provenance: dict[str, Any] = field(default_factory=dict)
    fine: str | None = None
    feature_sizes: tuple[tuple[int, int], ...] | None = None

    def to_metadata(self) -> dict[str, str]:
        """As safetensors metadata: every value a JSON text."""
        return {"format": FORMAT, **{name: json.dumps(value) for name, value in asdict(self).items()}}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str] | None, path: Path) -> "WeightsHeader":
        """Parse and validate a file's metadata.

        Raises:
            WeightsError: it is not ours, a field is missing or malformed, or names an unknown network.
        """
        metadata = metadata or {}
        if metadata.get("format") != FORMAT:
            raise WeightsError(
                f"{path} is not a prv2_ros weights file (format '{metadata.get('format')}', expected '{FORMAT}')"
            )
        names = [f.name for f in fields(cls) if f.name in metadata or f.name not in _NEWER_FIELDS]
        missing = [name for name in names if name not in metadata]
        if missing:
            raise WeightsError(
                f"{path}: the header lacks {', '.join(missing)}; write the file with prv2 train --export"
            )
        try:
            values = {name: json.loads(metadata[name]) for name in names}
            header = cls(
                **{
                    **values,
                    "coarse_channels": tuple(int(c) for c in values["coarse_channels"]),
                    "process_size": tuple(int(s) for s in values["process_size"]),
                    "feature_sizes": _sizes(values.get("feature_sizes")),
                }
            )
            header._check(path)
        except (json.JSONDecodeError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: malformed header: {error}") from error
        return header

    def _check(self, path: Path) -> None:
        known = (*VARIANTS, *BASELINES)
        if self.variant not in known:
            raise WeightsError(f"{path} holds variant '{self.variant}'; this version knows {', '.join(known)}")
        if self.variant == "prv2s" and len(self.coarse_channels) == 6:
            raise WeightsError(
                f"{path}: variant 'prv2s' with coarse_channels {self.coarse_channels} is of version 0.1, which is no "
                "longer read; use the packaged weights 'prv2s' or train again (prv2 train shipped --resident)"
            )
        if self.coarse not in COARSE_KINDS:
            raise WeightsError(f"{path} needs coarse branch '{self.coarse}'; known are {', '.join(COARSE_KINDS)}")
        if (self.fine in COARSE_KINDS) != (self.variant in BASELINES):
            raise WeightsError(f"{path}: '{self.fine}' is no fine network that variant '{self.variant}' runs on tiles")
        height, width = self.process_size
        multiple = BASELINES[self.variant].traits.size_multiple if self.variant in BASELINES else 32
        if not (0 < height <= 4096 and 0 < width <= 4096 and height % multiple == 0 and width % multiple == 0):
            raise ValueError(f"process size {height}x{width} is not a multiple of {multiple} up to 4096")
        if len(self.coarse_channels) not in (0, 6) or not all(0 < c <= 4096 for c in self.coarse_channels):
            raise ValueError(f"coarse channels {self.coarse_channels} are not six widths up to 4096, or none")
        if self.canonical_focal_px is not None and not 0 < self.canonical_focal_px < 1e5:
            raise ValueError(f"canonical focal {self.canonical_focal_px} px is not in (0, 100000)")
        if not 0 <= self.min_depth_m < self.max_depth_m:
            raise ValueError(f"depth range {self.min_depth_m} to {self.max_depth_m} m is empty")


def _sizes(values: list[list[int]] | None) -> tuple[tuple[int, int], ...] | None:
    if values is None:
        return None
    sizes = tuple((int(height), int(width)) for height, width in values)
    if len(sizes) != 6 or not all(0 < side <= 4096 for size in sizes for side in size):
        raise ValueError(f"feature sizes {sizes} are not six pairs up to 4096")
    return sizes


class FromHeader:
    """What an engine tells of the header of its weights.

    Args:
        header: of the weights.
    """

    def __init__(self, header: WeightsHeader):
        self._header = header

    @property
    def variant(self) -> str:
        """Name of the refiner's variant."""
        return self._header.variant

    @property
    def process_size(self) -> tuple[int, int]:
        """(height, width) that the frame and each tile are resized to."""
        return self._header.process_size

    @property
    def canonical_focal_px(self) -> float | None:
        """Focal length at the process size that the network is metric for, or None."""
        return self._header.canonical_focal_px

    @property
    def min_depth_m(self) -> float:
        """Nearest depth of the training data."""
        return self._header.min_depth_m

    @property
    def max_depth_m(self) -> float:
        """Farthest depth of the training data; what is predicted beyond it is far or sky, no measure."""
        return self._header.max_depth_m
