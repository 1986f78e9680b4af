# SPDX-License-Identifier: Apache-2.0
"""Image messages to RGB without ROS in between: layouts, refusals, and no copy where none is needed."""

import re
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import image_message
from sensor_msgs.msg import CompressedImage, Image

from prv2_ros.errors import ImageError
from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import ENCODINGS, RefusedImageError, image_to_rgb
from prv2_ros.media.levels import parse_levels

LIMIT = {"max_pixels": 1e6}
RGB = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_rgb8_without_padding_is_the_memory_of_the_message():
    message = image_message(RGB)
    image = image_to_rgb(message, **LIMIT)
    np.testing.assert_array_equal(image, RGB)
    assert np.shares_memory(image, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize("encoding", [name for name, traits in ENCODINGS.items() if traits.arrange is None])
def test_padding_changes_nothing_and_the_result_is_contiguous_rgb(encoding):
    traits = ENCODINGS[encoding]
    rows, row = 6 * traits.rows // 2, 8 * traits.channels * np.dtype(traits.sample).itemsize
    samples = np.random.default_rng(6).integers(0, 256, (rows, row), dtype=np.uint8)
    padded = np.hstack([samples, np.full((rows, 5), 0xAA, np.uint8)])
    plain = image_to_rgb(image_message(RGB, encoding=encoding, data=samples.tobytes(), step=row), **LIMIT)
    image = image_to_rgb(image_message(RGB, encoding=encoding, data=padded.tobytes(), step=row + 5), **LIMIT)
    np.testing.assert_array_equal(image, plain)
    assert image.shape == (6, 8, 3) and image.dtype == np.uint8 and image.flags.c_contiguous


def test_channel_orders():
    for encoding, order in {"bgr8": (2, 1, 0), "8UC3": (2, 1, 0)}.items():
        data = RGB[..., order].tobytes()
        np.testing.assert_array_equal(image_to_rgb(image_message(RGB, encoding=encoding, data=data), **LIMIT), RGB)
    for encoding, order in {"rgba8": (0, 1, 2), "bgra8": (2, 1, 0), "8UC4": (2, 1, 0)}.items():
        data = np.dstack([RGB[..., order], RGB[..., :1]]).tobytes()
        np.testing.assert_array_equal(image_to_rgb(image_message(RGB, encoding=encoding, data=data), **LIMIT), RGB)


def _planes(luma, *chroma, padding=0):
    """Bytes of planes, each with rows padded in proportion to the first: as V4L2 lays them out."""
    step = luma.shape[1] + padding
    rows = []
    for plane in (luma, *chroma):
        more = step * plane.shape[1] // luma.shape[1] - plane.shape[1]
        rows.append(np.hstack([plane, np.full((len(plane), more), 0xAA, np.uint8)]).tobytes())
    return b"".join(rows), step


@pytest.mark.parametrize("padding", [0, 8])
def test_planes_of_chroma_are_found_where_they_are(padding):
    """A 4:2:0 image in three layouts is the same picture; with as much chroma as luma every pixel has its own."""
    rng = np.random.default_rng(8)
    luma, u, v = (rng.integers(16, 236, shape, np.uint8) for shape in ((6, 8), (3, 4), (3, 4)))
    pairs = np.dstack([u, v]).reshape(3, 8)
    layouts = {"nv12": (luma, pairs), "i420": (luma, u, v), "yuv420": (luma, u, v), "yv12": (luma, v, u)}
    pictures = {}
    for encoding, planes in layouts.items():
        data, step = _planes(*planes, padding=padding)
        pictures[encoding] = image_to_rgb(image_message(RGB, encoding=encoding, data=data, step=step), **LIMIT)
    assert pictures["i420"].std() > 10
    for picture in pictures.values():
        np.testing.assert_array_equal(picture, pictures["nv12"])
    wide = np.dstack([u.repeat(2, 0).repeat(2, 1), v.repeat(2, 0).repeat(2, 1)]).reshape(6, 16)
    data, step = _planes(luma, wide, padding=padding)
    full = image_to_rgb(image_message(RGB, encoding="nv24", data=data, step=step), **LIMIT)
    # OpenCV takes the chroma of 4:2:0 as it is, so the same chroma twice is the same picture but for rounding.
    assert np.abs(full.astype(int) - pictures["nv12"]).max() <= 2


def test_i420_with_an_odd_step_is_refused():
    with pytest.raises(RefusedImageError, match="even"):
        image_to_rgb(image_message(RGB, encoding="i420", data=bytes(9 * 9), step=9), **LIMIT)


COLOUR16 = {"rgb16": (0, 1, 2), "bgr16": (2, 1, 0), "16UC3": (2, 1, 0), "rgba16": (0, 1, 2), "bgra16": (2, 1, 0)}


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", COLOUR16)
def test_colours_of_sixteen_bits(encoding, big):
    wide = RGB[..., COLOUR16[encoding]].astype(np.uint16) << 8 | 0x7F
    wide = np.dstack([wide, wide[..., :1]]) if "a16" in encoding else wide
    data = wide.astype(">u2" if big else "<u2").tobytes()
    message = image_message(RGB, encoding=encoding, data=data, is_bigendian=big)
    np.testing.assert_array_equal(image_to_rgb(message, **LIMIT), RGB)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_of_sixteen_bits_is_that_of_eight(pattern):
    mosaic = RGB[..., 0].astype(np.uint16)
    narrow = image_message(RGB, encoding=f"bayer_{pattern}8", data=RGB[..., 0].tobytes())
    wide = image_message(RGB, encoding=f"bayer_{pattern}16", data=(mosaic << 8).tobytes())
    np.testing.assert_array_equal(image_to_rgb(wide, **LIMIT), image_to_rgb(narrow, **LIMIT))


@pytest.mark.parametrize("name", ["RGB8", "Mono8", "BAYER_RGGB8", "8uc3", " rgb8"])
def test_the_case_of_an_encoding_does_not_matter(name):
    channels = 1 if "o" in name.lower() or "BAYER" in name else 3
    data = RGB[..., :channels].tobytes()
    known = next(known for known in ENCODINGS if known.lower() == name.strip().lower())
    expected = image_to_rgb(image_message(RGB, encoding=known, data=data), **LIMIT)
    np.testing.assert_array_equal(image_to_rgb(image_message(RGB, encoding=name, data=data), **LIMIT), expected)


def test_other_encodings_go_through_cv_bridge_where_it_is_installed(monkeypatch):
    """The real one is not on PyPI; what matters here is what is asked of it, and that its refusal is ours."""

    class CvBridge:
        def imgmsg_to_cv2(self, message, encoding):
            if message.encoding == "odd":
                raise RuntimeError("Unrecognized image encoding\n[odd]")
            assert encoding == "rgb8"
            return RGB[::-1]

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=CvBridge))
    image = image_to_rgb(image_message(RGB, encoding="yuv444_special"), **LIMIT)
    np.testing.assert_array_equal(image, RGB[::-1])
    assert image.flags.c_contiguous
    with pytest.raises(RefusedImageError, match=r"cv_bridge cannot convert it: Unrecognized image encoding \[odd\]"):
        image_to_rgb(image_message(RGB, encoding="odd"), **LIMIT)


