# SPDX-License-Identifier: Apache-2.0
"""What an engine has and does beside computing frames: its model, memory, precision and the scale of its depth."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from prv2_ros.engine.coarse_choice import MEASURED, require_depth_only
from prv2_ros.engine.device import PRECISIONS, running_on
from prv2_ros.engine.inputs import Focal, Picture, check_image, focal_scale
from prv2_ros.engine.measured import MeasuredDepth
from prv2_ros.engine.warm_up import warm_up
from prv2_ros.engine.weights import FromHeader
from prv2_ros.errors import ImageError
from prv2_ros.tiling import PatchRefiner

_log = logging.getLogger(__name__)


class EngineParts(FromHeader):
    """Base of `DepthEngine`, which sets the attributes.

    Attributes:
        weights_name: name of the weights.
        coarse_name: where coarse depth comes from.
        device, precision: where and how the network runs.
    """

    _model: PatchRefiner
    weights_name: str
    coarse_name: str
    device: torch.device
    precision: str

    @property
    def model(self) -> PatchRefiner:
        """The network as this engine runs it."""
        return self._model

    @property
    def tile_batch(self) -> int:
        """Tiles a refiner call at the last frame; fewer while the device's memory does not suffice for such frames."""
        return self._model.tile_batch

    @property
    def needs_depth(self) -> bool:
        """Whether each image has to come with measured depth."""
        return self.coarse_name == MEASURED

    def _measured(self, depth_m: Picture | None) -> MeasuredDepth | None:
        """Measured depth of a frame, checked; None where none is given and none is needed."""
        if depth_m is None:
            if self.needs_depth:
                raise ImageError(f"the engine was loaded with coarse '{MEASURED}': give measured depth with each image")
            return None
        require_depth_only(self._model.refiner, self._header, self.weights_name)
        with running_on(self.device):
            return MeasuredDepth(depth_m, self.device)

    @contextmanager
    def _coarse_by(
        self, measured: MeasuredDepth | None, frame: Tensor | None = None, size: tuple[int, int] = (0, 0)
    ) -> Iterator[list[Tensor]]:
        """For one frame let measured depth, where given, take the coarse branch's place; see `MeasuredDepth.coarse`.

        Gives a list that receives the expected error of log depth, where what computes the coarse depth tells it.
        """
        own = self._model.run_coarse
        run = own if measured is None else measured.coarse(own, frame=frame, size=size)
        told: list[Tensor] = []

        def listening(rgb: Tensor) -> tuple[Tensor, list[Tensor]]:
            depth, features, *errors = run(rgb)
            told[:] = errors
            return depth, features

        with self._model.coarse_by(listening):
            yield told

    def warm_up(self, height: int, width: int) -> float:
        """Compute grey frames, so that the first real one is not slow; call it in the thread that will compute.

        Where CUDA is, batches of tiles of every size that a frame can need are computed too, for kernels are chosen
        and graphs captured for each of them.

        Returns:
            milliseconds of a frame of that size.
        """
        return warm_up(self, height, width)

    def close(self) -> None:
        """Free the device's memory, as far as the device still answers; the engine cannot be used afterwards."""
        try:
            with running_on(self.device):
                del self._model
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
        except RuntimeError as error:
            _log.warning("memory of %s could not be freed: %s", self.device, str(error).splitlines()[0])

    def autocast(self) -> torch.autocast:
        """The context in which the network runs at this engine's precision."""
        return torch.autocast(self.device.type, PRECISIONS[self.precision], enabled=self.precision != "fp32")

    def focal_scale(self, rgb: Picture, focal_px: Focal) -> float:
        """What the network's depth of this image is multiplied by; errors as calling."""
        check_image(rgb)
        canonical = self.canonical_focal_px
        return focal_scale(rgb.shape[:2], focal_px, process_size=self.process_size, canonical_focal_px=canonical)
