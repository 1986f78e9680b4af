# SPDX-License-Identifier: Apache-2.0
"""Every variant of the refiner as data, and the builder that assembles it."""

from dataclasses import dataclass, replace

from torch import nn

from prv2_ros.model.baselines.builders import BASELINES, create_baseline
from prv2_ros.model.baselines.fine_refiner import FineRefiner
from prv2_ros.model.c2f import CoarseToFine
from prv2_ros.model.coarse.small import SmallCoarse
from prv2_ros.model.encoder import LightweightEncoder
from prv2_ros.model.f2c import FineToCoarse
from prv2_ros.model.log_refiner import CoarseDepthPyramid, LogDepthRefiner
from prv2_ros.model.refiner import Refiner

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
ZOEDEPTH_CHANNELS = (32, 256, 256, 256, 256, 256)


@dataclass(frozen=True)
class Variant:
    """Dimensions of a refiner (paper, table 1; spec of each field in the modules that take it).

    Attributes:
        timm_name: the encoder's timm architecture.
        mean, std: the encoder's own RGB normalisation.
        stride2_channels: width of the made stride-2 level, for stems of stride 4.
        c2f_width: F, or None for a refiner without C2F.
        gate: kind of gate in the denoising units.
        widths: six temp widths of F2C, fine to coarse.
        decoder_widths: five output widths of F2C's decoder, fine to coarse.
        coarse_channels: what the variant expects of its coarse branch unless told otherwise.
        pyramid: six widths of coarse features made from the coarse depth itself; such a refiner works on log depth
            (`LogDepthRefiner`) and reads nothing else of the coarse branch. None is the paper's.
    """

    timm_name: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    stride2_channels: int | None = None
    c2f_width: int | None = 256
    gate: str = "sigmoid"
    widths: tuple[int, ...] = (32, 64, 64, 128, 256, 512)
    decoder_widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    coarse_channels: tuple[int, ...] = ZOEDEPTH_CHANNELS
    pyramid: tuple[int, ...] | None = None


PRV2M = Variant("mobilenetv4_conv_small")
# Full resolution is where the time goes, so widths shrink most at the fine levels. They are chosen so that
# concatenations come to multiples of 16 channels, which CPU and GPU kernels compute fastest.
NARROW = replace(
    PRV2M,
    c2f_width=32,
    widths=(14, 14, 30, 30, 46, 64),
    decoder_widths=(16, 16, 32, 32, 48),
    coarse_channels=SmallCoarse.channels,
)
VARIANTS: dict[str, Variant] = {
    "prv2m": PRV2M,
    "prv2e": Variant("tf_efficientnet_b5", mean=HALF, std=HALF),
    "prv2c": Variant("convnext_large", stride2_channels=96),
    # Ours, and the shipped default: it works on log depth.
    "prv2s": replace(NARROW, coarse_channels=(), pyramid=(16, 16, 24, 32, 32, 32)),
    # PRV2M's modules at about a quarter of the width, for studies and tests.
    "prv2m-narrow": NARROW,
    "prv2m-f2c-only": replace(PRV2M, c2f_width=None),
    "prv2m-no-gdu": replace(PRV2M, gate="none"),
    "prv2m-f2c-gdu": replace(PRV2M, gate="fusion"),
}


def create_refiner(
    variant: str | Variant,
    *,
    coarse_channels: tuple[int, ...] | None = None,
    fine: nn.Module | None = None,
    feature_sizes: tuple[tuple[int, int], ...] | None = None,
) -> Refiner | LogDepthRefiner | FineRefiner:
    """Build a refiner with random weights.

    Args:
        variant: a name of `VARIANTS` or `BASELINES`, or dimensions of your own.
        coarse_channels: six widths of the coarse features, fine to coarse; the variant's own by default.
        fine: the depth network that a baseline runs on every tile; the variants of V2 have none.
        feature_sizes: see `create_baseline`.

    Returns:
        a refiner: `refiner.refine(rgb, coarse_depth, coarse_features)` gives the depth of tiles; PatchFusion and PRO
        need further arguments, see their `forward`.

    Raises:
        ValueError: the name is unknown, `coarse_channels` has not six entries, or the fine network is missing, unasked
            for or of other widths.
    """
    if isinstance(variant, str):
        if variant in BASELINES:
            return create_baseline(variant, fine=fine, coarse_channels=coarse_channels, feature_sizes=feature_sizes)
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant '{variant}': choose one of {', '.join((*VARIANTS, *BASELINES))}")
        variant = VARIANTS[variant]
    if fine is not None:
        raise ValueError(f"only {', '.join(BASELINES)} run a depth network on every tile: leave fine out")
    if variant.pyramid is not None:
        return _create_log_refiner(variant)
    coarse_channels = tuple(coarse_channels or variant.coarse_channels)
    if len(coarse_channels) != 6:
        raise ValueError(f"coarse_channels {coarse_channels} has {len(coarse_channels)} entries, expected 6")
    encoder = _create_encoder(variant)
    if variant.c2f_width is None:
        c2f = None
        fine_channels = (encoder.channels[0], *encoder.channels)
    else:
        c2f = CoarseToFine(
            encoder_channels=encoder.channels,
            coarse_channels=coarse_channels,
            width=variant.c2f_width,
            gate=variant.gate,
        )
        fine_channels = (coarse_channels[0], *[variant.c2f_width] * 5)
    f2c = FineToCoarse(
        fine_channels=fine_channels,
        coarse_channels=coarse_channels,
        widths=variant.widths,
        decoder_widths=variant.decoder_widths,
    )
    return Refiner(encoder=encoder, c2f=c2f, f2c=f2c, coarse_channels=coarse_channels)


def _create_encoder(variant: Variant) -> LightweightEncoder:
    return LightweightEncoder(
        variant.timm_name, mean=variant.mean, std=variant.std, stride2_channels=variant.stride2_channels
    )


def _create_log_refiner(variant: Variant) -> LogDepthRefiner:
    encoder = _create_encoder(variant)
    pyramid = CoarseDepthPyramid(variant.pyramid)
    c2f = CoarseToFine(
        encoder_channels=encoder.channels,
        coarse_channels=pyramid.channels,
        width=variant.c2f_width,
        gate=variant.gate,
        norm="batch",
        idle_units=False,
        full_channels=4,
    )
    f2c = FineToCoarse(
        fine_channels=(pyramid.channels[0], *[variant.c2f_width] * 5),
        coarse_channels=pyramid.channels,
        widths=variant.widths,
        decoder_widths=variant.decoder_widths,
        norm="batch",
        depth_scale=1.0,
    )
    return LogDepthRefiner(encoder=encoder, pyramid=pyramid, c2f=c2f, f2c=f2c)
