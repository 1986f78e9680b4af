# SPDX-License-Identifier: Apache-2.0
"""Fine-to-coarse module: injects fine features into coarse ones, decodes the residual depth (paper, section 3.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.model.layers import activation_norm, conv3, resize

DEPTH_SCALE_M = 20.0
"""How much larger depth in metres is than the normalised features that it is concatenated with."""


class Injection(nn.Module):
    """GELU(LN(conv3(cat(maps)))): the step that F2C applies twice at each level; ReLU after a batch norm."""

    def __init__(self, in_channels: int, out_channels: int, *, norm: str = "layer"):
        super().__init__()
        self.conv = conv3(in_channels, out_channels)
        self.norm = activation_norm(norm, out_channels)
        self.activate = F.gelu if norm == "layer" else F.relu

    def forward(self, *maps: Tensor) -> Tensor:
        """Concatenate (B, c_i, H, W) over channels and give (B, out, H, W)."""
        return self.activate(self.norm(self.conv(torch.cat(maps, dim=1))))


class DecoderStep(nn.Module):
    """Two 3x3 convolutions, each followed by the exact GELU; the first keeps the concatenated width.

    With `norm` "batch" each convolution has a batch norm behind it and a ReLU instead of the GELU.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: str = "layer"):
        super().__init__()
        self.conv1 = conv3(in_channels, in_channels)
        self.conv2 = conv3(in_channels, out_channels)
        batch = norm == "batch"
        self.norm1 = activation_norm(norm, in_channels) if batch else nn.Identity()
        self.norm2 = activation_norm(norm, out_channels) if batch else nn.Identity()
        self.activate = F.relu if batch else F.gelu

    def forward(self, *maps: Tensor) -> Tensor:
        """Concatenate (B, c_i, H, W) over channels and give (B, out, H, W)."""
        x = self.activate(self.norm1(self.conv1(torch.cat(maps, dim=1))))
        return self.activate(self.norm2(self.conv2(x)))


class FineToCoarse(nn.Module):
    """F2C.

    Args:
        fine_channels: six widths of the fine maps, levels 0 to 5.
        coarse_channels: six widths of the coarse maps, levels 0 to 5.
        widths: six temp widths t, levels 0 to 5.
        decoder_widths: five output widths of the decoder, levels 0 to 4.
        norm: "layer", the paper's, or "batch".
        depth_scale: how much larger P1 and P2 are than features of size 1.
    """

    def __init__(
        self,
        *,
        fine_channels: tuple[int, ...],
        coarse_channels: tuple[int, ...],
        widths: tuple[int, ...],
        decoder_widths: tuple[int, ...],
        norm: str = "layer",
        depth_scale: float = DEPTH_SCALE_M,
    ):
        super().__init__()
        self.inject_features = nn.ModuleList(
            Injection(c + f, t, norm=norm) for c, f, t in zip(coarse_channels, fine_channels, widths)
        )
        self.inject_depths = nn.ModuleList(Injection(t + 2, t, norm=norm) for t in widths)
        running = (*decoder_widths[1:], widths[-1])
        self.decoder = nn.ModuleList(
            DecoderStep(r + t + 2, d, norm=norm) for r, t, d in zip(running, widths[:-1], decoder_widths)
        )
        self.residual = conv3(decoder_widths[0], 1)
        with torch.no_grad():
            for columns in self.depth_columns():
                columns.div_(depth_scale)

    def depth_columns(self) -> list[Tensor]:
        """Views of the weights that read P1 and P2.

        Depth in metres dwarfs the features beside it. Weights of the usual size, or steps of the usual size on them,
        let it decide the sign of a unit alone, and a unit below zero everywhere is dead to GELU. So these weights start
        smaller by `DEPTH_SCALE_M`, and the trainer takes smaller steps on them.
        """
        readers = [injection.conv for injection in self.inject_depths] + [step.conv1 for step in self.decoder]
        return [conv.weight.detach()[:, -2:] for conv in readers]

    def forward(self, fine: list[Tensor], coarse: list[Tensor], coarse_depth: Tensor, auxiliary: Tensor) -> Tensor:
        """Decode the residual.

        Args:
            fine: six maps of C2F, or of the encoder without C2F, levels 0 to 5.
            coarse: six coarse maps of the same sizes.
            coarse_depth: P1 (B, 1, H, W), metres, at full resolution.
            auxiliary: P2 (B, 1, H, W), metres, at full resolution.

        Returns:
            residual depth D_r (B, 1, H, W), metres.
        """
        depths = torch.cat((coarse_depth, auxiliary), dim=1)

        def depths_at(k: int) -> Tensor:
            return resize(depths, fine[k].shape[-2:])

        def inject(k: int) -> Tensor:
            return self.inject_depths[k](self.inject_features[k](coarse[k], fine[k]), depths_at(k))

        running = inject(len(fine) - 1)
        for k in range(len(fine) - 2, -1, -1):
            running = self.decoder[k](resize(running, fine[k].shape[-2:]), inject(k), depths_at(k))
        return self.residual(running)
