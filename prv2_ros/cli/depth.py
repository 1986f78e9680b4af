# SPDX-License-Identifier: Apache-2.0
"""`prv2 depth`: metric depth of images, folders and videos, as files."""

import argparse
import sys
from pathlib import Path

import numpy as np

from prv2_ros.cli import engine_options
from prv2_ros.cli.arguments import INTENSITY_HELP
from prv2_ros.cli.depth_inputs import MeasuredFiles, focal_of, frames, intrinsics, write_times
from prv2_ros.errors import ImageError
from prv2_ros.media import DEPTH_SUFFIXES, write_depth, write_image, write_ply
from prv2_ros.media.depth_files import PNG_LIMIT_M
from prv2_ros.media.inputs import Source, find_sources
from prv2_ros.media.levels import parse_levels
from prv2_ros.media.video import look_through

FORMATS = ("png", "npy", "exr", "ply", "color")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `prv2 depth`."""
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="IMAGE", help="images, folders or videos")
    add(
        "-o",
        "--out",
        type=Path,
        required=True,
        help=f"one image: a file, whose suffix is the format ({' '.join(DEPTH_SUFFIXES)} .ply); else a folder. "
        ".png is 16 bit millimetres, .npy and .exr are metres",
    )
    add(
        "--focal-px",
        type=_focal,
        metavar="F[,FY]",
        help="focal length in pixels of the input (default: from EXIF, else a guess with a warning)",
    )
    add("--principal-point", type=_pair, metavar="CX,CY", help="for .ply (default: the image centre)")
    add(
        "--also",
        type=_formats,
        default=None,
        metavar="LIST",
        help=f"further outputs, comma-separated: {' '.join(FORMATS)} (default: color; 'none' for none)",
    )
    add("--intensity-range", default="full", metavar="RANGE", help=INTENSITY_HELP)
    add(
        "--coarse-depth",
        type=Path,
        metavar="FILE",
        help="measured depth of the same view at any resolution (16-bit .png in mm, .npy or .exr in m; 0, NaN and Inf "
        "are holes); for several pictures a folder with one file for each, of the same name",
    )
    add("--min", type=float, metavar="M", help="near limit of the colours in metres")
    add("--max", type=float, metavar="M", help="far limit of the colours in metres")
    add("--every", type=int, default=1, metavar="N", help="use every N-th frame of a video")
    add(
        "--budget-ms",
        type=_positive,
        metavar="MS",
        help="time limit of a frame: refine as many tiles as fit, at least one (default: all)",
    )
    engine_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Compute and write; a bad input is reported and gives exit status 1, and the others continue."""
    levels = parse_levels(args.intensity_range)
    sources = find_sources(args.inputs, note=lambda text: print(f"prv2 depth: {text}", file=sys.stderr))
    single_file = len(sources) == 1 and not sources[0].is_video and args.out.suffix != ""
    if not single_file and args.out.suffix.lower() in (*DEPTH_SUFFIXES, ".ply"):
        raise ImageError(f"--out {args.out} is one file, but there are several images to write; name a folder")
    if single_file and args.out.suffix.lower() not in (*DEPTH_SUFFIXES, ".ply"):
        raise ImageError(
            f"cannot write depth to {args.out}: '{args.out.suffix}' is not one of {' '.join(DEPTH_SUFFIXES)} .ply"
        )
    formats = [args.out.suffix.lower()[1:]] if single_file else ["png"]
    formats += [name for name in (("color",) if args.also is None else args.also) if name not in formats]

    _refuse_to_overwrite([source.path for source in sources], _stems(sources, args.out, single_file), formats)

    failed = 0
    readable = []
    for source in sources:
        if source.is_video or source.path.is_file():
            readable.append(source)
        else:
            failed += _complain(f"cannot read {source.path}: no such file")
    if not readable:
        return 1
    measured = MeasuredFiles(args.coarse_depth, readable)
    if args.coarse_depth and args.coarse:
        raise ImageError("--coarse and --coarse-depth exclude each other; give one of them")
    engine = engine_options.load(args)
    if args.budget_ms:
        engine.warm_up(*engine.process_size)  # the budget needs the time of a tile
        engine.budget.latency_ms = args.budget_ms
    try:
        for source, stem in zip(readable, _stems(readable, args.out, single_file)):
            try:
                video = look_through(source.path) if source.is_video else None
                for rgb, frame_stem, name in frames(source, stem, args.every, levels, video):
                    _one(engine, rgb, source, name, frame_stem, formats, args, measured.of(source))
                if video is not None and video.variable:
                    write_times(stem, video, args.every)
                if video is not None and video.damage:
                    failed += _complain(f"{source.path} {video.damage}")
            except ImageError as error:
                text = str(error)
                failed += _complain(text if str(source.path) in text else f"{source.path}: {text}")
    finally:
        engine.close()
    if failed and len(sources) > 1:
        print(f"{len(sources) - failed} of {len(sources)} inputs done, {failed} failed", file=sys.stderr)
    return 1 if failed else 0


