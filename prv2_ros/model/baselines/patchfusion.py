# SPDX-License-Identifier: Apache-2.0
"""PatchFusion: coarse and fine maps of a tile, guided by the whole frame's, decoded to depth by ZoeDepth's head."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.baselines.bins_head import BinsHead
from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.baselines.swin import GlobalToLocal
from prv2_ros.model.baselines.unet_encoder import UNetEncoder
from prv2_ros.model.layers import conv3, resize
from prv2_ros.model.roi import roi_of_level

BLOCKS = (2, 2, 3, 3, 4, 4)  # of G2L, fine to coarse
HEADS = (8, 8, 16, 16, 32, 32)
FEATURE_SIZES = tuple((384 >> k, 512 >> k) for k in range(6))


class ConvPair(nn.Module):
    """conv3, ReLU, conv3, ReLU with bias, on concatenated maps.

    Args:
        in_channels, hidden, out_channels: widths.
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int):
        super().__init__()
        self.conv1 = conv3(in_channels, hidden, bias=True)
        self.conv2 = conv3(hidden, out_channels, bias=True)

    def forward(self, *maps: Tensor) -> Tensor:
        """Concatenate (B, c_i, H, W) over channels and give (B, out, H, W)."""
        return F.relu(self.conv2(F.relu(self.conv1(torch.cat(maps, dim=1)))))


class PatchFusion(FineRefiner):
    """Depth of tiles, given as the residual to the coarse depth.

    Args:
        fine, fine_channels, coarse_channels: see `FineRefiner`.
        feature_sizes: six (h, w) of the whole coarse maps, which the position tables are for.
    """

    name = "patchfusion"
    traits = replace(FineRefiner.traits, wants_boxes=True, mask_border=0.10, mask_floor=1e-3)

    def __init__(
        self,
        *,
        fine: nn.Module,
        fine_channels: tuple[int, ...],
        coarse_channels: tuple[int, ...],
        feature_sizes: tuple[tuple[int, int], ...] = FEATURE_SIZES,
    ):
        super().__init__(fine=fine, fine_channels=fine_channels, coarse_channels=coarse_channels)
        self.feature_sizes = tuple(feature_sizes)
        c = self.coarse_channels
        if len(feature_sizes) != len(c):
            raise ValueError(f"feature_sizes has {len(feature_sizes)} entries, expected {len(c)}")
        self.guides = nn.ModuleList(conv3(2 * n, n, bias=True) for n in c)
        self.encoder = UNetEncoder(5, c)
        self.g2l = nn.ModuleList(
            GlobalToLocal(n, size, blocks=blocks, heads=fitting_heads(n, heads))
            for n, size, blocks, heads in zip(c, feature_sizes, BLOCKS, HEADS, strict=True)
        )
        sums = [a + 2 * b for a, b in zip(c[:-1], c[1:])]
        self.merge = nn.ModuleList(ConvPair(s, s, n) for s, n in zip(sums, c))
        self.decoder = nn.ModuleList(ConvPair(2 * n, n, n) for n in c)
        self.head = BinsHead(c)

    def frame_inputs(self, depth: Tensor, features: list[Tensor]) -> dict[str, Any]:
        """The whole maps, and what G2L makes of them, once a frame."""
        return {"whole_features": features, "global_features": self.global_features(features)}

    def global_features(self, whole_features: list[Tensor]) -> list[Tensor]:
        """G2L of six whole coarse maps (1, c_k, h_k, w_k), fine to coarse; six of the same shapes.

        Raises:
            ValueError: a map is of another size than the position tables.
        """
        return [g2l(feature) for g2l, feature in zip(self.g2l, whole_features, strict=True)]

    def forward(
        self,
        rgb: Tensor,
        coarse_depth: Tensor,
        coarse_features: list[Tensor],
        *,
        whole_features: list[Tensor],
        boxes: Tensor,
        global_features: list[Tensor] | None = None,
    ) -> Tensor:
        """Depth less the coarse depth.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
            coarse_depth: (B, 1, H, W), roi of the coarse depth, metres.
            coarse_features: six rois of the coarse features, fine to coarse; resized to the fine network's.
            whole_features: six coarse maps (1, c_k, h_k, w_k) of the whole frame, fine to coarse.
            boxes: (B, 4): left, top, width, height of each tile in fractions of the frame.
            global_features: what `global_features` made of `whole_features`; None computes it.

        Returns:
            (B, 1, H, W), metres.

        Raises:
            ValueError: a size or a channel count does not fit.
        """
        self.check(rgb, coarse_depth, coarse_features)
        if tuple(boxes.shape) != (rgb.shape[0], 4):
            raise ValueError(f"boxes are {tuple(boxes.shape)}, expected {(rgb.shape[0], 4)}")
        fine_depth, fine = self.fine(rgb)
        coarse = self.sized_as(fine, coarse_features)
        guides = [guide(torch.cat((r, f), dim=1)) for guide, r, f in zip(self.guides[1:], coarse[1:], fine[1:])]
        encoded = self.encoder(torch.cat((coarse_depth, fine_depth.to(rgb), rgb), dim=1))
        if global_features is None:
            global_features = self.global_features(whole_features)
        frame = (global_features[0].shape[-2], global_features[0].shape[-1])
        local = [roi_of_level(feature, boxes, frame) for feature in global_features]
        maps = self.fuse(guides, self.sized_as(local, encoded), local)
        return resize(self.head(maps), coarse_depth.shape[-2:]) - coarse_depth

    def fuse(self, guides: list[Tensor], encoded: list[Tensor], local: list[Tensor]) -> list[Tensor]:
        """Decode from coarse to fine.

        Args:
            guides: five maps (B, c_k, h_k, w_k), levels 1 to 5.
            encoded: six maps of the encoder, local: six rois of G2L, all of the same sizes at a level.

        Returns:
            six maps o_k (B, c_k, h_k, w_k), fine to coarse.
        """
        fused = [self.decoder[-1](encoded[-1], local[-1])]
        for k in range(len(encoded) - 2, -1, -1):
            from_below = resize(
                torch.cat((fused[0], resize(guides[k], fused[0].shape[-2:])), dim=1), encoded[k].shape[-2:]
            )
            fused.insert(0, self.decoder[k](self.merge[k](encoded[k], from_below), local[k]))
        return fused


def fitting_heads(channels: int, most: int) -> int:
    """The most heads up to `most` that divide the channels."""
    return next(heads for heads in range(min(most, channels), 0, -1) if channels % heads == 0)
