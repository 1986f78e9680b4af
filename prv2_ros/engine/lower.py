# SPDX-License-Identifier: Apache-2.0
"""A refiner in 16-bit arithmetic: cast once, channels in multiples that tensor cores take, depth read exactly.

Under autocast alone each convolution casts its weights and its input again, LayerNorm and all that is concatenated
with its result is float32, and depth in metres is rounded to three digits before the network reads it. What is made
here runs under autocast too, which finds nothing left to cast.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from prv2_ros.model.c2f import FusionBlock
from prv2_ros.model.f2c import DecoderStep, Injection
from prv2_ros.model.gdu import GuidedDenoisingUnit
from prv2_ros.model.layers import ChannelNorm, resize
from prv2_ros.model.log_refiner import CoarseDepthPyramid

ALIGN = 8  # channels of 16 bits that a tensor core's load takes at once


def lower(refiner: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of a refiner for one 16-bit type (or float32, which changes the order of the arithmetic alone).

    Args:
        refiner: with its weights, in float32.
        dtype: of weights and maps; depth is given in float32 all the same, and comes out so where the refiner adds it.

    Returns:
        a module of the same interface; layers that it does not know are left to autocast.
    """
    lowered = copy.deepcopy(refiner).eval()
    readers = _depth_readers(lowered)
    _fold_batch_norms(lowered)
    for block in [module for module in lowered.modules() if isinstance(module, FusionBlock)]:
        block.__class__ = _LowFusionBlock
    for name, module in list(lowered.named_modules()):
        if isinstance(module, Injection):
            _set(lowered, name, _LowInjection(module, dtype, exact=2 if module in readers else 0))
        elif isinstance(module, DecoderStep):
            _set(lowered, name, _LowDecoderStep(module, dtype, exact=2 if module in readers else 0))
        elif module in readers:
            _set(lowered, name, _ExactInput(module, dtype))
    for name, module in list(lowered.named_modules()):
        if type(module) is ChannelNorm:
            _set(lowered, name, _LowNorm(module))
    for module in lowered.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            module.to(dtype)
    return lowered


def _depth_readers(refiner: nn.Module) -> set[nn.Module]:
    """Steps of F2C whose last two channels are depths, and convolutions whose whole input is picture and depth."""
    readers = [getattr(refiner, "encoder", None), getattr(refiner, "f2c", None), getattr(refiner, "c2f", None)]
    encoder, f2c, c2f = readers
    found = [] if f2c is None else [*f2c.inject_depths, *f2c.decoder]
    found.append(encoder.stem if encoder is not None else None)
    found.append(getattr(c2f, "head_full", None))
    if hasattr(refiner, "pyramid"):
        found.append(refiner.pyramid.convs[0])
    return {module for module in found if module is not None}


def _fold_batch_norms(refiner: nn.Module) -> None:
    """Into the convolutions before them, wherever our own modules have them; a backbone keeps its own."""
    for module in refiner.modules():
        if isinstance(module, GuidedDenoisingUnit) and module.gate != "none":
            module.norm = _fold(module.fuse, module.norm)
        elif isinstance(module, Injection):
            module.norm = _fold(module.conv, module.norm)
        elif isinstance(module, DecoderStep):
            module.norm1, module.norm2 = _fold(module.conv1, module.norm1), _fold(module.conv2, module.norm2)
        elif isinstance(module, CoarseDepthPyramid):
            module.norms = nn.ModuleList(_fold(conv, norm) for conv, norm in zip(module.convs, module.norms))


def _fold(conv: nn.Conv2d, norm: nn.Module) -> nn.Module:
    """What is left of the norm: nothing where it was one of batches."""
    if not isinstance(norm, nn.BatchNorm2d):
        return norm
    folded = fuse_conv_bn_eval(conv, norm)
    conv.weight, conv.bias = folded.weight, folded.bias
    return nn.Identity()


