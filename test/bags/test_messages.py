# SPDX-License-Identifier: Apache-2.0
"""Depth and intrinsics in messages."""

import struct

import cv2
import numpy as np
import pytest

from prv2_ros.bags.messages import (
    camera_info_message,
    decompress_depth,
    make_header,
    read_depth_message,
    read_intrinsics,
)
from prv2_ros.bags.types import IMAGE_TYPE, typestore
from prv2_ros.errors import DataError
from prv2_ros.media.compressed_depth import DEPTH_16U, DEPTH_32F, compress_depth


def test_compressed_depth_is_as_exact_as_it_says():
    depth_m = np.random.default_rng(0).uniform(2, 90, (40, 50)).astype(np.float32)
    depth_m[0, :4] = [np.nan, np.inf, 0, -1]
    back = decompress_depth(compress_depth(depth_m, nearest_m=2.0), DEPTH_32F)
    assert np.isnan(back[0, :4]).all() and np.isfinite(back[1:]).all()
    known = np.isfinite(back)
    step_m = depth_m[known] ** 2 / (65535 * 2.0)
    assert (np.abs(back[known] - depth_m[known]) <= 0.51 * step_m + 1e-5).all()


def test_millimetres_in_compressed_depth():
    png = cv2.imencode(".png", np.array([[0, 1234]], np.uint16))[1].tobytes()
    back = decompress_depth(struct.pack("<iff", 0, 0, 0) + png, DEPTH_16U)
    assert np.isnan(back[0, 0]) and back[0, 1] == np.float32(1.234)


@pytest.mark.parametrize(
    ("data", "format", "words"),
    [
        (b"x" * 40, "jpeg", "not compressed depth"),
        (b"x" * 8, DEPTH_32F, "cut off"),
        (b"x" * 40, DEPTH_32F, "no readable 16-bit PNG"),
    ],
)
def test_other_data_is_refused(data, format, words):
    with pytest.raises(DataError, match=words):
        decompress_depth(data, format)


def _image(encoding, data, *, width=2, height=2, step=None, bigendian=0):
    return typestore().types[IMAGE_TYPE](
        header=make_header(0, "c"),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=bigendian,
        step=step,
        data=np.frombuffer(data, np.uint8),
    )


def test_depth_images_with_padding_and_either_byte_order():
    row = np.array([1.5, np.nan, 7], ">f4").tobytes()  # the third is padding
    depth_m = read_depth_message(_image("32FC1", row * 2, step=12, bigendian=1))
    assert depth_m.dtype == np.float32 and depth_m[1, 0] == 1.5 and np.isnan(depth_m[0, 1])
    depth_m = read_depth_message(_image("16UC1", np.array([[0, 2500], [1, 65535]], "<u2").tobytes(), step=4))
    assert np.isnan(depth_m[0, 0]) and depth_m[0, 1] == 2.5 and depth_m[1, 1] == np.float32(65.535)


def test_depth_images_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="rgb8"):
        read_depth_message(_image("rgb8", b"x" * 12, step=6))
    with pytest.raises(DataError, match="12 bytes"):
        read_depth_message(_image("32FC1", b"x" * 12, step=8))


def test_intrinsics_follow_the_image_size():
    info = camera_info_message(make_header(0, "c"), width=640, height=480, intrinsics=(500, 510, 319.5, 239.5))
    assert read_intrinsics(info, width=640, height=480) == (500, 510, 319.5, 239.5)
    assert read_intrinsics(info, width=1280, height=960) == (1000, 1020, 639.5, 479.5)
    info.k[0] = 0
    assert read_intrinsics(info, width=640, height=480) is None
