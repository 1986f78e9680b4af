# SPDX-License-Identifier: Apache-2.0
"""One camera, written down by every common tool; and files with something wrong, which one line names."""

from pathlib import Path

import numpy as np
import pytest

from prv2_ros.bags.calibration_file import read_calibration
from prv2_ros.camera import CameraModel
from prv2_ros.errors import DataError

FILES = Path(__file__).parents[1] / "data" / "calibration"
K = [569.4, 0, 315.4, 0, 565.8, 246.6, 0, 0, 1]
D = [-0.33, 0.07, -0.003, 0.005, 0]
P = [510.5, 0, 318.1, 0, 0, 530.2, 245.9, 0, 0, 0, 1, 0]
PLAIN = "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [569.4, 0, 315.4, 0, 565.8, 246.6, 0, 0, 1]}\n"


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_the_same_camera_in_the_words_of_every_tool(path):
    info = read_calibration(path)
    assert (info.width, info.height, list(info.k)) == (640, 480, K)
    assert list(info.d) + [0] * (5 - len(info.d)) == D
    states_p = path.name.startswith(("ost", "topic"))
    np.testing.assert_allclose(info.p, P if states_p else [*K[:3], 0, *K[3:6], 0, 0, 0, 1, 0])
    model = CameraModel.from_info(info, width=640, height=480)
    assert model.remap and not model.problems


@pytest.mark.parametrize(
    "words",
    ["distortion_model: equidistant\n", "fisheye_model: 1\n", "distortion_model: kannala_brandt4\n"],
)
def test_a_fisheye_lens_is_one(words, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(f"%YAML:1.0\n---\n{PLAIN}{words}distortion_coefficients: [0.01, 0.002, 0, 0]\n")
    plain = CameraModel.from_info(read_calibration(path), width=640, height=480)
    path.write_text(PLAIN + "distortion_model: plumb_bob\ndistortion_coefficients: [0.01, 0.002, 0, 0]\n")
    other = CameraModel.from_info(read_calibration(path), width=640, height=480)
    picture = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    assert not plain.problems and (plain.rectify(picture) != other.rectify(picture)).mean() > 0.2


def test_orb_slams_fisheye_has_four_radial_numbers(tmp_path):
    path = tmp_path / "c.yaml"
    numbers = {"fx": 190, "fy": 191, "cx": 254, "cy": 256, "k1": 0.003, "k2": 0.0007, "k3": -0.002, "k4": 0.0002}
    lines = [f"Camera1.{name}: {value}" for name, value in numbers.items()]
    path.write_text(
        "\n".join(["%YAML:1.0", 'Camera.type: "KannalaBrandt8"', *lines, "Camera.width: 512", "Camera.height: 512"])
    )
    info = read_calibration(path)
    assert list(info.d) == [0.003, 0.0007, -0.002, 0.0002] and info.distortion_model in ("fisheye", "equidistant")


def test_binning_and_roi_of_a_printed_message_count(tmp_path):
    text = (
        (FILES / "topic_echo.yaml")
        .read_text()
        .replace("binning_x: 0", "binning_x: 2")
        .replace("x_offset: 0", "x_offset: 8")
    )
    (tmp_path / "c.yaml").write_text(text)
    info = read_calibration(tmp_path / "c.yaml")
    assert (info.binning_x, info.binning_y, info.roi.x_offset) == (2, 0, 8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLAIN.replace("camera_matrix", "camera_matirx"), "'camera_matirx'; did you mean camera_matrix"),
        (PLAIN + "distortion_coeficients: {data: [0.1, 0, 0, 0]}\n", "mean distortion_coefficients"),
        (PLAIN.replace("image_width: 640\n", ""), "no image_width"),
        (PLAIN.replace("data:", "dat:"), "camera_matrix has no data, only dat"),
        (PLAIN.replace(", 0, 0, 1]", "]"), "camera_matrix has 6 numbers, not 9"),
        (PLAIN + "projection_matrix: [1, 2]\n", "projection_matrix has 2 numbers, not 12"),
        (PLAIN.replace("569.4", "wide"), "a number of camera_matrix is 'wide'"),
        (PLAIN.replace("640", "[6]"), r"image_width is \[6\]"),
        (PLAIN.replace("640", "0"), "image size 0x480"),
        (PLAIN + "distortion_coefficients: [0.1, '...']\n", "full-length"),
        ("camera_matrix: [1, 2\n", "not valid YAML in line"),
        ("just words", "no keys and values"),
        ("", "no keys and values"),
        ("fx: 5\n", "only fx; expected a YAML of camera_calibration"),
        ("cam0: {intrinsics: [1, 2, 3, 4]}\ncam1: {intrinsics: [1, 2, 3, 4]}\n", "2 cameras"),
        ("cam0: {camera_model: omni, intrinsics: [1, 1, 2, 3, 4], resolution: [6, 4]}\n", "omni"),
        ("cam0: {intrinsics: [1, 2, 3], resolution: [6, 4]}\n", "intrinsics has 3 numbers, not 4"),
        ("<?xml version='1.0'?><opencv_storage><a>", "XML"),
        ("\x00\x01", "not a camera calibration"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(text, words, tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_calibration(path)
    assert "camera.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_text_or_not_there_is_named(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not text"):
        read_calibration(tmp_path / "c.yaml")
    with pytest.raises(DataError, match="No such file"):
        read_calibration(tmp_path / "none.yaml")
