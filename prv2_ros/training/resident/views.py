# SPDX-License-Identifier: Apache-2.0
"""Random views of stored frames, drawn and rendered on the device; the counterpart of `data.augment`."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Of random views: smallest share of the frame's sides, probability of the whole frame, largest relative difference of
# the sides' shares, largest rotation.
MIN_SCALE, WHOLE, ASPECT_JITTER, MAX_ROLL_DEG = 0.5, 0.4, 0.25, 3.0
# Of random tiles, least and most: frame pixels that a tile pixel spans downwards, how many times more it spans across.
PIXELS_A_PIXEL, WIDTH_RATIO = (0.85, 1.7), (1.0, 1.4)


@dataclass(frozen=True)
class Views:
    """B views, each a box of its frame.

    Attributes:
        frames: (B,) indices into the store.
        centre: (B, 2) of the box, x and y in fractions of the frame.
        size: (B, 2) of the box, width and height in fractions of the frame.
        flip: (B,) bool, mirrored left to right.
        roll: (B,) radians about the box's centre.
    """

    frames: Tensor
    centre: Tensor
    size: Tensor
    flip: Tensor
    roll: Tensor

    def places(self, out_size: tuple[int, int], focal: Tensor, *, offset: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        """(B, h, w, 2) places in the frame, x and y in its fractions, of the output's pixels.

        Args:
            out_size: (h, w).
            focal: (B, 2), fx over the frame's width, fy over its height.
            offset: of the sample inside the output pixel, in pixels from its centre.
        """
        height, width = out_size
        device = self.centre.device
        x = (torch.arange(width, device=device) + 0.5 + offset[0]) / width - 0.5
        y = (torch.arange(height, device=device) + 0.5 + offset[1]) / height - 0.5
        x = x[None, None, :] * torch.where(self.flip, -1.0, 1.0)[:, None, None] * self.size[:, 0, None, None]
        y = y[None, :, None] * self.size[:, 1, None, None]
        # Rays are rotated, not fractions: x / fx and y / fy.
        cos, sin = torch.cos(self.roll)[:, None, None], torch.sin(self.roll)[:, None, None]
        ratio = (focal[:, 0] / focal[:, 1])[:, None, None]
        return torch.stack(
            (
                self.centre[:, 0, None, None] + cos * x - sin * ratio * y,
                self.centre[:, 1, None, None] + sin / ratio * x + cos * y,
            ),
            -1,
        )

    def canonical_scale(self, focal: Tensor, process_size: tuple[int, int], canonical_focal_px: float) -> Tensor:
        """(B,) factor from real to canonical depth when the view fills the process size (`data.augment.View`)."""
        fx = focal[:, 0] / self.size[:, 0] * process_size[1]
        fy = focal[:, 1] / self.size[:, 1] * process_size[0]
        return canonical_focal_px / torch.sqrt(fx * fy)


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.empty(count, device=device).uniform_(low, high)


def random_views(frames: Tensor) -> Views:
    """Views of frames (B,) as `data.augment.random_view` draws them."""
    count, device = len(frames), frames.device
    share = _uniform(count, MIN_SCALE, 1.0, device)
    stretch = torch.exp(_uniform(count, -ASPECT_JITTER, ASPECT_JITTER, device) / 2)
    size = torch.stack((share * stretch, share / stretch), 1).clamp(max=1.0)
    size = torch.where((_uniform(count, 0, 1, device) < WHOLE)[:, None], torch.ones_like(size), size)
    centre = size / 2 + torch.rand(count, 2, device=device) * (1 - size)
    roll = _uniform(count, -MAX_ROLL_DEG, MAX_ROLL_DEG, device) * (torch.pi / 180)
    return Views(frames, centre, size, _uniform(count, 0, 1, device) < 0.5, roll)


def random_tiles(frames: Tensor, size_px: Tensor, out_size: tuple[int, int]) -> Views:
    """Tiles at the scale at which the engine cuts them: a 540 x 960 box of a frame becomes 384 x 512 pixels.

    Args:
        frames: (B,) indices.
        size_px: (B, 2) height and width of the frames.
        out_size: (h, w) of the tiles.
    """
    count, device = len(frames), frames.device
    low, high = (torch.log(torch.tensor(v)).item() for v in PIXELS_A_PIXEL)
    down = torch.exp(_uniform(count, low, high, device))
    across = down * _uniform(count, *WIDTH_RATIO, device)
    size = torch.stack((across * out_size[1] / size_px[:, 1], down * out_size[0] / size_px[:, 0]), 1).clamp(max=1.0)
    centre = size / 2 + torch.rand(count, 2, device=device) * (1 - size)
    return Views(frames, centre, size, _uniform(count, 0, 1, device) < 0.5, torch.zeros(count, device=device))


def jitter_colour(rgb: Tensor, *, strength: float = 1.0) -> Tensor:
    """Random exposure, contrast, gamma, white balance, saturation, blur and noise, a draw an image.

    Args:
        rgb: (B, 3, h, w) in [0, 1].
        strength: 0 leaves it as it is, 1 is what a change of camera and hour does.
    """
    if strength <= 0:
        return rgb
    count, device = rgb.shape[0], rgb.device

    def draw(sigma: float, channels: int = 1) -> Tensor:
        return torch.exp(torch.randn(count, channels, 1, 1, device=device) * sigma * strength)

    def some(share: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, device=device) < share * strength

    out = rgb.clamp(0, 1) ** draw(0.18)
    out = ((out - 0.5) * draw(0.15) + 0.5) * draw(0.15) * draw(0.06, 3)
    grey = (out * out.new_tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.where(some(0.05), torch.zeros_like(grey[..., :1, :1]), draw(0.25))
    out = grey + (out - grey) * saturation
    soft = torch.nn.functional.avg_pool2d(out, 3, 1, 1, count_include_pad=False)
    out = torch.where(some(0.15), torch.lerp(out, soft, torch.rand(count, 1, 1, 1, device=device)), out)
    noise = torch.randn_like(out) * (torch.rand(count, 1, 1, 1, device=device) * 0.03)
    return torch.where(some(0.3), out + noise, out).clamp(0, 1)
