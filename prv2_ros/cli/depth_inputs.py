# SPDX-License-Identifier: Apache-2.0
"""Inputs of `prv2 depth`: the frames of a file, their camera, and measured depth."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from prv2_ros.camera.sense import why_no_focal
from prv2_ros.errors import ImageError
from prv2_ros.media import DEPTH_SUFFIXES, exif_focal_px, read_image
from prv2_ros.media.depth_files import PNG_LIMIT_M, read_depth
from prv2_ros.media.images import write_whole
from prv2_ros.media.inputs import Source
from prv2_ros.media.levels import Levels
from prv2_ros.media.video import VideoFacts, video_frames


class MeasuredFiles:
    """Measured depth of `--coarse-depth`: a file for one picture, a folder for several, or None.

    Raises:
        ImageError: there is a video, or one file for several pictures.
    """

    def __init__(self, path: Path | None, sources: list[Source]):
        self._path = path
        if path is None:
            return
        if any(source.is_video for source in sources):
            raise ImageError(f"--coarse-depth {path} does not work with videos; see prv2 bag --coarse-topic")
        if len(sources) > 1 and not path.is_dir():
            raise ImageError(
                f"--coarse-depth {path} is one file for {len(sources)} pictures; give a folder with one for each"
            )

    def of(self, source: Source) -> np.ndarray | None:
        """(h, w) float32 metres of a picture, None without the option.

        Raises:
            ImageError: the picture has no file, or it cannot be read.
        """
        if self._path is None:
            return None
        if not self._path.is_dir():
            return _measured(self._path)
        for suffix in DEPTH_SUFFIXES:
            if (path := self._path / f"{source.path.stem}{suffix}").is_file():
                return _measured(path)
        raise ImageError(
            f"--coarse-depth {self._path} holds no {source.path.stem} with one of {' '.join(DEPTH_SUFFIXES)}"
        )


def _measured(path: Path) -> np.ndarray:
    """`read_depth`, but the largest number of a PNG ("at least this far") counts as a hole."""
    depth_m = read_depth(path)
    return np.where(depth_m >= PNG_LIMIT_M, np.nan, depth_m) if path.suffix.lower() == ".png" else depth_m


def frames(
    source: Source, stem: Path, every: int, levels: Levels, video: VideoFacts | None
) -> Iterator[tuple[np.ndarray, Path, str]]:
    """(image, output path without suffix, display name) of a source."""
    name = source.path.name
    if video is None:
        yield read_image(source.path, levels=levels, note=lambda _, text: print(f"{name}: {text}")), stem, name
        return
    digits = max(5, len(str(max(video.stated, video.numbers[-1] + 1))))
    for number, time_s, rgb in zip(video.numbers, video.times_s, video_frames(source.path)):
        if number % every == 0:
            yield rgb, stem / f"{number:0{digits}d}", f"{name} frame {number} at {time_s:.3f} s"


def write_times(stem: Path, video: VideoFacts, every: int) -> None:
    """times.csv beside the frames of a video with a variable rate."""
    rows = [f"{number},{time_s:.6f}" for number, time_s in zip(video.numbers, video.times_s) if number % every == 0]
    path = stem / "times.csv"
    write_whole(path, "\n".join(["frame,time_s", *rows, ""]).encode())
    print(f"{path}: the frame times, since the rate varies")


def focal_of(
    source: Source, args: argparse.Namespace, width: int, height: int
) -> tuple[float | tuple[float, float] | None, str]:
    """Focal length for the engine, and a description of its origin.

    Raises:
        ImageError: The given one is implausible for an image of this size [px].
    """
    if args.focal_px is not None:
        values = args.focal_px if isinstance(args.focal_px, tuple) else (args.focal_px,)
        wrong = why_no_focal(values[0], values[-1], width, height)
        if wrong:
            raise ImageError(f"--focal-px is wrong for {source.path}: {wrong}; give it in pixels, not millimetres")
        return args.focal_px, " x ".join(f"{value:g}" for value in values) + " px as given"
    found = None if source.is_video else exif_focal_px(source.path)
    if found:
        return found, f"{found:.0f} px from EXIF (not calibrated)"
    return None, "UNKNOWN (a guess: distances may be off by one common factor; see --focal-px)"


def intrinsics(
    engine, focal_px: float | tuple[float, float] | None, width: int, height: int, args: argparse.Namespace
) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy in pixels of the input; of the canonical camera if no focal length is known.

    Raises:
        ImageError: Neither is known.
    """
    if focal_px is None and engine.canonical_focal_px is None:
        raise ImageError(f"{engine.weights_name} has no focal length of its own: a cloud needs --focal-px")
    if focal_px is None:
        process_height, process_width = engine.process_size
        fx = engine.canonical_focal_px * width / process_width
        fy = engine.canonical_focal_px * height / process_height
    else:
        fx, fy = focal_px if isinstance(focal_px, tuple) else (focal_px, focal_px)
    cx, cy = args.principal_point or ((width - 1) / 2, (height - 1) / 2)
    if not (0 <= cx <= width and 0 <= cy <= height):
        raise ImageError(f"--principal-point {cx:g},{cy:g} is outside the image of {width}x{height} pixels")
    return fx, fy, cx, cy