# Thermal cameras and cameras of 12 bits.


def _thermal(low=7300, high=8900):
    values = np.linspace(low, high, 48 * 64).astype(np.uint16).reshape(48, 64)
    return values, image_message(np.zeros((48, 64, 3), np.uint8), encoding="mono16", data=values.tobytes())


def test_a_narrow_range_of_sixteen_bits_is_told_with_the_way_out():
    notes = {}
    values, message = _thermal()
    image = image_to_rgb(message, **LIMIT, note=notes.setdefault)
    np.testing.assert_array_equal(image[..., 0], values >> 8)
    assert re.search(r"7301 to 8898 are only 2 % .* auto or 7301-8898", notes["narrow_range"])
    notes.clear()
    image_to_rgb(_thermal(0, 65535)[1], **LIMIT, note=notes.setdefault)
    image_to_rgb(message, **LIMIT, levels=parse_levels("auto"), note=notes.setdefault)
    assert not notes


def test_a_range_is_stretched_and_a_dead_pixel_does_not_decide():
    values, message = _thermal()
    fixed = image_to_rgb(message, **LIMIT, levels=parse_levels("7300-8900"))[..., 0]
    np.testing.assert_allclose(fixed, (values - 7300.0) / 1600 * 255, atol=0.51)
    values[5, 6], values[7, 8] = 0, 65535
    message.data = values.tobytes()
    auto = image_to_rgb(message, **LIMIT, levels=parse_levels("auto"))[..., 0]
    assert np.abs(auto.astype(int) - fixed)[:4].max() <= 1 and (auto[5, 6], auto[7, 8]) == (0, 255)


