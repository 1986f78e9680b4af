# SPDX-License-Identifier: Apache-2.0
"""The engine: weights, device, precision and timing around the network; images in, metric depth out."""

import logging
import traceback
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from prv2_ros.engine.budget import TileBudget
from prv2_ros.engine.coarse_choice import choose_coarse
from prv2_ros.engine.device import resolve_device, resolve_precision, running_on
from prv2_ros.engine.edges import finish
from prv2_ros.engine.faults import is_out_of_memory
from prv2_ros.engine.inputs import Focal, Picture, to_frame
from prv2_ros.engine.measured import MeasuredDepth
from prv2_ros.engine.memory import TileBatches, free_kept_memory, recover
from prv2_ros.engine.networks import create_networks
from prv2_ros.engine.parts import EngineParts
from prv2_ros.engine.preparation import prepare
from prv2_ros.engine.result import DepthResult
from prv2_ros.engine.runtimes.cache import digest_of_file
from prv2_ros.engine.timing import FrameTiming, StageTimer
from prv2_ros.engine.transfer import to_host
from prv2_ros.engine.weights import WeightsHeader, resolve_weights
from prv2_ros.tiling import PatchRefiner, choose_grid, count_tiles, parse_mode

DEFAULT_TILE_BATCH = {"cpu": 1, "cuda": 16}  # on a CPU more than one only costs cache

_log = logging.getLogger(__name__)


