# SPDX-License-Identifier: Apache-2.0
"""What camera_info means for the image at hand: roi, binning, scale, distortion, and infos that cannot be used."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from plain_info import plain_info as camera_info

from prv2_ros.camera import CameraModel, says_rectified
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


def depth_info(model, width, height):
    return SimpleNamespace(**model.depth_info(width, height))


def test_plain_info_is_taken_as_it_is():
    model = _model(camera_info(fx=50, fy=60))
    assert model.focal_px == (50, 60) and not model.remap and not model.rectified and not model.problems
    info = depth_info(model, 64, 48)
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
    info = depth_info(model, 32, 24)
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
    out = depth_info(model, 320, 240)
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
    out = depth_info(model, 64, 48)
    np.testing.assert_allclose(out.d, info.d)
    np.testing.assert_allclose(out.k, info.k)


def test_an_image_that_is_rectified_already_belongs_to_p():
    info = camera_info(fx=50, d=DISTORTED["plumb_bob"])
    info.p[0] = info.p[5] = 45.0
    model = _model(info, input_rectified=True)
    assert not model.remap and model.focal_px == (45, 45) and not model.problems
    assert list(depth_info(model, 64, 48).d) == [0.0] * 5


@pytest.mark.parametrize("model,count", [("plumb_bob", 3), ("radtan", 15), ("equidistant", 5), ("omni", 5)])
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
    assert depth_info(model, 280, 240) == depth_info(expected, 280, 240)
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
    out = depth_info(model, 640, 480)
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
    assert not model.remap and model.focal_px == (600, 600) and depth_info(model, 640, 480).p[0] == 500


# The same lens by the names that other tools give it.


@pytest.mark.parametrize(
    "name,count,same",
    [
        ("plumb_bob", 8, "rational_polynomial"),
        ("rational_polynomial", 5, "plumb_bob"),
        ("", 5, "plumb_bob"),
        ("radtan", 4, "plumb_bob"),
        ("Radial-Tangential", 5, "plumb_bob"),
        ("plumb_bob", 14, "rational_polynomial"),
        ("fisheye", 4, "equidistant"),
        ("kannala_brandt4", 4, "equidistant"),
        ("KannalaBrandt8", 4, "equidistant"),
        ("equi", 4, "equidistant"),
    ],
)
def test_a_lens_is_what_its_name_and_its_number_of_coefficients_mean(name, count, same):
    d = ([-0.05, 0.01, 0.002, -0.001, 0.003, 0.02, 0.01, 0.001] + [0.001] * 6)[:count]
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    model, expected = (_model(camera_info(fx=50, d=d, model=text)) for text in (name, same))
    assert model.remap and not model.problems
    np.testing.assert_array_equal(model.rectify(picture), expected.rectify(picture))
    assert (model.rectify(picture) != picture).any()


@pytest.mark.parametrize("d,same", [([-0.1], [-0.1, 0, 0, 0]), ([-0.1, 0.02], [-0.1, 0.02, 0, 0, 0])])
def test_coefficients_that_are_not_stated_are_zero(d, same):
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    short, full = (_model(camera_info(fx=50, d=values)) for values in (d, same))
    np.testing.assert_array_equal(short.rectify(picture), full.rectify(picture))
    more = _model(camera_info(fx=50, d=[*same, *[0.0] * 12]))
    np.testing.assert_array_equal(more.rectify(picture), full.rectify(picture))


@pytest.mark.parametrize("d", [[], [0.0] * 4, [0.0] * 5])
def test_a_fisheye_lens_without_coefficients_is_one(d):
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    ideal = _model(camera_info(fx=20, d=d, model="equidistant"))
    almost = _model(camera_info(fx=20, d=[1e-9, 0, 0, 0], model="equidistant"))
    assert ideal.remap and depth_info(ideal, 64, 48).distortion_model == "plumb_bob"
    np.testing.assert_array_equal(ideal.rectify(picture), almost.rectify(picture))
    assert not _model(camera_info(fx=20, d=d)).remap


# Numbers that no camera has.


def _set(info, k=None, p=None):
    """Change some numbers of K and P, by their index."""
    for name, changes in (("k", k), ("p", p)):
        for index, value in (changes or {}).items():
            getattr(info, name)[index] = float(value)
    return info


NONSENSE = {
    "focal length of a pixel": (_set(camera_info(width=160, height=120, fx=1), k={0: 1, 4: 1}), "1 x 1 px.*178.6"),
    "no field of view": (camera_info(fx=1500), "1500 x 1500 px.*2.4"),
    "fx and fy": (camera_info(fx=50, fy=110), "50 and 110 px differ"),
    "principal point": (_set(camera_info(fx=50), k={2: 640}, p={2: 640}), "640, 24 lies outside.*64x48"),
    "negative principal point": (_set(camera_info(fx=50), k={5: -3}), "32, -3 lies outside"),
    "P of half the size": (
        _set(camera_info(width=64, height=48, fx=50), p={0: 25, 5: 25, 2: 16, 6: 12}),
        "K and P are not of one size.*50 x 50.*32, 24.*25 x 25.*16, 12",
    ),
    "P of another camera": (_set(camera_info(fx=50), p={0: 400, 5: 400}), "K and P are not of one size.*400 x 400"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_numbers_that_no_camera_has_are_refused_and_told(name):
    info, words = NONSENSE[name]
    model = _model(info, info.width, info.height)
    assert not model.calibrated and _reasons(model) == ["implausible"]
    assert re.search(words, model.problems[0][1]) and "is not metric" in model.problems[0][1]


@pytest.mark.parametrize(
    "info",
    [
        camera_info(width=640, height=480, fx=120, d=[0.0] * 4, model="equidistant"),
        camera_info(width=1242, height=375, fx=721),
        camera_info(width=2000, height=64, fx=2000),
        camera_info(width=640, height=480, fx=6000),
        _set(
            camera_info(width=640, height=480, fx=500), k={2: 250, 5: 300}, p={0: 420, 5: 420, 2: 330, 6: 235, 3: -60}
        ),
        _set(camera_info(fx=50), p=dict.fromkeys(range(12), 0)),
    ],
    ids=["fisheye", "panorama", "stripe", "tele", "rectified", "no P"],
)
def test_odd_cameras_are_cameras(info):
    model = _model(info, info.width, info.height)
    assert model.calibrated and model.focal_px[0] > 0 and not model.problems


def test_a_p_that_nobody_set_is_not_used():
    """P = [1 0 0 0; 0 1 0 0; 0 0 1 0], as some drivers send it beside a good K."""
    info = _set(camera_info(fx=50, d=DISTORTED["plumb_bob"]), p={0: 1, 2: 0, 5: 1, 6: 0})
    model = _model(info)
    assert model.focal_px == (50, 50) and model.remap and _reasons(model) == ["bad_projection"]
    # Of a rectified image P is the camera, so nothing is left without it.
    assert not _model(info, input_rectified=True).calibrated


@pytest.mark.parametrize(
    "size,binning,k,expected",
    [
        # Calibrated on binned images; the driver states the sensor's size and binning.
        ((2064, 1544), 4, (299.5, 254, 184), (299.5, 254, 184)),
        ((2064, 1544), 0, (299.5, 254, 184), (299.5, 254, 184)),
        # The other way: the sensor's K beside the size of the binned image.
        ((516, 386), 4, (1198, 1016, 736), (299.5, 254, 184)),
        # As the standard has it.
        ((2064, 1544), 4, (1198, 1016, 736), (299.5, 254, 184)),
    ],
)
def test_intrinsics_of_the_image_beside_the_size_of_the_sensor_are_understood(size, binning, k, expected):
    info = _set(camera_info(width=size[0], height=size[1]), k={0: k[0], 4: k[0], 2: k[1], 5: k[2]})
    info.p = [k[0], 0.0, k[1], 0.0, 0.0, k[0], k[2], 0.0, 0.0, 0.0, 1.0, 0.0]
    info.binning_x = info.binning_y = binning
    model = _model(info, 516, 386)
    np.testing.assert_allclose(model.k[[0, 0, 1], [0, 2, 2]], expected)
    np.testing.assert_allclose(model.p[:, :3], model.k)
    as_the_standard_has_it = size[0] > 2000 and k[0] > 1000
    assert _reasons(model) == ([] if as_the_standard_has_it else ["own_intrinsics"])
    assert as_the_standard_has_it or re.search(r"principal point .* cannot be", model.problems[0][1])


def test_a_crop_that_lies_far_from_the_middle_is_taken_as_stated():
    info = _set(camera_info(width=640, height=480, fx=500), k={2: 100, 5: 70}, p={2: 100, 6: 70})
    model = _model(info, 640, 480)
    assert model.focal_px == (500, 500) and model.k[0, 2] == 100 and not model.problems


@pytest.mark.parametrize(
    "name,rectified",
    [
        ("/camera/image_rect", True),
        ("/camera/image_rect_color", True),
        ("/camera/image_rectified", True),
        ("/left/rect/image", True),
        ("/camera/image_raw", False),
        ("/camera/image_direct", False),
        ("/rect/camera/front/image", False),
        ("image", False),
    ],
)
def test_the_name_of_a_rectified_image(name, rectified):
    assert says_rectified(name) == rectified
