# SPDX-License-Identifier: Apache-2.0
"""The rows of both tables as data, the order that the paper found, and what is measured of a row."""

from dataclasses import dataclass, replace

from prv2_ros.model.coarse.small import SmallCoarse
from prv2_ros.model.variants import HALF, VARIANTS, Variant

# EfficientNet-Lite0, since its ImageNet weights can be had as a package; the widths are those of the paper divided so
# that a run takes minutes on two cores.
TINY = Variant(
    "tf_efficientnet_lite0",
    mean=HALF,
    std=HALF,
    c2f_width=16,
    widths=(8, 12, 12, 16, 24, 32),
    decoder_widths=(8, 12, 16, 16, 24),
    coarse_channels=SmallCoarse.channels,
)
ABLATION_VARIANTS = {
    "ablation": TINY,
    "ablation-f2c-only": replace(TINY, c2f_width=None),
    # about as many parameters as C2F brings, put into F2C instead
    "ablation-f2c-wide": replace(
        TINY, c2f_width=None, widths=(10, 15, 16, 20, 30, 42), decoder_widths=(10, 15, 20, 20, 30)
    ),
    "ablation-no-gdu": replace(TINY, gate="none"),
    "ablation-f2c-gdu": replace(TINY, gate="fusion"),
}


def register_variants() -> None:
    """Let recipes, weights files and the engine of this process know the small variants by name."""
    VARIANTS.update(ABLATION_VARIANTS)


@dataclass(frozen=True)
class Row:
    """One configuration of the architecture table.

    Attributes:
        key: name of its folder and in the results.
        title: what the table says.
        variant: of the refiner; None for the coarse branch alone.
        start: where the refiner begins: "imagenet" (encoder), "scratch", "noisy" (all of the noisy pre-training),
            "noisy-encoder" (its encoder alone), "noisy-scratch" (pre-training that itself began from scratch).
        end_to_end: the coarse branch is trained with it.
        paper_rmse: PRV2M on UnrealStereo4K.
    """

    key: str
    title: str
    variant: str | None
    start: str
    end_to_end: bool
    paper_rmse: float

    @property
    def pre_training_start(self) -> str | None:
        """Where the row's noisy pre-training starts: "imagenet" or "scratch"."""
        if not self.start.startswith("noisy"):
            return None
        return "scratch" if self.start == "noisy-scratch" else "imagenet"

    @property
    def pre_training(self) -> str | None:
        """Name of the row's noisy pre-training; rows with the same name share one."""
        return self.pre_training_start and f"noisy-{self.pre_training_start}-{self.variant}"


ARCHITECTURE = (
    Row("coarse", "coarse branch alone", None, "", False, 1.289),
    Row("f2c", "F2C only", "ablation-f2c-only", "imagenet", False, 1.201),
    Row("f2c-wide", "F2C only, expanded", "ablation-f2c-wide", "imagenet", False, 1.214),
    Row("end-to-end", "F2C only + end to end", "ablation-f2c-only", "imagenet", True, 1.184),
    Row("c2f", "+ C2F with gates", "ablation", "imagenet", True, 1.041),
    Row("np", "+ noisy pre-training", "ablation", "noisy", True, 1.003),
    Row("no-gdu", "C2F without gates", "ablation-no-gdu", "imagenet", True, 1.137),
    Row("f2c-gdu", "gates replaced by F2C-style fusion", "ablation-f2c-gdu", "imagenet", True, 1.202),
    Row("np-encoder", "noisy pre-training, encoder only", "ablation", "noisy-encoder", True, 1.029),
    Row("no-imagenet", "noisy pre-training without ImageNet", "ablation", "noisy-scratch", True, 1.059),
)

# (worse, better) in RMSE, as the paper has them
EXPECTED_ORDER = (
    ("coarse", "f2c"),
    ("f2c-wide", "f2c"),
    ("f2c", "end-to-end"),
    ("end-to-end", "c2f"),
    ("c2f", "np"),
    ("no-gdu", "c2f"),
    ("f2c-gdu", "c2f"),
    ("np-encoder", "np"),
    ("no-imagenet", "np"),
)


@dataclass(frozen=True)
class TransferRow:
    """One configuration of the real-domain table: the transfer recipe's losses, or None for the teacher as it is."""

    key: str
    title: str
    losses: dict[str, float] | None


def _window(px: int) -> TransferRow:
    return TransferRow(f"window-{px}", f"local SSIGM, window {px} px", {"detail": 0.8, "window_px": px, "windows": 100})


TRANSFER = (
    TransferRow("teacher", "no transfer (the synthetic teacher)", None),
    TransferRow("silog", "SILog alone", {"detail": 0.0, "windows": 0}),
    TransferRow("none", "without SSIGM (SILog and ranking)", {"detail": 0.8, "windows": 0}),
    *(_window(px) for px in (7, 15, 23, 31)),
    TransferRow("global", "global SSIGM (one window)", {"detail": 0.8, "window_px": 0, "windows": 1}),
)
BEST_WINDOW = "window-23"
