# SPDX-License-Identifier: Apache-2.0
"""How many tiles are computed at once, and what happens when the device's memory does not suffice for them."""

import logging
from collections import OrderedDict

import torch

from prv2_ros.engine.faults import is_device_lost, is_out_of_memory
from prv2_ros.errors import DeviceLostError, Prv2Error
from prv2_ros.tiling import PatchRefiner

_SIZES = 64
# Frames of one size after which more tiles at once are tried again: what filled the memory may be gone.
PATIENCE = 1000
_STAGES = {"tiles": "one tile", "coarse": "the coarse branch"}

_log = logging.getLogger(__name__)


class TileBatches:
    """The number of tiles at once for each size of frame: halved when memory is short, raised again later.

    Args:
        most: tiles at once where memory suffices.
    """

    def __init__(self, most: int):
        self.most = most
        self._halved: OrderedDict[tuple[int, int], list[int]] = OrderedDict()

    def of(self, size: tuple[int, int]) -> int:
        """Tiles at once for frames of (height, width)."""
        return self._halved[size][0] if size in self._halved else self.most

    def halve(self, size: tuple[int, int]) -> bool:
        """Take half as many from now on; False, and the most again, where it was one already."""
        batch = self.of(size)
        if batch == 1:
            self._halved.pop(size, None)
            return False
        self._halved[size] = [batch // 2, 0]
        self._halved.move_to_end(size)
        if len(self._halved) > _SIZES:
            self._halved.popitem(last=False)
        return True

    def succeeded(self, size: tuple[int, int]) -> None:
        """A frame of (height, width) was computed."""
        if size not in self._halved:
            return
        entry = self._halved[size]
        entry[1] += 1
        if entry[1] >= PATIENCE:
            self._halved[size] = [entry[0] * 2, 0]
            if entry[0] * 2 >= self.most:
                del self._halved[size]


def recover(
    error: RuntimeError, batches: TileBatches, size: tuple[int, int], *, device: torch.device, stage: str
) -> None:
    """Return where the frame may succeed with fewer tiles at once, which `batches` then says; raise otherwise.

    Args:
        error: that ended a frame.
        batches: of the engine.
        size: (height, width) of the frame.
        device: where it was computed.
        stage: of `StageTimer` in which it ended.

    Raises:
        DeviceLostError: the device can no longer be used by this process.
        Prv2Error: its memory does not suffice for a single tile, or for what does not depend on the number of tiles.
        RuntimeError: the error itself, where it is another.
    """
    if is_device_lost(error):
        reason = str(error).strip().splitlines()[0]
        text = f"{device} can no longer be used by this process: {reason}; restart the process"
        raise DeviceLostError(text) from error
    if not is_out_of_memory(error):
        raise error
    if stage == "tiles" and batches.halve(size):
        text = "%s is out of memory; continuing with %d tiles at once for frames of %dx%d"
        _log.warning(text, device, batches.of(size), size[1], size[0])
        return
    raise Prv2Error(
        f"{device} has not enough memory for {_STAGES.get(stage, 'picture and depth')} of a {size[1]}x{size[0]} frame; "
        "use a smaller variant, frame or precision"
    ) from error


def free_kept_memory(model: PatchRefiner, device: torch.device) -> None:
    """Free captured graphs and what torch keeps for reuse."""
    for run in (model.run_coarse, model.run_tiles):
        if hasattr(run, "clear"):
            run.clear()
    if device.type == "cuda":
        torch.cuda.empty_cache()
