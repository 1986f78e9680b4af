# SPDX-License-Identifier: Apache-2.0
"""What camera_info means for the image at hand: roi, binning, scale, distortion, and infos that cannot be used."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from plain_info import plain_info as camera_info

from prv2_ros.camera import CameraModel
from prv2_ros.camera.info import info_key

DISTORTED = {
    "plumb_bob": [-0.3, 0.1, 0.001, -0.002, 0.01],
    "rational_polynomial": [-0.3, 0.1, 0.001, -0.002, 0.01, 0.05, 0.02, 0.01],
    "equidistant": [-0.05, 0.01, 0.002, -0.001],
}


def _model(info, width=64, height=48, rectify=True, input_rectified=False):
    return CameraModel.from_info(info, width=width, height=height, rectify=rectify, input_rectified=input_rectified)


def _reasons(model):
    return [reason for reason, _ in model.problems]


def test_plain_info_is_taken_as_it_is():
    model = _model(camera_info(fx=50, fy=60))
    assert model.focal_px == (50, 60) and not model.remap and not model.rectified and not model.problems
    info = model.depth_info(64, 48)
    reference = camera_info(fx=50, fy=60)
    np.testing.assert_allclose(info.k, reference.k)
    np.testing.assert_allclose(info.p, reference.p)
    assert (info.width, info.height, list(info.d)) == (64, 48, [])


def test_roi_and_binning_lead_from_full_resolution_to_the_image():
    info = camera_info(width=640, height=480, fx=500, fy=600, tx=-50)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 40, 400, 320
    info.binning_x, info.binning_y = 2, 4
    model = _model(info, 200, 80)
    np.testing.assert_allclose(model.k, [[250, 0, (320 - 100) / 2], [0, 150, (240 - 40) / 4], [0, 0, 1]])
    np.testing.assert_allclose(model.p[0], [250, 0, 110, -25])
    assert not model.problems
    # A point of space falls on the pixel it would fall on in the full image, seen through window and bins.
    full = np.array(info.k).reshape(3, 3) @ [0.3, -0.2, 2.0]
    small = model.k @ [0.3, -0.2, 2.0]
    np.testing.assert_allclose(small[:2] / small[2], (full[:2] / full[2] - [100, 40]) / [2, 4])


def test_info_of_another_size_of_the_same_shape_is_scaled_and_reported():
    model = _model(camera_info(width=128, height=96, fx=100))
    assert model.focal_px == (50, 50) and _reasons(model) == ["size_scaled"]


def test_a_driver_that_bins_but_states_the_intrinsics_of_its_image_is_understood():
    info = camera_info(fx=50)
    info.binning_x = info.binning_y = 2
    assert _model(info).focal_px == (50, 50)


def test_info_without_a_size_is_that_of_the_image():
    info = camera_info(fx=50)
    info.width = info.height = 0
    model = _model(info)
    assert model.focal_px == (50, 50) and not model.problems


def _broken(name):
    info = camera_info(fx=50)
    if name == "uncalibrated":
        info.k[0] = 0.0
    elif name == "size_mismatch":
        info.width = 100
    elif name == "bad_roi":
        info.roi.x_offset, info.roi.width = 40, 40
    elif name == "nan":
        info.k[4] = float("nan")
    elif name == "inf in d":
        info.d = [float("inf")] * 5
    elif name == "negative":
        info.k[0] = -50.0
    return info


@pytest.mark.parametrize(
    "name,reason",
    [(name, name) for name in ("uncalibrated", "size_mismatch", "bad_roi")]
    + [(name, "bad_intrinsics") for name in ("nan", "inf in d", "negative")],
)
def test_info_that_cannot_be_used_leaves_the_camera_uncalibrated(name, reason):
    model = _model(_broken(name))
    assert not model.calibrated and model.focal_px is None and _reasons(model) == [reason]
    info = model.depth_info(32, 24)
    assert not np.any(info.k) and not np.any(info.p) and (info.width, info.height) == (32, 24)


@pytest.mark.parametrize("name", DISTORTED)
def test_rectification_puts_points_where_p_says(name):
    """A dot drawn where the distorted lens shows a point of space is found where P projects that point."""
    info = camera_info(width=640, height=480, fx=400, d=DISTORTED[name], model=name)
    info.p[0], info.p[5], info.p[2] = 330.0, 340.0, 310.0
    model = _model(info, 640, 480)
    assert model.remap and model.rectified and not model.problems
    rectify = model.rectify
    k, d = np.array(info.k).reshape(3, 3), np.array(info.d)
    for point in ([0.4, 0.2, 1.0], [-0.3, -0.25, 1.0], [0.0, 0.3, 1.0]):
        xyz = np.array([[point]])
        if name == "equidistant":
            pixel, _ = cv2.fisheye.projectPoints(xyz, np.zeros(3), np.zeros(3), k, d)
        else:
            pixel, _ = cv2.projectPoints(xyz, np.zeros(3), np.zeros(3), k, d)
        image = np.zeros((480, 640, 3), np.uint8)
        cv2.circle(image, np.round(pixel.ravel()).astype(int).tolist(), 4, (255, 255, 255), -1)
        rows, columns = np.nonzero(rectify(image)[..., 0] > 127)
        expected = np.array(info.p).reshape(3, 4)[:, :3] @ point
        np.testing.assert_allclose([columns.mean(), rows.mean()], expected[:2], atol=1.0)
    out = model.depth_info(320, 240)
    assert list(out.d) == [0.0] * 5 and out.distortion_model == "plumb_bob"
    np.testing.assert_allclose(out.k, [165, 0, 155, 0, 170, 120, 0, 0, 1])
    np.testing.assert_allclose(out.r, np.eye(3).ravel())


def test_what_rectification_cannot_show_is_told():
    info = camera_info(fx=40, d=[0.4, 0.1, 0, 0, 0])
    rectify = _model(info).rectifier
    assert rectify.outside.any() and not rectify.outside[24, 32]
    black = ~rectify(np.full((48, 64, 3), 255, np.uint8)).any(axis=2)
    assert not (black & ~rectify.outside).any()


def test_rectify_off_keeps_distortion_in_the_info():
    info = camera_info(fx=50, d=DISTORTED["plumb_bob"])
    model = _model(info, rectify=False)
    assert not model.remap and _reasons(model) == ["not_rectified"]
    out = model.depth_info(64, 48)
    np.testing.assert_allclose(out.d, info.d)
    np.testing.assert_allclose(out.k, info.k)


def test_an_image_that_is_rectified_already_belongs_to_p():
    info = camera_info(fx=50, d=DISTORTED["plumb_bob"])
    info.p[0] = info.p[5] = 45.0
    model = _model(info, input_rectified=True)
    assert not model.remap and model.focal_px == (45, 45) and not model.problems
    assert list(model.depth_info(64, 48).d) == [0.0] * 5


@pytest.mark.parametrize("model,count", [("plumb_bob", 3), ("equidistant", 5), ("omni", 5), ("", 5)])
def test_unknown_distortion_is_reported_and_the_image_used_as_it_is(model, count):
    camera = _model(camera_info(fx=50, d=[0.1] * count, model=model))
    assert camera.calibrated and not camera.remap and _reasons(camera) == ["distortion_model"]


@pytest.mark.parametrize("d", [[1e300] * 5, [-1e6, 1e6, 0, 0, 0], [0, 0, 1e9, -1e9, 0]])
def test_absurd_coefficients_do_no_harm(d):
    rectify = _model(camera_info(fx=50, d=d)).rectify
    assert rectify(np.full((48, 64, 3), 255, np.uint8)).shape == (48, 64, 3)


def _of_recording(info):
    from prv2_ros.bags.messages import make_header
    from prv2_ros.bags.types import CAMERA_INFO_TYPE, typestore

    store = typestore()
    roi = store.types["sensor_msgs/msg/RegionOfInterest"](**vars(info.roi))
    arrays = {name: np.array(getattr(info, name)) for name in "kdrp"}
    fields = {**vars(info), **arrays, "roi": roi, "header": make_header(0, info.header.frame_id)}
    message = store.types[CAMERA_INFO_TYPE](**fields)
    return store.deserialize_cdr(store.serialize_cdr(message, CAMERA_INFO_TYPE), CAMERA_INFO_TYPE)


def _of_rclpy(info):
    messages = pytest.importorskip("sensor_msgs.msg", reason="needs ROS 2")
    fields = {name: value for name, value in vars(info).items() if name != "header"}
    return messages.CameraInfo(**{**fields, "roi": messages.RegionOfInterest(**vars(info.roi))})


def _of_ros1(info):
    info = SimpleNamespace(**vars(info))
    for name in "kdrp":
        setattr(info, name.upper(), info.__dict__.pop(name))
    return info


@pytest.mark.parametrize("decoded", [_of_recording, _of_rclpy, _of_ros1], ids=["recording", "rclpy", "ROS 1"])
def test_whoever_decoded_the_info_the_model_is_the_same(decoded):
    info = camera_info(width=640, height=480, fx=400, d=DISTORTED["equidistant"], model="equidistant")
    info.roi.x_offset, info.roi.width, info.binning_x, info.binning_y = 40, 560, 2, 2
    expected, model = (_model(i, 280, 240) for i in (info, decoded(info)))
    assert model.remap and not model.problems and info_key(decoded(info)) == info_key(info)
    assert model.depth_info(280, 240) == expected.depth_info(280, 240)
    image = np.random.default_rng(0).integers(0, 255, (240, 280, 3), np.uint8)
    np.testing.assert_array_equal(model.rectify(image), expected.rectify(image))


def test_an_image_of_another_size_is_not_rectified():
    with pytest.raises(ValueError, match="32x24"):
        _model(camera_info(d=DISTORTED["plumb_bob"])).rectify(np.zeros((24, 32, 3), np.uint8))


def test_an_image_without_distortion_is_passed_through():
    model, image = _model(camera_info()), np.zeros((48, 64, 3), np.uint8)
    assert model.rectify(image) is image and model.outside is None


@pytest.mark.parametrize("name", DISTORTED)
def test_a_tensor_is_rectified_as_an_array_is(name):
    coefficients = [4 * value for value in DISTORTED[name]]  # so strong that corners show nothing
    model = _model(camera_info(width=320, height=240, fx=200, d=coefficients, model=name), 320, 240)
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 1.0)
    rectified = model.rectify(torch.from_numpy(image))
    assert rectified.dtype == torch.uint8 and rectified.device.type == "cpu"
    expected = model.rectify(image)
    assert np.abs(rectified.numpy().astype(int) - expected).max() <= 1
    assert np.abs(image.astype(int) - expected).max() > 50


def test_a_tensor_without_distortion_is_passed_through():
    model, image = _model(camera_info()), torch.zeros(48, 64, 3, dtype=torch.uint8)
    assert model.rectify(image) is image


def _rotated(degrees):
    return cv2.Rodrigues(np.array([0.0, np.deg2rad(degrees), 0.0]))[0]


@pytest.mark.parametrize("rotation", [0.0, 2.0])
def test_a_camera_without_distortion_is_rectified_where_p_or_r_say_so(rotation):
    """As of a rectified stereo pair: a dot at the pixel of a direction is found where P and R put that direction."""
    info = camera_info(width=640, height=480, fx=600)
    info.p[0] = info.p[5] = 500.0
    r = _rotated(rotation)
    info.r = r.ravel().tolist()
    model = _model(info, 640, 480)
    assert model.remap and model.rectified and model.focal_px == (500, 500) and not model.problems
    image = np.zeros((480, 640, 3), np.uint8)
    pixel = np.array(info.k).reshape(3, 3) @ [0.2, 0.1, 1.0]
    cv2.circle(image, np.round(pixel[:2]).astype(int).tolist(), 4, (255, 255, 255), -1)
    rows, columns = np.nonzero(model.rectify(image)[..., 0] > 127)
    expected = np.array(info.p).reshape(3, 4)[:, :3] @ r @ [0.2, 0.1, 1.0]
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected[:2] / expected[2], atol=1.0)
    out = model.depth_info(640, 480)
    np.testing.assert_allclose(np.reshape(out.p, (3, 4))[:, :3].ravel(), out.k)
    np.testing.assert_allclose(out.r, np.eye(3).ravel())


def test_a_projection_that_is_k_but_for_rounding_is_no_reason_to_rectify():
    info = camera_info(width=640, height=480, fx=600)
    info.p[0] += 1e-4
    model = _model(info, 640, 480)
    assert not model.remap and model.focal_px == (600, 600)


def test_p_and_r_stay_in_the_info_where_rectify_is_off():
    info = camera_info(width=640, height=480, fx=600)
    info.p[0] = info.p[5] = 500.0
    model = _model(info, 640, 480, rectify=False)
    assert not model.remap and model.focal_px == (600, 600) and model.depth_info(640, 480).p[0] == 500