def _set(root: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(root.get_submodule(parent), last, module)


def _exact_parts(values: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Two tensors of a 16-bit type whose sum is the float32 value to sixteen bits."""
    high = values.to(dtype)
    return [high, (values - high).to(dtype)]


class _LowFusionBlock(FusionBlock):
    """As `FusionBlock`; a 1x1 convolution and enlarging commute, and before it there are a quarter of the pixels."""

    def forward(self, path: Tensor, skip: Tensor | None, coarse: Tensor, size: tuple[int, int]) -> Tensor:
        if skip is not None:
            path = path + self.skip_unit(skip, coarse)
        return resize(self.project(self.path_unit(path, coarse)), size)


class _ExactInput(nn.Module):
    """A convolution that reads float32 through 16-bit products: the rest of the rounding goes in beside it."""

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype):
        super().__init__()
        self.conv = copy.deepcopy(conv)
        self.conv.in_channels *= 2
        self.conv.weight = nn.Parameter(torch.cat((conv.weight, conv.weight), dim=1), requires_grad=False)
        self._dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(torch.cat(_exact_parts(x.float(), self._dtype), dim=1))


class _JoinedConv(nn.Module):
    """conv3(cat(maps)), input and output padded with zero channels to multiples of `ALIGN`.

    Args:
        conv: whose weights are taken.
        dtype: of the product.
        exact: how many of the last input channels are float32 to be read exactly.
        padded_input: the input has this many channels of zeros at its end already.
    """

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype, *, exact: int = 0, padded_input: int = 0):
        super().__init__()
        weight = conv.weight.detach()
        if exact:
            weight = torch.cat((weight, weight[:, -exact:]), dim=1)
        self.zeros = -weight.shape[1] % ALIGN if not padded_input else 0
        self.out_channels, self.padding = conv.out_channels, conv.padding
        self.out_padding = -conv.out_channels % ALIGN if conv.out_channels > 1 else 0
        channels = (0, padded_input or self.zeros)
        weight = F.pad(weight, (0, 0, 0, 0, *channels, 0, self.out_padding))
        bias = None if conv.bias is None else F.pad(conv.bias.detach(), (0, self.out_padding))
        self._exact, self._dtype = exact, dtype
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", None if bias is None else bias.to(dtype), persistent=False)

    def forward(self, *maps: Tensor) -> Tensor:
        """(B, out_channels + out_padding, H, W); the padding is zero."""
        *features, last = maps
        parts = [feature.to(self._dtype) for feature in features]
        parts += _exact_parts(last.float(), self._dtype) if self._exact else [last.to(self._dtype)]
        if self.zeros:
            batch, _, height, width = last.shape
            parts.append(last.new_zeros((batch, self.zeros, height, width), dtype=self._dtype))
        # One part of another layout would turn all of them.
        parts = [part.contiguous(memory_format=torch.channels_last) for part in parts]
        joined = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        return F.conv2d(joined, self.weight, self.bias, padding=self.padding)


class _LowNorm(ChannelNorm):
    """LayerNorm of 16-bit maps to 16-bit maps; its sums are float32 inside the kernel."""

    def __init__(self, norm: ChannelNorm):
        super().__init__(norm.normalized_shape[0], eps=norm.eps)
        self.load_state_dict(norm.state_dict())
        self.to(norm.weight.device)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            pixels = x.permute(0, 2, 3, 1)
            weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
            return F.layer_norm(pixels, self.normalized_shape, weight, bias, self.eps).permute(0, 3, 1, 2)


class _LowInjection(nn.Module):
    """As `Injection`."""

    def __init__(self, step: Injection, dtype: torch.dtype, *, exact: int):
        super().__init__()
        self.conv = _JoinedConv(step.conv, dtype, exact=exact)
        self.norm, self.activate = step.norm, step.activate

    def forward(self, *maps: Tensor) -> Tensor:
        return self.activate(self.norm(self.conv(*maps)[:, : self.conv.out_channels]))


class _LowDecoderStep(nn.Module):
    """As `DecoderStep`, whose norms are folded: GELU and ReLU leave the zero channels between the two zero."""

    def __init__(self, step: DecoderStep, dtype: torch.dtype, *, exact: int):
        super().__init__()
        self.conv1 = _JoinedConv(step.conv1, dtype, exact=exact)
        self.conv2 = _JoinedConv(step.conv2, dtype, padded_input=self.conv1.out_padding)
        self.activate = step.activate

    def forward(self, *maps: Tensor) -> Tensor:
        result = self.activate(self.conv2(self.activate(self.conv1(*maps))))
        return result[:, : self.conv2.out_channels] if self.conv2.out_padding else result
