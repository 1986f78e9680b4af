# SPDX-License-Identifier: Apache-2.0
"""Frames of any size in three flat buffers on one device, and the sampling of affine views of them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from prv2_ros.errors import DataError

NEAREST_M, FARTHEST_M = 0.01, 2000.0
STEPS = 65000
LOG_NEAREST = math.log(NEAREST_M)
LOG_STEP = (math.log(FARTHEST_M) - LOG_NEAREST) / STEPS  # 0.019 %: even relative steps from a desk to a street
UNKNOWN, SKY = 0, 65535


def encode_log_depth(depth_m: np.ndarray, *, step: int = 1) -> np.ndarray:
    """uint16 codes of depth in metres.

    Args:
        depth_m: metres; 0, negative and NaN are unknown, infinity is sky.
        step: codes are multiples of it, so that they compress better; 32 is 0.6 %.
    """
    known = np.isfinite(depth_m) & (depth_m > 0)
    log_depth = np.log(np.where(known, depth_m, 1.0))
    code = np.rint((log_depth - LOG_NEAREST) / (LOG_STEP * step)) * step
    code = np.where(known, np.clip(code, 1, STEPS), UNKNOWN)
    return np.where(np.isposinf(depth_m), SKY, code).astype(np.uint16)


def decode_log_depth(code: Tensor) -> Tensor:
    """float32 metres of integer codes: 0 unknown, infinity sky."""
    depth = torch.exp(code.float() * LOG_STEP + LOG_NEAREST)
    depth = torch.where(code == UNKNOWN, torch.zeros_like(depth), depth)
    return torch.where(code == SKY, torch.full_like(depth, math.inf), depth)


@dataclass(frozen=True)
class StoredFrame:
    """One frame as it is stored; `of` makes it from arrays.

    Attributes:
        rgb: int32 (H, W), a colour in the lower three bytes: one gather a pixel instead of three.
        depth_code: int16 (h, w), the bits of `encode_log_depth`'s codes, or None; any size of the same view.
        disparity: uint8 (h, w), relative inverse depth of unknown scale and shift, or None.
        focal: fx over the width and fy over the height; what a relative frame states is not used.
        set_index: of the data set.
        sparse: depth is single returns.
        exact: depth has exact edges.
    """

    rgb: Tensor
    depth_code: Tensor | None
    disparity: Tensor | None
    focal: tuple[float, float]
    set_index: int
    sparse: bool = False
    exact: bool = False

    @classmethod
    def of(
        cls,
        rgb: np.ndarray,
        depth_code: np.ndarray | None,
        disparity: np.ndarray | None,
        focal_px: tuple[float, float],
        set_index: int,
        *,
        sparse: bool = False,
        exact: bool = False,
    ) -> "StoredFrame":
        """From uint8 (H, W, 3) colour, uint16 codes, uint8 disparity, and (fx, fy) in pixels of `rgb`."""
        height, width = rgb.shape[:2]
        return cls(
            rgb=torch.from_numpy(pack_rgb(rgb)),
            # torch's unsigned 16-bit type knows few operations: the bits travel as a signed one
            depth_code=None if depth_code is None else torch.from_numpy(depth_code.view(np.int16)),
            disparity=None if disparity is None else torch.from_numpy(disparity),
            focal=(float(focal_px[0]) / width, float(focal_px[1]) / height),
            set_index=set_index,
            sparse=sparse,
            exact=exact,
        )

    def to(self, device: torch.device, set_index: int) -> "StoredFrame":
        """The same on a device, as a frame of another set."""
        return replace(
            self,
            rgb=self.rgb.to(device),
            depth_code=None if self.depth_code is None else self.depth_code.to(device),
            set_index=set_index,
        )


def pack_rgb(rgb: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) to int32 (H, W)."""
    wide = np.zeros((*rgb.shape[:2], 4), np.uint8)
    wide[..., :3] = rgb
    return wide.view(np.int32)[..., 0]


class _Plane:
    """Images of one kind, one behind the other in a flat tensor; image 0 is a single empty pixel."""

    def __init__(self, capacity: int, dtype: torch.dtype, device: torch.device):
        self.data = torch.zeros(capacity + 1, dtype=dtype, device=device)
        self.used = 1
        self.table: list[tuple[int, int, int]] = []  # offset, height, width

    def add(self, image: torch.Tensor | None) -> None:
        if image is None:
            self.table.append((0, 1, 1))
            return
        end = self.used + image.numel()
        if end > self.data.numel():
            raise DataError(f"the frame store is full: {self.data.numel()} pixels; raise its capacity")
        self.data[self.used : end] = image.reshape(-1).to(self.data.device, non_blocking=True)
        self.table.append((self.used, image.shape[0], image.shape[1]))
        self.used = end


