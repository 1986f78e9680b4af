# SPDX-License-Identifier: Apache-2.0
"""What a resident run does, as one flat YAML file."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prv2_ros.training.settings import read_settings


@dataclass
class ResidentPlan:
    """Settings of `prv2 train --resident`; every one may stand in the YAML file or behind `--set`.

    Attributes:
        coarse, refiner: names for `create_coarse` and `create_refiner`.
        init_coarse: where the coarse branch starts: "imagenet", "imagenet:FILE", a weights file, the name of packaged
            weights, a checkpoint of such a run (.pt), or null. With `coarse_seconds: 0` it stays as it is.
        init_refiner: the same for the refiner: a weights file, a name, a checkpoint or null.
        coarse_sets, refiner_sets: weight of each set by its name; "others" is the weight of each set not named.
        process_size, canonical_focal_px, max_depth_m, sky_depth_m: the canonical camera and its range.
        render_workers, render_seconds, render_size, render_views: scenes rendered during training; 0 workers is none.
        validation_scenes: number of scenes of the validation split, rendered first, two cameras each.
        held_back: one of this many rendered scenes is kept from the coarse branch, for the refiner to train beside.
        capacity_mpx: colour pixels that the store holds, in millions.
        coarse_seconds, refiner_seconds: time of each part; *_steps end it sooner.
        coarse_batch, refiner_batch, tile_size: batches.
        coarse_lr, encoder_lr_factor, refiner_lr, weight_decay, drop_path, colour, ema: optimiser and augmentation.
        coarse_losses: log_l1, log_robust, gradient, sky, relative, error.
        refiner_losses: log_l1, gradient, ssigm, real, auxiliary.
        beside_branch: share of tiles beside the coarse branch's own depth; the others beside exact depth made worse.
        validate_at: steps of the refiner after which tiles are measured.
        seed: of everything drawn.
    """

    coarse: str = "light"
    refiner: str = "prv2s"
    init_coarse: str | None = "imagenet"
    init_refiner: str | None = None
    coarse_sets: dict[str, float] = field(default_factory=lambda: {"others": 1.0})
    refiner_sets: dict[str, float] = field(default_factory=lambda: {"rendered": 1.0})
    process_size: tuple[int, int] = (384, 512)
    canonical_focal_px: float = 400.0
    max_depth_m: float = 120.0
    sky_depth_m: float = 100.0
    render_workers: int = 14
    render_seconds: float = 190.0
    render_size: tuple[int, int] = (1080, 1920)
    render_views: int = 4
    validation_scenes: int = 14
    held_back: int = 3
    capacity_mpx: float = 8000.0
    coarse_seconds: float = 200.0
    coarse_steps: int = 10**9
    refiner_seconds: float = 290.0
    refiner_steps: int = 10**9
    coarse_batch: int = 128
    refiner_batch: int = 96
    tile_size: tuple[int, int] = (256, 320)
    coarse_lr: float = 1.5e-3
    encoder_lr_factor: float = 0.5
    refiner_lr: float = 2.0e-3
    weight_decay: float = 0.02
    drop_path: float = 0.15
    colour: float = 1.0
    ema: float = 0.999
    coarse_losses: dict[str, float] = field(
        default_factory=lambda: {
            "log_l1": 0.7,
            "log_robust": 0.15,
            "gradient": 0.3,
            "sky": 0.2,
            "relative": 1.0,
            "error": 0.1,
        }
    )
    refiner_losses: dict[str, float] = field(
        default_factory=lambda: {"log_l1": 1.0, "gradient": 1.0, "ssigm": 1.0, "real": 0.3, "auxiliary": 0.2}
    )
    beside_branch: float = 0.5
    validate_at: tuple[int, ...] = (30, 100, 300, 1000, 3000, 10000)
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the weights' header."""
        return asdict(self)


def load_plan(path: Path | str, overrides: list[str] | None = None) -> ResidentPlan:
    """Read a plan: a YAML file, or the name of one in config/resident; see `read_settings`."""
    return ResidentPlan(**read_settings(ResidentPlan, path, overrides, "resident")[1])
