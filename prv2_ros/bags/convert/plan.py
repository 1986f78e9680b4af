# SPDX-License-Identifier: Apache-2.0
"""Plans a conversion: image topics, their camera_info, and the parts of the recording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prv2_ros.bags.convert.calibration import InfoCollector, Infos, assign_files, fixed_info
from prv2_ros.bags.convert.options import Options
from prv2_ros.bags.files import files_left_out
from prv2_ros.bags.messages import stamp_ns
from prv2_ros.bags.pictures import IMAGE_TYPES, base_name, namespace, output_prefixes, why_no_picture, why_no_video
from prv2_ros.bags.reader import BagReader, Record
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, IMAGE_TYPE, TIMING_TYPE
from prv2_ros.camera import says_rectified
from prv2_ros.errors import DataError


@dataclass(frozen=True)
class Camera:
    """An image topic that gets depth.

    Attributes:
        image: Topic of the images.
        type: Image, CompressedImage or an equivalent type.
        info: Topic of its camera_info, or None.
        prefix: Prefix of the output topics.
        rectified: The images are rectified, whatever distortion camera_info states.
    """

    image: str
    type: str
    info: str | None
    prefix: str
    rectified: bool = False

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
    """A time range of the recording, start_ns <= time < stop_ns (None: open), and its number of images."""

    index: int
    start_ns: int | None
    stop_ns: int | None
    frames: int


@dataclass(frozen=True)
class Plan:
    """What to convert, and what is skipped.

    Attributes:
        cameras: Image topics that get depth.
        parts: In time order.
        skipped: (topic, why) of image topics without depth.
        damage: None, or why only the first part is readable.
        infos: Changes of camera_info by image topic.
        remarks: Decisions that may surprise.
    """

    cameras: tuple[Camera, ...]
    parts: tuple[Part, ...]
    skipped: tuple[tuple[str, str], ...]
    damage: str | None
    infos: Mapping[str, Infos] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Images in all."""
        return sum(part.frames for part in self.parts)


def make_plan(reader: BagReader, options: Options | None = None) -> Plan:
    """Plan a conversion.

    Raises:
        DataError: There is no image topic, a named one is missing, an output topic exists already, or a calibration
            file cannot be used.
    """
    options = options or Options()
    cameras, skipped = _cameras(reader, options)
    fixed = assign_files(options.calibrations, [camera.image for camera in cameras])
    times, infos, damage = _scan(reader, [camera for camera in cameras if camera.image not in fixed], cameras)
    if not times:
        raise DataError(reader.damage or f"{reader.path} holds no image on {', '.join(c.image for c in cameras)}")
    infos.update({topic: fixed_info(info) for topic, info in fixed.items()})
    remarks = [_remark(camera, fixed) for camera in cameras]
    remarks += [
        f"{name} is not read, since metadata.yaml does not list it; without metadata.yaml all files are read"
        for name in files_left_out(reader.path)
    ]
    parts = _parts(times, options.frames_a_part)
    return Plan(cameras, parts, tuple(skipped), damage, infos, tuple(text for text in remarks if text))


def _remark(camera: Camera, fixed: Mapping[str, Any]) -> str:
    if camera.image in fixed or camera.info in (None, f"{namespace(camera.image)}/camera_info"):
        return ""
    return f"{camera.image} uses {camera.info}: it has no camera_info of its own, and the frame is the same"


def _cameras(reader: BagReader, options: Options) -> tuple[tuple[Camera, ...], list[tuple[str, str]]]:
    kinds = {topic.name: topic.kind for topic in reader.topics}
    for name in options.images or ():
        if reader.topic(name).kind not in IMAGE_TYPES:
            raise DataError(f"{name} holds {reader.topic(name).type}, not images")
    chosen, skipped = list(options.images or ()), []
    if options.images is None:
        for topic in reader.topics:
            image = topic.kind in IMAGE_TYPES
            reason = why_no_picture(reader, topic) if image else why_no_video(topic)
            skipped += [(topic.name, reason)] if reason else []
            chosen += [topic.name] if image and not reason else []
    if not chosen:
        found = "; ".join(f"{name}: {reason}" for name, reason in skipped) or "no image topic"
        raise DataError(f"{reader.path} has no images to compute depth from ({found})")
    cameras = []
    for name, start in output_prefixes(chosen, options.prefix).items():
        rectified = options.input_rectified or says_rectified(base_name(name))
        camera = Camera(name, kinds[name], _info_topic(reader, name, kinds), start, rectified)
        taken = [topic for topic in camera.outputs if topic in kinds]
        if taken:
            raise DataError(f"{reader.path} already has {taken[0]}; choose another --prefix")
        cameras.append(camera)
    return tuple(cameras), skipped


def _info_topic(reader: BagReader, image: str, types: dict[str, str]) -> str | None:
    """The camera_info in the image's namespace, else the only one of the same frame."""
    beside = f"{namespace(image)}/camera_info"
    if types.get(beside) == CAMERA_INFO_TYPE:
        return beside
    frame = _first_frame(reader, image)
    same = [name for name, kind in types.items() if kind == CAMERA_INFO_TYPE and _first_frame(reader, name) == frame]
    return same[0] if len(same) == 1 and frame else None


def _first_frame(reader: BagReader, topic: str) -> str | None:
    first = next(reader.messages([topic]), None) if reader.topic(topic).count else None
    return reader.decode(first).header.frame_id if first else None


def _scan(
    reader: BagReader, uncalibrated: list[Camera], cameras: tuple[Camera, ...]
) -> tuple[list[int], dict[str, Infos], str | None]:
    """One pass over the recording: image times, camera_info of each image topic, and damage."""
    times: list[int] = []
    images = {camera.image for camera in cameras}
    collectors = {camera.info: InfoCollector() for camera in uncalibrated if camera.info}
    damage = None
    try:
        for record in reader.messages([*images, *collectors]):
            if record.topic in images:
                times.append(record.time_ns)
            else:
                _collect(reader, record, collectors[record.topic])
    except DataError as error:
        damage = str(error)
    infos = {camera.image: collectors[camera.info].entries() for camera in uncalibrated if camera.info}
    return sorted(times), infos, damage


def _collect(reader: BagReader, record: Record, collector: InfoCollector) -> None:
    try:
        message = reader.decode(record)
    except DataError:
        # A damaged camera_info is skipped; its neighbours apply.
        return
    collector.add(stamp_ns(message), record.time_ns, message)


def _parts(times: list[int], frames_a_part: int) -> tuple[Part, ...]:
    """Cuts lie between images of different times, so that a part is exactly a time range."""
    cuts, last = [], 0
    for index in range(1, len(times)):
        if index - last >= frames_a_part and times[index] != times[index - 1]:
            cuts.append(index)
            last = index
    edges = [0, *cuts, len(times)]
    return tuple(
        Part(k, times[begin] if k else None, times[stop] if stop < len(times) else None, stop - begin)
        for k, (begin, stop) in enumerate(zip(edges, edges[1:]))
    )
