# SPDX-License-Identifier: Apache-2.0
"""Image topics of a recording: which hold pictures, why others do not, and names for their outputs."""

from collections.abc import Sequence

from prv2_ros.bags.foreign import VIDEO_TYPES
from prv2_ros.bags.reader import BagReader, Topic
from prv2_ros.bags.types import COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.errors import DataError
from prv2_ros.media.compressed import HOW_TO_DECODE_VIDEO, is_depth, video_codec

IMAGE_TYPES = (IMAGE_TYPE, COMPRESSED_TYPE)
_COMPRESSED = "/compressed"
# Of two topics with the same images the raw one is used, unless it has lost more than this.
_AS_GOOD_AS_FULL = 0.9


def base_name(topic: str) -> str:
    """The base topic of image_transport: /cam/image of /cam/image/compressed."""
    return topic.removesuffix(_COMPRESSED)


def namespace(topic: str) -> str:
    """The camera's namespace: /cam of /cam/image and /cam/image/compressed."""
    return base_name(topic).rsplit("/", 1)[0]


def output_prefixes(images: Sequence[str], prefix: str | None) -> dict[str, str]:
    """Different prefixes of the output topics of each image topic; without `prefix` from the camera's namespace."""
    starts = {name: (namespace(name) if prefix is None else prefix).rstrip("/") for name in images}
    found: dict[str, str] = {}
    for start in dict.fromkeys(starts.values()):
        sharing = [name for name in images if starts[name] == start]
        # Suffixes that may tell equal prefixes apart: none, the image name, the namespace, both, or the transport.
        ways = (
            lambda name: "",
            lambda name: "/" + base_name(name).rsplit("/", 1)[1],
            namespace,
            base_name,
            lambda name: name.removeprefix(namespace(name)),
            lambda name: name,
        )
        parts = next(parts for way in ways if len(set(parts := [way(name) for name in sharing])) == len(sharing))
        found |= {name: start + part for name, part in zip(sharing, parts, strict=True)}
    return {name: found[name] for name in images}


def encoding_of(message: object) -> str:
    """Encoding of an Image, or format of a CompressedImage."""
    return str(getattr(message, "encoding", None) or getattr(message, "format", ""))


def holds_picture(reader: BagReader, topic: Topic) -> bool:
    """Whether the first image of a topic is decodable and not depth."""
    first = next(reader.messages([topic.name]), None) if topic.kind in IMAGE_TYPES else None
    try:
        return first is not None and not is_depth(encoding_of(reader.decode(first)))
    except DataError:
        return False


def why_no_picture(reader: BagReader, topic: Topic) -> str | None:
    """Why an image topic is skipped unless --image names it, or None."""
    twin = _twin(topic, reader.topics)
    if twin is not None:
        return twin
    first = next(reader.messages([topic.name]), None) if topic.count else None
    if first is None:
        return "it is empty"
    try:
        message = reader.decode(first)
    except DataError as error:
        # One damaged image does not condemn the others, but an unknown encoding does.
        return str(error) if topic.encoding != "cdr" else None
    stated = encoding_of(message)
    codec = video_codec(stated, bytes(memoryview(message.data)[:64])) if hasattr(message, "format") else None
    if codec:
        return f"it holds {codec} video, not pictures; {HOW_TO_DECODE_VIDEO}"
    if is_depth(stated) or namespace(topic.name).endswith("/depth"):
        return f"it looks like depth ({stated}); name it with --image if it is not"
    return None


def why_no_video(topic: Topic) -> str | None:
    """Why a topic of video packets is skipped, or None for other topics."""
    words = VIDEO_TYPES.get(topic.type)
    return f"it holds {words}, not pictures; {HOW_TO_DECODE_VIDEO}" if words else None


def _twin(topic: Topic, topics: Sequence[Topic]) -> str | None:
    """Why another topic of the same images is used instead of this one."""
    names = {other.name: other for other in topics if other.kind in IMAGE_TYPES}
    if topic.kind == COMPRESSED_TYPE and topic.name.endswith(_COMPRESSED):
        raw = names.get(base_name(topic.name))
        if raw is not None and raw.count and raw.count >= _AS_GOOD_AS_FULL * topic.count:
            return "the same images exist uncompressed"
    other = names.get(topic.name + _COMPRESSED)
    if other is not None and topic.count < _AS_GOOD_AS_FULL * other.count:
        return f"it has only {topic.count} of the {other.count} images of {other.name}"
    return None
