# SPDX-License-Identifier: Apache-2.0
"""Image messages to RGB without ROS in between: layouts, refusals, and no copy where none is needed."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_harness import image_message
from sensor_msgs.msg import CompressedImage, Image

from prv2_ros.media.compressed import compressed_to_rgb
from prv2_ros.media.encodings import ENCODINGS, RefusedImageError, image_to_rgb

LIMIT = {"max_pixels": 1e6}
RGB = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_rgb8_without_padding_is_the_memory_of_the_message():
    message = image_message(RGB)
    image = image_to_rgb(message, **LIMIT)
    np.testing.assert_array_equal(image, RGB)
    assert np.shares_memory(image, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize("encoding", ENCODINGS)
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
