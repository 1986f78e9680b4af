# SPDX-License-Identifier: Apache-2.0
"""Which images get depth, which camera_info belongs to them, and how the recording is cut into parts."""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prv2_ros.bags.messages import camera_info_message, make_header, stamp_ns
from prv2_ros.bags.reader import BagReader
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, TIMING_TYPE
from prv2_ros.errors import DataError

_SUFFIX = "/compressed"


@dataclass(frozen=True)
class Camera:
    """An image topic that gets depth.

    Attributes:
        image: Topic of the images.
        type: Image or CompressedImage.
        info: Topic of its camera_info, or None when the recording has none.
        prefix: What the output topics begin with.
    """

    image: str
    type: str
    info: str | None
    prefix: str

    @property
    def outputs(self) -> dict[str, str]:
        """Output topics and their types."""
        return {
            f"{self.prefix}/depth/image_rect": IMAGE_TYPE,
            f"{self.prefix}/depth/camera_info": CAMERA_INFO_TYPE,
            f"{self.prefix}/points": CLOUD_TYPE,
            f"{self.prefix}/timing": TIMING_TYPE,
        }


@dataclass(frozen=True)
class Part:
    """A stretch of the recording: start_ns <= time < stop_ns (None: open), with so many images."""

    index: int
    start_ns: int | None
    stop_ns: int | None
    frames: int


@dataclass(frozen=True)
class Plan:
    """What is to be done with a recording, and what was passed over.

    Attributes:
        cameras: Image topics that get depth.
        parts: Stretches in the order of time.
        skipped: (topic, why) of image topics that get none.
        damage: None, or why only the first part of the recording can be read.
    """

    cameras: tuple[Camera, ...]
    parts: tuple[Part, ...]
    skipped: tuple[tuple[str, str], ...]
    damage: str | None

    @property
    def frames(self) -> int:
        """Images in all."""
        return sum(part.frames for part in self.parts)


def make_plan(reader: BagReader, *, images: list[str] | None, prefix: str | None, frames_a_part: int) -> Plan:
    """Look at a recording and decide.

    Args:
        reader: The recording.
        images: Image topics to use; None takes every one that holds pictures.
        prefix: What output topics begin with instead of the camera's namespace.
        frames_a_part: Images in a part, about.

    Raises:
        DataError: No image topic is left, a named one is missing, or an output topic exists already.
    """
    cameras, skipped = _cameras(reader, images, prefix)
    times, damage = _image_times(reader, cameras)
    if not times:
        raise DataError(reader.damage or f"{reader.path} holds no image on {', '.join(c.image for c in cameras)}")
    return Plan(cameras, _parts(times, frames_a_part), tuple(skipped), damage)


def _cameras(
    reader: BagReader, images: list[str] | None, prefix: str | None
) -> tuple[tuple[Camera, ...], list[tuple[str, str]]]:
    types = {topic.name: topic.type for topic in reader.topics}
    for name in images or ():
        if reader.topic(name).type not in (IMAGE_TYPE, COMPRESSED_TYPE):
            raise DataError(f"{name} holds {types[name]}, not images")
    chosen, skipped = list(images or ()), []
    if images is None:
        for name, kind in types.items():
            if kind not in (IMAGE_TYPE, COMPRESSED_TYPE):
                continue
            reason = _why_no_picture(reader, name, types)
            skipped += [(name, reason)] if reason else []
            chosen += [] if reason else [name]
    if not chosen:
        found = "; ".join(f"{name}: {reason}" for name, reason in skipped) or "no image topic"
        raise DataError(f"{reader.path} has nothing to compute depth of ({found})")
    prefixes = [(prefix if prefix is not None else _namespace(name)) for name in chosen]
    cameras = []
    for name, start in zip(chosen, prefixes, strict=True):
        if prefixes.count(start) > 1:
            start = f"{start}/{name.removesuffix(_SUFFIX).rsplit('/', 1)[1]}"
        info = f"{_namespace(name)}/camera_info"
        camera = Camera(name, types[name], info if types.get(info) == CAMERA_INFO_TYPE else None, start.rstrip("/"))
        taken = [topic for topic in camera.outputs if topic in types]
        if taken:
            raise DataError(f"{reader.path} already has {taken[0]}; choose other output topics with --prefix")
        cameras.append(camera)
    return tuple(cameras), skipped


