# SPDX-License-Identifier: Apache-2.0
"""Recordings as they come: distorted, cropped or binned cameras, odd encodings, no camera_info, other topics too."""

import cv2
import numpy as np
import pytest
from recordings import START_NS, argv, decoded, image_message, info_message, messages

from prv2_ros.bags import BagReader, BagWriter, typestore
from prv2_ros.bags.convert import make_plan
from prv2_ros.bags.convert.calibration import Calibrations
from prv2_ros.bags.convert.part import _groups
from prv2_ros.bags.messages import compressed_message, make_header, read_depth_message
from prv2_ros.bags.pictures import output_prefixes
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.cli.main import main

WIDTH, HEIGHT = 96, 64
K = np.array([[70.0, 0, 47.5], [0, 72.0, 31.5], [0, 0, 1]])
INTRINSICS = (70.0, 72.0, 47.5, 31.5)
D = (-0.25, 0.05, 0.001, -0.002, 0.0)
P = (60.0, 0, 46.0, 0, 0, 62.0, 30.0, 0, 0, 0, 1, 0)
TEXT = "std_msgs/msg/String"


def _picture(seed=0):
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 3)


def _record(path, entries):
    """Write (topic, type, message) one after the other."""
    with BagWriter(path) as writer:
        for index, (topic, kind, message) in enumerate(entries):
            writer.write(topic, kind, START_NS + index, message)
    return path


def _camera(name, info=None, *, topic="image_raw", encoding="rgb8", picture=None):
    """camera_info, if any, and an image."""
    image = image_message(make_header(START_NS, name), encoding, _picture() if picture is None else picture)
    entries = [(f"/{name}/camera_info", CAMERA_INFO_TYPE, info)] if info is not None else []
    return [*entries, (f"/{name}/{topic}", IMAGE_TYPE, image)]


def _depth(path, name):
    return read_depth_message(decoded(path, f"/{name}/depth/image_rect")[0])


def _info(path, name):
    return decoded(path, f"/{name}/depth/camera_info")[0]


@pytest.fixture(scope="module")
def lenses(random_weights, tmp_path_factory):
    """The same picture: through a lens, rectified by hand, said to be rectified by its name, cropped, and binned."""
    folder = tmp_path_factory.mktemp("lenses")
    size = (WIDTH, HEIGHT)
    lens = info_message(START_NS, "lens", size=size, intrinsics=INTRINSICS, d=D, p=P)
    p = np.array(P).reshape(3, 4)[:, :3]
    by_hand = cv2.undistort(_picture(), K, np.array(D), None, p)
    plain = info_message(START_NS, "hand", size=size, intrinsics=(60.0, 62.0, 46.0, 30.0))
    crop = info_message(START_NS, "crop", size=(400, 300), intrinsics=(70.0, 72.0, 147.5, 81.5), roi=(100, 50, *size))
    binned = info_message(START_NS, "bin", size=(192, 128), intrinsics=(140.0, 144.0, 95.0, 63.0), binning=(2, 2))
    same = info_message(START_NS, "plain", size=size, intrinsics=INTRINSICS)
    other_shape = info_message(START_NS, "odd", size=(50, 50), intrinsics=INTRINSICS)
    bag = _record(
        folder / "in",
        [
            *_camera("lens", lens),
            *_camera("hand", plain, picture=by_hand),
            *_camera("named", lens, topic="image_rect_color", picture=by_hand),
            *_camera("crop", crop),
            *_camera("bin", binned),
            *_camera("plain", same),
            *_camera("odd", other_shape),
        ],
    )
    assert main(argv(bag, folder / "out", random_weights)) == 0
    return folder