def _stems(sources: list[Source], out: Path, single_file: bool) -> list[Path]:
    """Where each source's outputs go, without a suffix."""
    return [out.with_suffix("")] if single_file else [out / source.name for source in sources]


def _output(stem: Path, name: str) -> Path:
    return stem.with_name(f"{stem.name}_color.png" if name == "color" else f"{stem.name}.{name}")


def _refuse_to_overwrite(inputs: list[Path], stems: list[Path], formats: list[str]) -> None:
    taken = {path.resolve() for path in inputs}
    for stem in stems:
        for name in formats:
            if _output(stem, name).resolve() in taken:
                raise ImageError(f"{_output(stem, name)} would overwrite an input; choose another --out")


def _complain(text: str) -> int:
    print(f"prv2 depth: {text}", file=sys.stderr)
    return 1


def _one(
    engine,
    rgb: np.ndarray,
    source: Source,
    name: str,
    stem: Path,
    formats: list[str],
    args: argparse.Namespace,
    measured: np.ndarray | None,
) -> None:
    """Depth of one frame, written in every format; prints one line."""
    height, width = rgb.shape[:2]
    focal_px, origin = focal_of(source, args, width, height)
    if focal_px is None and (measured is not None or engine.canonical_focal_px is None):
        origin = "unknown and not needed (the coarse depth is metric)"
    depth_m, timing = engine(rgb, focal_px=focal_px, stream=str(source.path), coarse_depth_m=measured)
    known = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    camera = intrinsics(engine, focal_px, width, height, args) if "ply" in formats else None
    written = [_write(name, stem, depth_m, rgb, camera, args) for name in formats]
    of = "" if timing.tiles == timing.tiles_total else f" of {timing.tiles_total}"
    span = f"{known.min():.2f} to {known.max():.2f} m" if known.size else "no depth"
    print(
        f"{name}: {width}x{height}, focal length {origin}; {span}; {timing.tiles}{of} tiles, "
        f"{timing.total_ms:.0f} ms -> {', '.join(str(path) for path in written)}"
    )
    beyond = int((depth_m > PNG_LIMIT_M).sum())
    if beyond and "png" in formats:
        print(
            f"  {100 * beyond / depth_m.size:.1f} % of the pixels are beyond {PNG_LIMIT_M} m, the limit of a 16-bit "
            "PNG in millimetres, and are stored as 65535 (--also npy keeps their depth)"
        )


def _write(
    name: str,
    stem: Path,
    depth_m: np.ndarray,
    rgb: np.ndarray,
    camera: tuple[float, float, float, float] | None,
    args: argparse.Namespace,
) -> Path:
    """Write one format, of which a cloud needs intrinsics; returns the file's path."""
    from prv2_ros.viz import cloud_points, depth_picture

    path = _output(stem, name)
    if name == "color":
        write_image(path, depth_picture(depth_m, min=args.min, max=args.max))
    elif name == "ply" and camera is not None:
        write_ply(path, *cloud_points(depth_m, rgb, camera))
    else:
        write_depth(path, depth_m)
    return path


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _focal(text: str) -> float | tuple[float, float]:
    values = [_positive(part) for part in text.split(",")]
    if len(values) > 2:
        raise argparse.ArgumentTypeError(f"'{text}' has {len(values)} values; give F, or FX,FY")
    return values[0] if len(values) == 1 else (values[0], values[1])


def _pair(text: str) -> tuple[float, float]:
    values = [_positive(part) for part in text.split(",")]
    if len(values) != 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not CX,CY")
    return values[0], values[1]


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name and name != "none")
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"'{name}' is not one of {' '.join(FORMATS)}")
    return names