def _namespace(image: str) -> str:
    return image.removesuffix(_SUFFIX).rsplit("/", 1)[0]


def _why_no_picture(reader: BagReader, name: str, types: dict[str, str]) -> str | None:
    """Why an image topic gets no depth unless it is named; None when it does."""
    if name.endswith(_SUFFIX) and types.get(name.removesuffix(_SUFFIX)) == IMAGE_TYPE:
        return "the same images are there uncompressed"
    first = next(reader.messages([name]), None) if reader.topic(name).count else None
    if first is None:
        return "it is empty"
    message = reader.decode(first)
    kind = getattr(message, "encoding", None) or getattr(message, "format", "")
    if kind in ("32FC1", "16UC1", "16SC1", "64FC1") or "compressedDepth" in kind or "depth" in name.split("/"):
        return f"it looks like depth ({kind}); name it with --image if it is not"
    return None


def _image_times(reader: BagReader, cameras: tuple[Camera, ...]) -> tuple[list[int], str | None]:
    times = []
    try:
        for record in reader.messages([camera.image for camera in cameras]):
            times.append(record.time_ns)
    except DataError as error:
        return sorted(times), str(error)
    return sorted(times), None


def _parts(times: list[int], frames_a_part: int) -> tuple[Part, ...]:
    """Cuts lie between images of different times, so that a part is a stretch of time and nothing else."""
    cuts, last = [], 0
    for index in range(1, len(times)):
        if index - last >= frames_a_part and times[index] != times[index - 1]:
            cuts.append(index)
            last = index
    edges = [0, *cuts, len(times)]
    return tuple(
        Part(
            k,
            times[begin] if k else None,
            times[stop] if stop < len(times) else None,
            stop - begin,
        )
        for k, (begin, stop) in enumerate(zip(edges, edges[1:]))
    )


class Calibrations:
    """The camera_info of every image: that of the same stamp, else the last before it, else the first.

    Args:
        reader: The recording.
        cameras: Whose topics are read.
        fixed: A CameraInfo for all of them instead, or None.
    """

    def __init__(self, reader: BagReader, cameras: tuple[Camera, ...], fixed: Any = None):
        self._fixed = fixed
        self._known: dict[str, list[tuple[int, Any]]] = {camera.info: [] for camera in cameras if camera.info}
        if fixed is None and self._known:
            try:
                for record in reader.messages(list(self._known)):
                    message = reader.decode(record)
                    known = self._known[record.topic]
                    if not known or not _same(known[-1][1], message):
                        known.append((stamp_ns(message), message))
            except DataError:
                if not reader.damage:
                    raise
            for known in self._known.values():
                known.sort(key=lambda entry: entry[0])

    def of(self, camera: Camera, stamp: int) -> Any:
        """CameraInfo for an image of this stamp, or None."""
        if self._fixed is not None:
            return self._fixed
        known = self._known.get(camera.info or "", [])
        if not known:
            return None
        return known[max(bisect_right([entry[0] for entry in known], stamp) - 1, 0)][1]


def _same(a: Any, b: Any) -> bool:
    return (a.width, a.height, a.k.tolist(), a.d.tolist(), a.p.tolist()) == (
        b.width,
        b.height,
        b.k.tolist(),
        b.d.tolist(),
        b.p.tolist(),
    )


def read_calibration(path: Path) -> Any:
    """CameraInfo of a calibration file as camera_calibration writes it.

    Raises:
        DataError: The file is missing or not such a file.
    """
    try:
        data = yaml.safe_load(path.read_text())
        width, height = int(data["image_width"]), int(data["image_height"])
        k = [float(value) for value in data["camera_matrix"]["data"]]
        distortion = [float(value) for value in data.get("distortion_coefficients", {}).get("data", [])]
        intrinsics = (k[0], k[4], k[2], k[5])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not a camera calibration (image_width, camera_matrix.data ...): {error}") from None
    info = camera_info_message(make_header(0, ""), width=width, height=height, intrinsics=intrinsics)
    if any(distortion):
        info.d = info.d.__class__(len(distortion))
        info.d[:] = distortion
        info.distortion_model = str(data.get("distortion_model", "plumb_bob"))
    return info
