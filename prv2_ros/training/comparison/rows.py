# SPDX-License-Identifier: Apache-2.0
"""What is compared, as data, with the figures that the papers give."""

from dataclasses import dataclass, field
from typing import Any

from prv2_ros.model.coarse.small import SmallCoarse
from prv2_ros.model.variants import HALF, Variant

TABLE = "comparison"
# PatchRefiner V2 so narrow that a run takes minutes on two cores; the ImageNet weights of its encoder are a package.
OURS = "prv2-tiny"
TINY = Variant(
    "tf_efficientnet_lite0",
    mean=HALF,
    std=HALF,
    c2f_width=16,
    widths=(8, 12, 12, 16, 24, 32),
    decoder_widths=(8, 12, 16, 16, 24),
    coarse_channels=SmallCoarse.channels,
)
OVERLAP = 224 / 518  # PRO's


@dataclass(frozen=True)
class Row:
    """One system of the quality table.

    Attributes:
        key: name of its folder and in the results.
        title: what the table says.
        variant: of the refiner; None for the coarse branch.
        options: keys of the recipe that differ.
        mode: of tiling.
        guided: the coarse depth goes through a guided filter.
        trained_as: key of the row whose weights it uses; its own by default.
        paper: δ1 [%], REL, RMSE [m] and SEE [m] on UnrealStereo4K in P16, or None where the paper has no such row.
    """

    key: str
    title: str
    variant: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    mode: str = "p16"
    guided: bool = False
    trained_as: str | None = None
    paper: tuple[float, float, float, float] | None = None


SYSTEMS = (
    Row("coarse", "coarse, upsampled", paper=(97.717, 0.046, 1.289, 0.914)),
    Row("guided", "coarse, guided filter (OpenCV)", guided=True),
    Row("patchfusion", "PatchFusion, P16", "patchfusion", paper=(98.369, 0.039, 1.064, 0.855)),
    Row("prv1", "PatchRefiner V1, P16", "prv1", paper=(98.680, 0.034, 0.941, 0.771)),
    Row("pro", "PRO's network, P16", "pro"),
    Row("ours", "ours, P16", OURS, paper=(98.610, 0.034, 1.003, 0.832)),
    Row("ours-p49", "ours, P49", OURS, mode="p49", trained_as="ours"),
)
# PRO weighs consistency by 4 in a unit of about 2.5 of log depth's, beside losses of a tenth of SILog's: 4 * 2.5 * 10.
GROUPED = {"group_overlap": OVERLAP, "losses": {"consistency": 100.0}}
OPTIONS = (
    Row("ours-mask", "ours, bias-free mask", OURS, options={"bias_free": True}),
    Row("ours-grouped", "ours, grouped patches", OURS, options=GROUPED),
    Row("ours-both", "ours, both (PRO's training)", OURS, options={**GROUPED, "bias_free": True}),
)
ROWS = SYSTEMS + OPTIONS
BASE = "ours"  # what the options are compared with

# (worse, better) in RMSE, as the papers have them
EXPECTED_ORDER = (("coarse", "patchfusion"), ("patchfusion", "prv1"), ("patchfusion", "ours"), ("ours", "prv1"))
CONSISTENCY_GAIN = 0.15
RMSE_LIMIT = 1.02