class FrameStore:
    """Frames on a device.

    Args:
        capacity_px: colour pixels that it can hold; depth and disparity have as many.
        device: where they are kept.
    """

    def __init__(self, capacity_px: int, device: torch.device | str):
        self.device = torch.device(device)
        self._rgb = _Plane(capacity_px, torch.int32, self.device)
        self._depth = _Plane(capacity_px, torch.int16, self.device)
        self._disparity = _Plane(min(capacity_px, 60_000_000), torch.uint8, self.device)
        self._facts: list[tuple[float, float, int, bool, bool]] = []
        self._tables: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self._facts)

    def fits(self, frame: StoredFrame) -> bool:
        """Whether there is room for a frame."""
        return self._rgb.used + frame.rgb.numel() <= self._rgb.data.numel()

    def add(self, frame: StoredFrame) -> int:
        """Copy a frame in; returns its index.

        Raises:
            DataError: the store is full.
        """
        self._rgb.add(frame.rgb)
        self._depth.add(frame.depth_code)
        self._disparity.add(frame.disparity)
        self._facts.append((*frame.focal, frame.set_index, frame.sparse, frame.exact))
        self._tables.clear()
        return len(self._facts) - 1

    def _table(self, name: str) -> Tensor:
        if name not in self._tables:
            columns = {
                "rgb": lambda: torch.tensor(self._rgb.table),
                "depth": lambda: torch.tensor(self._depth.table),
                "disparity": lambda: torch.tensor(self._disparity.table),
                "focal": lambda: torch.tensor([fact[:2] for fact in self._facts], dtype=torch.float32),
                "set": lambda: torch.tensor([fact[2] for fact in self._facts], dtype=torch.long),
                "sparse": lambda: torch.tensor([fact[3] for fact in self._facts], dtype=torch.bool),
                "exact": lambda: torch.tensor([fact[4] for fact in self._facts], dtype=torch.bool),
            }
            self._tables[name] = columns[name]().to(self.device)
        return self._tables[name]

    @property
    def set_index(self) -> Tensor:
        """(N,) the set of each frame."""
        return self._table("set")

    @property
    def sparse(self) -> Tensor:
        """(N,) bool."""
        return self._table("sparse")

    @property
    def exact(self) -> Tensor:
        """(N,) bool."""
        return self._table("exact")

    @property
    def focal(self) -> Tensor:
        """(N, 2): fx over the frame's width, fy over its height."""
        return self._table("focal")

    def size_px(self, frames: Tensor) -> Tensor:
        """(B, 2) height and width of the colour images."""
        return self._table("rgb")[frames, 1:]

    def rgb(self, frames: Tensor, places: Tensor) -> Tensor:
        """Colour, bilinear.

        Args:
            frames: (B,) indices.
            places: (B, h, w, 2), x and y in fractions of the frame; beyond it the border is repeated.

        Returns:
            (B, 3, h, w) float32 in [0, 1].
        """
        offset, height, width = (column[:, None, None] for column in self._table("rgb")[frames].unbind(1))
        x = (places[..., 0] * width - 0.5).clamp(min=0)
        y = (places[..., 1] * height - 0.5).clamp(min=0)
        x0, y0 = torch.minimum(x.long(), width - 1), torch.minimum(y.long(), height - 1)
        x1, y1 = torch.minimum(x0 + 1, width - 1), torch.minimum(y0 + 1, height - 1)
        fx, fy = (x - x0).clamp(0, 1), (y - y0).clamp(0, 1)
        out = 0.0
        for row, wy in ((y0, 1 - fy), (y1, fy)):
            for column, wx in ((x0, 1 - fx), (x1, fx)):
                packed = self._rgb.data[offset + row * width + column]
                weight = wy * wx
                out = out + torch.stack([((packed >> shift) & 255) * weight for shift in (0, 8, 16)], 1)
        return out / 255.0

    def depth(self, frames: Tensor, places: Tensor) -> Tensor:
        """Depth of the nearest pixel: (B, 1, h, w) float32 metres, 0 unknown, infinity sky; arguments as `rgb`."""
        codes = self._nearest(self._depth, "depth", frames, places).int() & 0xFFFF
        return decode_log_depth(codes)[:, None]

    def disparity(self, frames: Tensor, places: Tensor) -> Tensor:
        """Relative inverse depth (B, 1, h, w) in [0, 1], 0 where a frame has none; arguments as `rgb`."""
        return self._nearest(self._disparity, "disparity", frames, places).float()[:, None] / 255.0

    def has_disparity(self, frames: Tensor) -> Tensor:
        """(B,) bool."""
        return self._table("disparity")[frames, 1] > 1

    def _nearest(self, plane: _Plane, name: str, frames: Tensor, places: Tensor) -> Tensor:
        offset, height, width = (column[:, None, None] for column in self._table(name)[frames].unbind(1))
        column = torch.minimum((places[..., 0] * width).long().clamp(min=0), width - 1)
        row = torch.minimum((places[..., 1] * height).long().clamp(min=0), height - 1)
        values = plane.data[offset + row * width + column]
        inside = ((places >= 0) & (places < 1)).all(-1)
        return torch.where(inside, values, torch.zeros_like(values))