@pytest.mark.parametrize("text", ["", "half", "5", "9-8", "1-65536", "-1-5", "7000:9000"])
def test_a_range_that_is_none_is_refused(text):
    with pytest.raises(ImageError, match="7000-9000"):
        parse_levels(text)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
def test_sixteen_bits_are_read_in_their_byte_order(encoding, big):
    values = (np.arange(48, dtype=np.uint16) * 1000).reshape(6, 8)
    data = values.astype(">u2" if big else "<u2").tobytes()
    image = image_to_rgb(image_message(RGB, encoding=encoding, data=data, is_bigendian=big), **LIMIT)
    np.testing.assert_array_equal(image, np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=2))


REFUSED = {
    "unknown_encoding": {"encoding": "32FC1"},
    "zero_size": {"width": 0},
    "too_large": {"width": 2**31, "height": 2**31},
    "step": {"step": 23},
    "data_size": {"height": 7},
    "odd_size": {"encoding": "bayer_rggb8", "width": 7, "step": 8},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_does_not_fit_together_is_refused_with_its_reason(reason):
    message = image_message(RGB)
    for name, value in REFUSED[reason].items():
        setattr(message, name, value)
    with pytest.raises(RefusedImageError) as caught:
        image_to_rgb(message, **LIMIT)
    assert caught.value.reason == reason


@pytest.mark.parametrize("step", [0, 23, 25, 2**32 - 1])
def test_every_wrong_step_is_refused(step):
    message = image_message(RGB)
    message.step = step
    with pytest.raises(RefusedImageError):
        image_to_rgb(message, **LIMIT)


def test_an_empty_message_is_refused():
    with pytest.raises(RefusedImageError):
        image_to_rgb(Image(), **LIMIT)
    with pytest.raises(RefusedImageError):
        compressed_to_rgb(CompressedImage(), **LIMIT)


def _compressed(extension: str, image: np.ndarray = RGB, **kwargs) -> bytes:
    return cv2.imencode(extension, image[..., ::-1] if image.ndim == 3 else image, **kwargs)[1].tobytes()


@pytest.mark.parametrize("data", [_compressed(".png"), _compressed(".png", RGB[..., 0])], ids=["colour", "grey"])
def test_png(data):
    image = compressed_to_rgb(CompressedImage(data=data, format="png"), **LIMIT)
    grey = len(data) < len(_compressed(".png"))
    np.testing.assert_array_equal(image, np.repeat(RGB[..., :1], 3, axis=2) if grey else RGB)


@pytest.mark.parametrize("progressive", [0, 1])
def test_jpeg(progressive):
    flat = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    data = _compressed(".jpg", flat, params=[cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])
    image = compressed_to_rgb(CompressedImage(data=data), **LIMIT)
    assert image.shape == (16, 24, 3) and abs(image.astype(int) - flat).max() <= 3


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.98])
def test_cut_off_files_are_refused(extension, part):
    image = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = _compressed(extension, image)
    with pytest.raises(RefusedImageError):
        compressed_to_rgb(CompressedImage(data=data[: int(len(data) * part)]), **LIMIT)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_what_follows_the_end_of_an_image_does_not_matter(extension):
    """Drivers publish their whole buffer; what is really cut off is not whole because zeros follow."""
    image = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = _compressed(extension, image)
    expected = compressed_to_rgb(CompressedImage(data=data), **LIMIT)
    for more in (b"\0" * 4096, b"\xff" * 100, b"\r\n", np.random.default_rng(1).bytes(3000)):
        np.testing.assert_array_equal(compressed_to_rgb(CompressedImage(data=data + more), **LIMIT), expected)
    for part in (0.5, 0.9):
        with pytest.raises(RefusedImageError):
            compressed_to_rgb(CompressedImage(data=data[: int(len(data) * part)] + b"\0" * 8), **LIMIT)


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]])
def test_a_jpeg_cut_off_anywhere_and_padded_is_refused(options):
    image = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = _compressed(".jpg", image, params=options)
    for length in range(20, len(data) - 1, 97):
        with pytest.raises(RefusedImageError):
            compressed_to_rgb(CompressedImage(data=data[:length] + bytes(len(data))), **LIMIT)


