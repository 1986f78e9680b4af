# SPDX-License-Identifier: Apache-2.0
"""The refiner's exact arithmetic in an order that costs less, for one tile at a time on a CPU.

Two identities, neither of which changes the result beyond rounding:
- a convolution over cat(refiner, coarse) is the sum of its two halves, and the coarse half of an
  enlarged map is computed at the coarse map's own resolution (`coarse_halves`, `resampled_conv`);
- a 1x1 convolution and a bilinear resize commute, so C2F projects before it enlarges.
What is element-wise is done in place: on a CPU it costs what its memory traffic costs.

In bfloat16 the encoder and the finest level, where depth itself is a feature, stay float32, with what leads C2F to that
level: they are narrow and cost little. Rounded there, shipped weights were off by up to 1.5 % at the 99.9th percentile
(doc/performance.md).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prv2_ros.engine.fast.coarse_halves import CoarseHalves
from prv2_ros.engine.fast.convolution import Convolution, PixelNorm
from prv2_ros.model import Refiner
from prv2_ros.model.f2c import DecoderStep, Injection
from prv2_ros.model.gdu import GuidedDenoisingUnit
from prv2_ros.model.layers import ChannelNorm, resize
from prv2_ros.tiling.grid import Box


class FastRefiner:
    """Residual of one tile, from the whole frame's coarse maps.

    Args:
        refiner: its weights are copied; must have C2F.
        dtype: float32 or bfloat16, of what C2F and F2C compute, but for the end of C2F and the finest level.
    """

    def __init__(self, refiner: Refiner, *, dtype: torch.dtype = torch.float32):
        if refiner.c2f is None:
            raise ValueError("the F2C-only refiner has no C2F to speed up: use it as it is")
        self._refiner, self._dtype = refiner, dtype
        self._c2f, self._f2c = refiner.c2f, refiner.f2c
        exact = self._kept_in_float32()
        self._convs: dict[nn.Module, Convolution] = {}
        self._norms: dict[nn.Module, PixelNorm] = {}
        for module in (*self._c2f.modules(), *self._f2c.modules()):
            if isinstance(module, nn.Conv2d):
                own_dtype = torch.float32 if module in exact else dtype
                self._convs[module] = Convolution.of(module, dtype=own_dtype)
            elif isinstance(module, ChannelNorm):
                self._norms[module] = PixelNorm(module)
        self._halves: list[CoarseHalves] = []
        for k, channels in enumerate(refiner.coarse_channels):
            injection = self._f2c.inject_features[k].conv
            own_dtype = self._level_dtype(k)
            weights = [injection.weight[:, :channels]]
            self._convs[injection] = Convolution(injection.weight[:, channels:], dtype=own_dtype)
            for unit in self._units(k):
                own = unit.fuse.weight.shape[1] - channels
                self._convs[unit.fuse] = Convolution(unit.fuse.weight[:, :own], unit.fuse.bias, dtype=own_dtype)
                weights.append(unit.fuse.weight[:, own:])
            self._halves.append(CoarseHalves(weights, dtype=own_dtype))

    def _kept_in_float32(self) -> set[nn.Module]:
        """Modules of the end of C2F and of the finest level of F2C."""
        c2f, f2c = self._c2f, self._f2c
        parts = (c2f.head2, c2f.head_block, c2f.auxiliary, c2f.blocks[0].path_unit, c2f.blocks[0].project)
        parts += (f2c.inject_features[0], f2c.inject_depths[0], f2c.decoder[0], f2c.residual)
        return {module for part in parts for module in part.modules()}

    def _level_dtype(self, level: int) -> torch.dtype:
        return torch.float32 if level == 0 else self._dtype

    def _units(self, level: int) -> list[GuidedDenoisingUnit]:
        """The gated units that see this level's coarse feature, in the order of their halves."""
        if self._c2f.head_block.path_unit.gate == "none":
            return []
        if level == 0:
            return [self._c2f.head_block.path_unit]
        block = self._c2f.blocks[level - 1]
        return [block.path_unit] if level == len(self._c2f.blocks) else [block.path_unit, block.skip_unit]

    def __call__(self, rgb: Tensor, coarse_depth: Tensor, features: list[Tensor], box: Box) -> Tensor:
        """Residual of one tile.

        Args:
            rgb: (1, 3, H, W) in [0, 1], at the process size.
            coarse_depth: (1, 1, H, W), roi of the coarse depth, metres.
            features: the frame's six coarse maps, each of the size of its level.
            box: the tile.

        Returns:
            (1, 1, H, W), metres.
        """
        size = rgb.shape[-2:]
        levels = [level.to(self._dtype) for level in self._encode(rgb, coarse_depth)]
        sizes = [size, *(level.shape[-2:] for level in levels)]
        halves = [compute(feature, box) for compute, feature in zip(self._halves, features)]
        fine, auxiliary = self._coarse_to_fine(levels, sizes, [h[1:] for h in halves])
        depths = torch.cat((coarse_depth, auxiliary.float()), dim=1)
        depths = [resize(depths, s).to(self._level_dtype(k)) for k, s in enumerate(sizes)]
        return self._fine_to_coarse(fine, [h[0] for h in halves], depths)

    def _encode(self, rgb: Tensor, coarse_depth: Tensor) -> list[Tensor]:
        with torch.autocast(rgb.device.type, enabled=False):
            return self._refiner.encoder(rgb.float(), coarse_depth.float())

    def _denoise(self, unit: GuidedDenoisingUnit, x: Tensor, half: Tensor | None) -> Tensor:
        r = self._convs[unit.residual](F.relu(x)).add_(x)
        if half is None:
            return r
        fused = self._convs[unit.fuse](r).add_(half)
        m = self._convs[unit.project](self._norms[unit.norm](fused).relu_())
        return r.mul_(m.sigmoid_()) if unit.gate == "sigmoid" else m

    def _coarse_to_fine(
        self, levels: list[Tensor], sizes: list[torch.Size], halves: list[list[Tensor]]
    ) -> tuple[list[Tensor], Tensor]:
        c2f, convs = self._c2f, self._convs
        skips = [convs[project](level) for project, level in zip(c2f.projections, levels)]
        path = skips[-1]
        outputs = [path]
        for k in range(len(skips), 0, -1):
            block, (half, *skip_half) = c2f.blocks[k - 1], halves[k] or [None]
            if k < len(skips):
                path = path + self._denoise(block.skip_unit, skips[k - 1], skip_half[0] if skip_half else None)
            path = convs[block.project](self._denoise(block.path_unit, path, half))
            path = resize(path, sizes[k - 1])
            outputs.insert(0, path)
        head = convs[c2f.head2](convs[c2f.head1](path)).relu_()
        block = c2f.head_block
        half = halves[0][0] if halves[0] else None
        outputs[0] = convs[block.project](self._denoise(block.path_unit, head, half))
        return outputs, convs[c2f.auxiliary](outputs[0])

    def _fine_to_coarse(self, fine: list[Tensor], halves: list[Tensor], depths: list[Tensor]) -> Tensor:
        running = self._inject(-1, fine[-1], halves[-1], depths[-1])
        for k in range(len(fine) - 2, -1, -1):
            injected = self._inject(k, fine[k], halves[k], depths[k])
            running = resize(running, fine[k].shape[-2:]).to(injected.dtype)
            running = self._decode(self._f2c.decoder[k], running, injected, depths[k])
        return self._convs[self._f2c.residual](running)

    def _inject(self, k: int, fine: Tensor, half: Tensor, depths: Tensor) -> Tensor:
        features: Injection = self._f2c.inject_features[k]
        step: Injection = self._f2c.inject_depths[k]
        mixed = F.gelu(self._norms[features.norm](self._convs[features.conv](fine).add_(half)))
        return F.gelu(self._norms[step.norm](self._convs[step.conv](torch.cat((mixed, depths), dim=1))))

    def _decode(self, step: DecoderStep, *maps: Tensor) -> Tensor:
        kept = F.gelu(self._convs[step.conv1](torch.cat(maps, dim=1)))
        return F.gelu(self._convs[step.conv2](kept))