class DepthEngine(EngineParts):
    """Metric depth of images with one network on one device.

    Build it with `load`. One engine serves one thread at a time.

    Attributes:
        sharpen_edges: see `load`; may be changed between two frames.
        batches: how many tiles a refiner call for each size of frame.
        runtime: what computes: "torch", "openvino" or "onnxruntime".
        coarse_name: where coarse depth comes from: the kind of the weights' own branch, the name of another network, or
            "topic".
    """

    def __init__(
        self,
        model: PatchRefiner,
        header: WeightsHeader,
        *,
        weights_name: str,
        device: torch.device,
        precision: str,
        grid: tuple[int, int] | None = None,
        mode: str = "p16",
        latency_budget_ms: float | None = None,
        max_tiles: int | None = None,
        sharpen_edges: bool = True,
        acceleration: str = "auto",
        runtime: str = "torch",
        digest: str | None = None,
        coarse_name: str = "",
    ):
        parse_mode(mode)
        with running_on(device):
            self.runtime = prepare(
                model, device=device, precision=precision, acceleration=acceleration, runtime=runtime, digest=digest
            )
        self._model = model
        self.batches = TileBatches(model.tile_batch)
        super().__init__(header)
        self.weights_name = weights_name
        self.coarse_name = coarse_name or header.coarse
        self.device = device
        self.precision = precision
        self.grid = grid
        self.mode = mode
        self.sharpen_edges = sharpen_edges
        self.budget = TileBudget(latency_ms=latency_budget_ms, max_tiles=max_tiles, far_m=header.max_depth_m)

    @classmethod
    def load(
        cls,
        weights: str | Path = "prv2s",
        device: str = "auto",
        precision: str = "auto",
        *,
        grid: tuple[int, int] | None = None,
        mode: str = "p16",
        tile_batch: int | None = None,
        coarse: str | None = None,
        coarse_source: str | None = None,
        latency_budget_ms: float | None = None,
        max_tiles: int | None = None,
        sharpen_edges: bool = True,
        acceleration: str = "auto",
        runtime: str = "auto",
    ) -> "DepthEngine":
        """Load weights onto a device.

        Args:
            weights: path of a `.safetensors` file, or the name of a packaged one.
            device: "auto", "cpu", "cuda" or "cuda:<index>".
            precision: "auto", "fp32", "bf16" or "fp16".
            grid: (rows, columns) of tiles; None chooses it so that a raw tile is about 540x960 pixels.
            mode: "p16", "p49" or "r<n>".
            tile_batch: tiles a refiner call; None is 1 on a CPU and 16 on CUDA.
            coarse: where coarse depth comes from. None: the weights' own branch. A folder or hub name of a metric depth
                model of transformers. "topic": measured depth that comes with each image, as `coarse_depth_m`. The last
                two give metres whatever the camera, and need weights whose refiner reads depth alone.
            coarse_source: overrides the folder or hub name of the coarse branch in the header.
            latency_budget_ms: refine only as many tiles as fit into this time, one at least; None is all.
            max_tiles: refine at most this many tiles a frame; None is all.
            sharpen_edges: make steps of the network's soft edges and mend the seams of tiles, see `edges.finish`; False
                gives the network's own depth.
            acceleration: of torch on CUDA: "auto", "none", "compile", "graphs" or "compile-graphs".
            runtime: "torch", "openvino", "openvino:gpu", "onnxruntime" or "auto": OpenVINO on a CPU where it is
                installed, torch elsewhere. What a runtime builds is kept in the user's cache.

        Raises:
            WeightsError: the file is missing, unsafe, damaged or of another network.
            Prv2Error: the runtime is not installed or cannot run the weights, or `coarse` is no metric depth model.
            ValueError: an argument is none of the above.
        """
        resolved = resolve_device(device)
        header, refiner, own = create_networks(weights, coarse_source=coarse_source)
        path = resolve_weights(weights)
        header, branch = choose_coarse(coarse, header, refiner, own, weights=path.stem)
        tile_batch = tile_batch or DEFAULT_TILE_BATCH.get(resolved.type, 4)
        return cls(
            PatchRefiner(branch, refiner, header.process_size, tile_batch=tile_batch),
            header,
            weights_name=path.stem,
            device=resolved,
            precision=resolve_precision(precision, resolved),
            grid=grid,
            mode=mode,
            latency_budget_ms=latency_budget_ms,
            max_tiles=max_tiles,
            sharpen_edges=sharpen_edges,
            acceleration=acceleration,
            runtime=runtime,
            # A coarse branch that lives elsewhere may change under the same weights file.
            digest=None if header.coarse_source or coarse_source else digest_of_file(path),
            coarse_name=coarse or "",
        )

    def __call__(
        self, rgb: Picture, focal_px: Focal = None, *, stream: str = "", coarse_depth_m: Picture | None = None
    ) -> tuple[np.ndarray, FrameTiming]:
        """Depth of one image, on the host.

        Args:
            rgb: (H, W, 3) uint8, an array or a tensor on any device.
            focal_px: focal length in pixels of this image, one or (fx, fy); None: the canonical camera's, a guess.
            stream: which camera the image is of; matters only where a budget makes the engine choose tiles.
            coarse_depth_m: (h, w) float metres that a sensor measured, of the same view at any resolution, in place of
                the coarse branch; NaN, 0 and +-Inf are holes. Where it is smooth the result stays within 1 % of it.

        Returns:
            depth (H, W) float32 in metres along the optical axis, and its timing.

        Raises:
            ImageError: another type or shape, under 32 pixels a side, a focal length not positive and finite, measured
                depth without anything known, or none where the engine was loaded for it.
            WeightsError: measured depth for a refiner that reads more than depth.
            DeviceLostError: the device can no longer be used by this process.
            Prv2Error: the device's memory does not suffice for a single tile.
        """
        result = self.infer(rgb, focal_px, stream=stream, coarse_depth_m=coarse_depth_m)
        with running_on(self.device):
            timer = StageTimer(self.device)
            with timer.stage("download"):
                depth = to_host(result.depth)
            timing, download = result.timing, timer.finish(0)
        timing.download_ms = download.download_ms
        timing.total_ms += download.total_ms
        return depth, timing

    @torch.inference_mode()
    def infer(
        self, rgb: Picture, focal_px: Focal = None, *, stream: str = "", coarse_depth_m: Picture | None = None
    ) -> DepthResult:
        """As calling the engine, but the depth stays on the device."""
        scale = self.focal_scale(rgb, focal_px)
        measured = self._measured(coarse_depth_m)
        scale = scale if measured is None else 1.0
        grid = self.grid or choose_grid(*rgb.shape[:2])
        size = tuple(rgb.shape[:2])
        while True:
            timer = StageTimer(self.device)
            self._model.tile_batch = self.batches.of(size)
            try:
                with running_on(self.device):
                    result = self._infer(rgb, scale, grid, stream, timer, measured)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    traceback.clear_frames(error.__traceback__)  # they hold what the frame had allocated
                    free_kept_memory(self._model, self.device)
                recover(error, self.batches, size, device=self.device, stage=timer.interrupted)
                continue
            self.batches.succeeded(size)
            return result

    def _infer(
        self,
        rgb: Picture,
        scale: float,
        grid: tuple[int, int],
        stream: str,
        timer: StageTimer,
        measured: MeasuredDepth | None,
    ) -> DepthResult:
        with timer.stage("upload"):
            frame = to_frame(rgb, self.device)
        sharpen = self.sharpen_edges
        process = self._model.process_size
        canvas = (grid[0] * process[0], grid[1] * process[1])
        with self.autocast(), self._coarse_by(measured, frame if sharpen else None, canvas) as told:
            assemble = "process" if sharpen else "input"
            how = {"grid": grid, "stream": stream, "stage": timer.stage, "assemble": assemble}
            depth, tiles = self.budget(self._model, frame, self.mode, **how)
        with timer.stage("assemble"):
            if sharpen:
                blended = tiles > grid[0] * grid[1]
                # A network blurs an edge over several of its own pixels, and the light branch computes depth at half of
                # the process size. A sensor's edges are in place, and upsampling kept them.
                coarsest = None if measured else (process[0] // 2, process[1] // 2)
                depth = finish(depth, frame, (1, 1) if blended else grid, coarsest)
            depth = depth[0, 0] * scale if measured is None else measured.hold(depth[0, 0])
        timing = timer.finish(tiles, of=count_tiles(self.mode, grid))
        self.budget.learn(rgb.shape[:2], timing)
        return DepthResult(depth, timing, told[0][0, 0] if told else None)

    @torch.inference_mode()
    def coarse(self, rgb: Picture, focal_px: Focal = None, *, coarse_depth_m: Picture | None = None) -> np.ndarray:
        """Coarse depth alone, measured depth without its holes, resized to the image: (H, W) float32 metres.

        Arguments and errors as calling.
        """
        measured = self._measured(coarse_depth_m)
        scale = self.focal_scale(rgb, focal_px) if measured is None else 1.0
        with running_on(self.device):
            with self.autocast(), self._coarse_by(measured):
                maps = self._model.coarse_maps(to_frame(rgb, self.device), (1, 1))
            depth = F.interpolate(maps.depth, size=rgb.shape[:2], mode="bilinear", align_corners=False)
            return to_host(depth[0, 0] * scale)