@pytest.mark.parametrize("extension", [".webp", ".tiff"])
def test_webp_and_tiff(extension):
    options = {"params": [cv2.IMWRITE_WEBP_QUALITY, 101]} if extension == ".webp" else {}
    image = compressed_to_rgb(CompressedImage(data=_compressed(extension, **options), format="webp"), **LIMIT)
    np.testing.assert_array_equal(image, RGB)
    with pytest.raises(RefusedImageError) as caught:
        compressed_to_rgb(CompressedImage(data=_compressed(extension)), max_pixels=10)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "bayer_grbg16", "BAYER_GBRG8"])
@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_a_compressed_mosaic_is_the_mosaic_that_its_format_says(encoding, extension):
    wide = encoding.endswith("16") and extension == ".png"
    mosaic = RGB[..., 0].astype(np.uint16) << 8 if wide else RGB[..., 0]
    data = cv2.imencode(extension, mosaic)[1]
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    name = encoding.lower() if wide else encoding.lower().replace("16", "8")
    expected = image_to_rgb(image_message(RGB, encoding=name, data=stored.tobytes()), **LIMIT)
    for format in (f"{encoding}; {extension[1:]} compressed ", f"{encoding}; jpeg compressed bgr8", encoding):
        image = compressed_to_rgb(CompressedImage(data=data.tobytes(), format=format), **LIMIT)
        np.testing.assert_array_equal(image, expected)
    # A publisher that made colours of it says the same encoding, but the data have colours.
    colours = compressed_to_rgb(
        CompressedImage(data=_compressed(".png"), format=f"{encoding}; png compressed bgr8"), **LIMIT
    )
    np.testing.assert_array_equal(colours, RGB)


@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "rgb16", "bgr16"])
def test_compressed_sixteen_bits_are_read_as_raw_ones(encoding):
    wide = RGB.astype(np.uint16) << 8 | 0x7F
    samples = wide[..., 0] if encoding in ("mono16", "16UC1") else wide[..., ::-1]
    message = CompressedImage(data=cv2.imencode(".png", samples)[1].tobytes(), format=f"{encoding}; png compressed ")
    expected = np.repeat(RGB[..., :1], 3, axis=2) if samples.ndim == 2 else RGB
    np.testing.assert_array_equal(compressed_to_rgb(message, **LIMIT), expected)
    thermal = np.linspace(7300, 8900, 48).astype(np.uint16).reshape(6, 8)
    notes = {}
    message = CompressedImage(data=cv2.imencode(".png", thermal)[1].tobytes(), format="mono16; png compressed ")
    compressed_to_rgb(message, **LIMIT, note=notes.setdefault)
    assert "narrow_range" in notes
    assert compressed_to_rgb(message, **LIMIT, levels=parse_levels("auto")).max() == 255


@pytest.mark.parametrize(
    ("format", "data", "reason"),
    [
        ("h264", b"\1\2\3", "video"),
        ("", b"\0\0\0\1\x67", "video"),
        ("16UC1; compressedDepth png", bytes(12) + b"\x89PNG", "depth"),
        ("jpeg", b"words", "unknown_encoding"),
        ("tiff", b"II*\0" + bytes(30), "damaged"),
        ("webp", b"RIFF\4\0\0\0WEBPVP8 ", "damaged"),
    ],
)
def test_what_is_no_picture_is_named_for_what_it_is(format, data, reason):
    with pytest.raises(RefusedImageError) as caught:
        compressed_to_rgb(CompressedImage(data=data, format=format), **LIMIT)
    assert caught.value.reason == reason and "\n" not in str(caught.value)


def test_a_small_file_of_a_giant_image_is_refused_before_it_is_decoded():
    for extension in (".png", ".jpg"):
        data = bytearray(_compressed(extension, np.zeros((8, 8, 3), np.uint8)))
        if extension == ".png":
            data[16:24] = (60000).to_bytes(4, "big") * 2
        else:
            at = data.index(b"\xff\xc0")
            data[at + 5 : at + 9] = (60000).to_bytes(2, "big") * 2
        with pytest.raises(RefusedImageError) as caught:
            compressed_to_rgb(CompressedImage(data=bytes(data)), **LIMIT)
        assert caught.value.reason == "too_large"