def test_distortion_is_removed_as_in_the_node(lenses):
    """As good as an image that another program rectified; where the lens saw nothing there is no depth."""
    depth_m, by_hand = _depth(lenses / "out", "lens"), _depth(lenses / "out", "hand")
    inside = np.isfinite(depth_m)
    assert 0.8 < inside.mean() < 1
    assert np.allclose(depth_m[inside], by_hand[inside], rtol=0.02)
    info = _info(lenses / "out", "lens")
    assert not info.d.any() and np.array_equal(info.r, np.eye(3).ravel())
    assert np.allclose(info.p, P) and np.allclose(info.k, np.array(P).reshape(3, 4)[:, :3].ravel())
    cloud = np.frombuffer(decoded(lenses / "out", "/lens/points")[0].data, "<f4").reshape(HEIGHT // 4, WIDTH // 4, 4)
    assert np.allclose(cloud[5, 7, 0], depth_m[20, 28] * (28 - 46.0) / 60.0, rtol=1e-5)


def test_an_image_called_rect_is_not_rectified_again(lenses):
    assert np.array_equal(_depth(lenses / "out", "named"), _depth(lenses / "out", "hand"))
    assert np.allclose(_info(lenses / "out", "named").p, P)


def test_distortion_may_be_left(lenses, random_weights, tmp_path, capsys):
    more = ("--image", "/lens/image_raw", "--no-rectify")
    assert main(argv(lenses / "in", tmp_path / "o", random_weights, *more)) == 0
    assert "rectify is off" in capsys.readouterr().out
    assert np.allclose(_info(tmp_path / "o", "lens").d, D)
    assert np.isfinite(_depth(tmp_path / "o", "lens")).all()


def test_roi_and_binning_are_honoured(lenses):
    plain = _depth(lenses / "out", "plain")
    for name in ("crop", "bin"):
        assert np.allclose(_depth(lenses / "out", name), plain, rtol=1e-6), name
        info = _info(lenses / "out", name)
        assert (info.width, info.height, info.k[0], info.k[4]) == (WIDTH, HEIGHT, 70, 72), name
        assert (info.roi.width, info.binning_x) == (0, 0), name
        assert np.allclose(info.k[[2, 5]], (47.5, 31.5), atol=0.01), name


def test_a_calibration_of_another_shape_is_told_and_not_used(lenses, random_weights, tmp_path, capsys):
    assert main(argv(lenses / "in", tmp_path / "o", random_weights, "--image", "/odd/image_raw")) == 0
    assert "camera_info is for 50x50 pixels" in capsys.readouterr().out
    assert _info(tmp_path / "o", "odd").k[0] == 0
    assert "/odd/points" not in {topic for topic, *_ in messages(tmp_path / "o")}


def test_a_calibration_file_for_one_camera(lenses, random_weights, tmp_path):
    calibration = tmp_path / "lens.yaml"
    calibration.write_text(
        f"image_width: {WIDTH}\nimage_height: {HEIGHT}\ncamera_matrix: {{data: {K.ravel().tolist()}}}\n"
        f"distortion_model: plumb_bob\ndistortion_coefficients: {{data: {list(D)}}}\n"
        f"projection_matrix: {{data: {list(P)}}}\n"
    )
    more = (
        "--image",
        "/plain/image_raw",
        "--image",
        "/odd/image_raw",
        "--camera-info",
        f"/odd/image_raw={calibration}",
    )
    assert main(argv(lenses / "in", tmp_path / "o", random_weights, *more)) == 0
    lens, odd = _depth(lenses / "out", "lens"), _depth(tmp_path / "o", "odd")
    assert np.array_equal(odd, lens, equal_nan=True)
    assert _info(tmp_path / "o", "plain").k[0] == 70


def test_another_calibration_is_another_recording(lenses, random_weights, tmp_path, capsys):
    """A changed file of the same name must not be mixed with what an earlier run made."""
    calibration = tmp_path / "c.yaml"
    for focal in (70, 90):
        matrix = [focal, 0, 47.5, 0, focal, 31.5, 0, 0, 1]
        calibration.write_text(f"image_width: 96\nimage_height: 64\ncamera_matrix: {{data: {matrix}}}\n")
        more = ("--image", "/plain/image_raw", "--camera-info", str(calibration))
        status = main(argv(lenses / "in", tmp_path / "o", random_weights, *more))
    assert status == 1 and "other settings" in capsys.readouterr().err


def test_encodings_that_show_the_same_give_the_same_depth(random_weights, tmp_path, capsys):
    grey = cv2.cvtColor(_picture(), cv2.COLOR_RGB2GRAY)
    grey3 = np.repeat(grey[..., None], 3, axis=2)
    wide = grey.astype(np.uint16) << 8
    mosaic = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture = _picture()
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = picture[row::2, column::2, channel]
    png = cv2.imencode(".png", wide)[1].tobytes()
    packed = compressed_message(make_header(START_NS, "png"), png, "mono16; png compressed")
    bag = _record(
        tmp_path / "in",
        [
            *_camera("rgb", picture=grey3),
            *_camera("mono8", encoding="mono8", picture=grey),
            *_camera("mono16", encoding="mono16", picture=wide),
            *_camera("wide", encoding="16UC1", picture=wide),
            *_camera("bayer", encoding="bayer_rggb8", picture=mosaic),
            *_camera("colour", picture=picture),
            ("/png/image_raw/compressed", COMPRESSED_TYPE, packed),
            *_camera("both", picture=grey3),
            ("/both/image_raw/compressed", COMPRESSED_TYPE, packed),
        ],
    )
    assert main(argv(bag, tmp_path / "o", random_weights)) == 0
    printed = capsys.readouterr().out
    assert "no depth of /wide/image_raw: it looks like depth (16UC1); name it with --image if it is not" in printed
    assert "no depth of /both/image_raw/compressed: the same images exist uncompressed" in printed
    assert "no camera_info; depth is not metric, and there is no point cloud" in printed
    expected = _depth(tmp_path / "o", "rgb")
    for name in ("mono8", "mono16", "png", "both"):
        assert np.array_equal(_depth(tmp_path / "o", name), expected), name
    # A Bayer mosaic is not the picture, but much nearer to it than one with red and blue exchanged.
    bayer, colour = _depth(tmp_path / "o", "bayer"), _depth(tmp_path / "o", "colour")
    assert np.abs(bayer - colour).mean() < 0.5 * np.abs(expected - colour).mean()
    topics = {topic for topic, *_ in messages(tmp_path / "o")}
    assert "/mono8/points" not in topics and "/wide/depth/image_rect" not in topics
    assert main(argv(bag, tmp_path / "w", random_weights, "--image", "/wide/image_raw")) == 0
    assert np.array_equal(_depth(tmp_path / "w", "wide"), expected)


def test_a_camera_info_elsewhere_is_found_by_its_frame(random_weights, tmp_path, capsys):
    info = info_message(START_NS, "optical", size=(WIDTH, HEIGHT), intrinsics=INTRINSICS)
    image = image_message(make_header(START_NS, "optical"), "rgb8", _picture())
    bag = _record(tmp_path / "in", [("/info", CAMERA_INFO_TYPE, info), ("/cam/raw/image", IMAGE_TYPE, image)])
    assert main(argv(bag, tmp_path / "o", random_weights)) == 0
    assert "/cam/raw/image uses /info: it has no camera_info of its own" in capsys.readouterr().out
    assert decoded(tmp_path / "o", "/cam/raw/depth/camera_info")[0].k[0] == 70


def test_damaged_image_messages_cost_themselves_only(random_weights, tmp_path, capsys):
    good = image_message(make_header(START_NS, "c"), "rgb8", _picture())
    whole = bytes(typestore().serialize_cdr(good, IMAGE_TYPE))
    bag = _record(tmp_path / "in", [("/c/image", IMAGE_TYPE, data) for data in (whole, whole[:60], whole)])
    assert main(argv(bag, tmp_path / "o", random_weights)) == 0
    assert "1 images without depth: /c/image" in capsys.readouterr().out
    topics = [topic for topic, *_ in messages(tmp_path / "o")]
    assert (topics.count("/c/image"), topics.count("/c/depth/image_rect")) == (3, 2)


def test_other_topics_do_not_keep_images_from_being_read_ahead(tmp_path):
    """Between two images lie more messages than are read ahead; they travel with the next image."""
    from concurrent.futures import ThreadPoolExecutor

    note = typestore().types[TEXT](data="x")
    image = _camera("c")[0]
    bag = _record(tmp_path / "in", [*([("/notes", TEXT, note)] * 300), image] * 3)
    with BagReader(bag) as reader, ThreadPoolExecutor(1) as pool:
        plan = make_plan(reader)
        cameras = {camera.image: camera for camera in plan.cameras}
        groups = list(_groups(reader, list(plan.parts), cameras, Calibrations(plan.infos, rectify=True), pool))
    assert [len(group.passed) for group in groups] == [300, 300, 300, 0]
    assert [group.picture is not None for group in groups] == [True, True, True, False]


@pytest.mark.parametrize(
    "images,prefix,expected",
    [
        (["/a/image_raw"], "/out", ["/out"]),
        (["/a/left", "/a/right"], None, ["/a/left", "/a/right"]),
        (["/a/left", "/a/right"], "/out", ["/out/left", "/out/right"]),
        (["/a/image_raw", "/b/image_raw"], None, ["/a", "/b"]),
        (["/a/image_raw", "/b/image_raw"], "/out", ["/out/a", "/out/b"]),
        (["/a/image_raw", "/b/image_raw/compressed"], "/out/", ["/out/a", "/out/b"]),
        (["/a/image", "/a/depth", "/b/image"], "", ["/a/image", "/a/depth", "/b/image"]),
        (["/a/image", "/a/image/compressed"], None, ["/a/image", "/a/image/compressed"]),
        (["/a/image", "/a/image/compressed", "/b/image"], None, ["/a/image", "/a/image/compressed", "/b"]),
    ],
)
def test_each_camera_has_output_topics_of_its_own(images, prefix, expected):
    assert output_prefixes(images, prefix) == dict(zip(images, expected, strict=True))


def test_two_cameras_under_one_prefix_are_not_mixed(lenses, random_weights, tmp_path):
    more = ("--image", "/plain/image_raw", "--image", "/bin/image_raw", "--prefix", "/out")
    assert main(argv(lenses / "in", tmp_path / "o", random_weights, *more)) == 0
    topics = [topic for topic, *_ in messages(tmp_path / "o")]
    assert topics.count("/out/plain/depth/image_rect") == topics.count("/out/bin/depth/image_rect") == 1


def test_the_last_line_says_how_fast_it_was(lenses, random_weights, tmp_path, capsys):
    assert main(argv(lenses / "in", tmp_path / "o", random_weights, "--image", "/plain/image_raw")) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "depth of 1 images; " in last and " frames/s, engine busy " in last
