# SPDX-License-Identifier: Apache-2.0
"""Any metric depth model of `transformers` as a source of coarse depth: depth in metres, and no feature."""

import inspect
import math
from typing import Any

import torch
from torch import Tensor, nn

from prv2_ros.model.layers import resize

# What these answer is no distance; the reasons are shown as they stand.
NOT_METRIC = {
    "dpt": "it predicts relative inverse depth, without a scale",
    "chmv2": "it predicts the height of trees seen from above, not a distance",
    "prompt_depth_anything": "without a depth map as its prompt it predicts relative depth; a depth camera goes to the "
    "refiner directly (coarse 'topic', --coarse-depth)",
}


class TransformersDepth(nn.Module):
    """A depth network and its image processor; sees the whole frame at the processor's own size.

    Args:
        network: of a class of `AutoModelForDepthEstimation`.
        processor: its image processor.
        name: where it comes from, for people.

    Attributes:
        channels: empty: the refiner beside it reads coarse depth alone.
        whole_frame: true: it is given the frame at full size, not stretched to the process size.

    Raises:
        ValueError: the network predicts no metric depth.
    """

    channels: tuple[int, ...] = ()
    whole_frame = True

    def __init__(self, network: nn.Module, processor: Any, *, name: str = ""):
        super().__init__()
        refuse_relative(network.config, name)
        self.network = network.eval()
        self.name = name
        self._processor = processor
        post = getattr(processor, "post_process_depth_estimation", None)
        self._post_takes = set(inspect.signature(post).parameters) if post else set()

    @classmethod
    def from_pretrained(cls, source: str) -> "TransformersDepth":
        """Load from a local folder or a hub name; safetensors only, since a pickle can run code.

        Raises:
            ValueError: transformers is missing, or the source is not found or no metric depth model.
        """
        try:
            from transformers import AutoConfig, AutoImageProcessor, AutoModelForDepthEstimation
        except ImportError as error:
            raise ValueError(f"coarse '{source}' needs the package transformers: pip install transformers") from error
        try:
            # Before the weights are fetched: a model of the wrong kind costs no download.
            refuse_relative(AutoConfig.from_pretrained(source), source)
            processor = AutoImageProcessor.from_pretrained(source)
            network = AutoModelForDepthEstimation.from_pretrained(source, use_safetensors=True)
        except _Refused:
            raise
        except (ImportError, OSError, ValueError, KeyError) as error:
            text = " ".join(str(error).split())[:300].rstrip(".")
            raise ValueError(
                f"coarse '{source}' cannot be loaded as a depth model of transformers: {text}; give a folder with "
                "config.json, preprocessor_config.json and model.safetensors, or a hub name"
            ) from error
        return cls(network, processor, name=source)

    def forward(self, frame: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Depth of a frame.

        Args:
            frame: (1, 3, H, W) in [0, 1], any size.

        Returns:
            depth (1, 1, h, w) float32 metres of the same view, about as many pixels as the network gives; no feature.
        """
        size = tuple(frame.shape[-2:])
        # This pass sets the frame's scale: 16 bits alone would cost 0.5 %.
        with torch.autocast(frame.device.type, enabled=False):
            pixels = self._processor(images=list(frame.float()), do_rescale=False, return_tensors="pt")["pixel_values"]
            outputs = self.network(pixel_values=pixels.to(frame.device))
            raw = outputs.predicted_depth
            target = _same_aspect(size, raw.shape[-2] * raw.shape[-1])
            depth = self._in_metres(outputs, size, target)
        return depth.float().reshape(1, 1, *depth.shape[-2:]).clamp(min=0), []

    def _in_metres(self, outputs: Any, size: tuple[int, int], target: tuple[int, int]) -> Tensor:
        """What the processor makes of the outputs: padding removed, a predicted field of view applied."""
        if not self._post_takes:
            return resize(outputs.predicted_depth[:, None], target)
        known = {"source_sizes": [size], "target_sizes": [target]}
        chosen = {name: value for name, value in known.items() if name in self._post_takes}
        return self._processor.post_process_depth_estimation(outputs, **chosen)[0]["predicted_depth"]


class _Refused(ValueError):
    """A model that was found and is of the wrong kind."""


def refuse_relative(config: Any, name: str) -> None:
    """Refuse models whose answer is not in metres.

    Raises:
        ValueError: it is one of them; the text says why.
    """
    kind = getattr(config, "model_type", "")
    why = NOT_METRIC.get(kind, "")
    if not why and getattr(config, "depth_estimation_type", "metric") != "metric":
        why = f"it predicts {config.depth_estimation_type} depth; take one of its metric checkpoints"
    if why:
        raise _Refused(f"coarse '{name}' ({kind}) cannot be used: {why}")


def _same_aspect(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """(h, w) of the aspect of `size` with about that many pixels, never larger than `size`."""
    share = min(1.0, math.sqrt(pixels / (size[0] * size[1])))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))
