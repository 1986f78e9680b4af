# SPDX-License-Identifier: Apache-2.0
"""A robot's own recordings: images find their depth, their camera and their LiDAR points."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from prv2_ros.bags import BagWriter, typestore
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.data import open_dataset
from prv2_ros.data.lidar import project_points, read_points
from prv2_ros.errors import DataError

HEIGHT, WIDTH = 24, 40


def cloud_message(header: object, points: np.ndarray) -> object:
    types = typestore().types
    field = types["sensor_msgs/msg/PointField"]
    data = np.zeros(len(points), np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")]))
    data["x"], data["y"], data["z"] = points.T
    names = ("x", "y", "z", "intensity")
    return types[CLOUD_TYPE](
        header=header,
        height=1,
        width=len(points),
        fields=[field(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate(names)],
        is_bigendian=False,
        point_step=16,
        row_step=16 * len(points),
        data=np.frombuffer(data.tobytes(), np.uint8),
        is_dense=True,
    )


def image_message(header: object, pixels: np.ndarray, encoding: str) -> object:
    height, width = pixels.shape[:2]
    return typestore().types[IMAGE_TYPE](
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.nbytes // height,
        data=np.frombuffer(pixels.tobytes(), np.uint8),
    )


LIDAR_AXES = [[0, -1, 0, 0.0], [0, 0, -1, -0.2], [1, 0, 0, -0.1]]  # x forward, y left, z up to optical
INTRINSICS = (30.0, 31.0, 19.5, 11.5)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    path = tmp_path / "drive"
    jpeg = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].tobytes()
    depth = np.full((HEIGHT, WIDTH), 4000, np.uint16)
    depth[0] = 0
    with BagWriter(path) as writer:
        for i in range(4):
            time_ns = 10**18 + i * 10**9
            header = make_header(time_ns, "camera")
            writer.write("/image", COMPRESSED_TYPE, time_ns, compressed_message(header, jpeg, "jpeg"))
            info = camera_info_message(header, width=WIDTH, height=HEIGHT, intrinsics=INTRINSICS)
            writer.write("/info", CAMERA_INFO_TYPE, time_ns, info)
            late = 900_000_000 if i == 3 else 20_000_000  # the last image has no depth near it
            image = image_message(make_header(time_ns + late, "camera"), depth, "16UC1")
            writer.write("/depth", IMAGE_TYPE, time_ns + late + 1, image)
            points = np.array([[8.1, 0.0, 0.0], [5.0 + i, 1.0, 0.3], [np.nan, 0, 0], [-3.0, 0, 0]])
            writer.write("/points", CLOUD_TYPE, time_ns + late + 2, cloud_message(make_header(time_ns, "l"), points))
    return path


def describe(bag: Path, **settings: object) -> None:
    (bag / "prv2_data.yaml").write_text(yaml.safe_dump({"image": "/image", "camera_info": "/info", **settings}))


def test_bag_with_depth_images(bag: Path) -> None:
    describe(bag, depth="/depth", licence="ours")
    data = open_dataset(bag)
    assert (len(data), data.licence) == (3, "ours")
    sample = data[1]
    assert np.unique(sample.depth_m).tolist() == [0.0, 4.0]
    assert sample.focal_px == INTRINSICS[:2]
    assert sample.rgb.shape == (HEIGHT, WIDTH, 3)
    assert not sample.sparse
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data))[1].depth_m, sample.depth_m)


def test_bag_with_lidar(bag: Path) -> None:
    describe(bag, points="/points", camera_from_lidar=LIDAR_AXES)
    sample = open_dataset(bag)[2]
    assert sample.sparse
    depth = sample.depth_m
    assert np.count_nonzero(depth) == 2
    ahead = depth[int(round(31.0 * -0.2 / 8.0 + 11.5)), 20]
    assert ahead == pytest.approx(8.0, abs=1e-5)
    left = depth[int(round(31 * (-0.3 - 0.2) / 6.9 + 11.5)), int(round(30 * -1.0 / 6.9 + 19.5))]
    assert left == pytest.approx(6.9, abs=1e-5)


def test_bag_says_what_is_missing(bag: Path) -> None:
    with pytest.raises(DataError, match=r"prv2_data\.yaml"):
        open_dataset(bag)
    describe(bag)
    with pytest.raises(DataError, match="either depth or points"):
        open_dataset(bag)
    describe(bag, depth="/no_such")
    with pytest.raises(DataError, match="/no_such"):
        open_dataset(bag)
    describe(bag, depth="/depth", max_gap_s=0.001)
    with pytest.raises(DataError, match=r"0\.001 s"):
        open_dataset(bag)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"points": "/points"}, "points need camera_from_lidar"),
        ({"points": "/points", "camera_from_lidar": [[1, 0, 0, 0], [0, 1, 0]]}, "3 rows of 4 numbers"),
        ({"points": "/points", "camera_from_lidar": [[0, 1, 0], [0, 0, 1], [1, 0, 0]]}, "3 rows of 4 numbers"),
        ({"points": "/points", "depth": "/depth"}, "either depth or points"),
        ({"depth": "/depth", "every": 0}, "every at least 1"),
        ({"depth": "/depth", "max_gap_s": float("nan")}, "max_gap_s is at least 0"),
        ({"depth": "/depth", "max_gap_s": "soon"}, "max_gap_s and every are numbers"),
        ({"depth": "/depth", "max_gap": 0.1}, "unknown key max_gap; known are image, .*max_gap_s"),
    ],
)
def test_settings_that_make_no_sense_are_named(bag: Path, settings: dict, named: str) -> None:
    describe(bag, **settings)
    with pytest.raises(DataError, match=rf"prv2_data\.yaml.*{named}"):
        open_dataset(bag)


@pytest.mark.parametrize("text", ["", "- image", "image: [", "{image: /image}"])
def test_settings_that_are_none_are_named(bag: Path, text: str) -> None:
    (bag / "prv2_data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"prv2_data\.yaml (is not YAML|must name image)"):
        open_dataset(bag)


def test_points_hidden_behind_near_ones_are_dropped() -> None:
    points = np.array([[0.0, 0.0, 2.0], [0.1, 0.0, 9.0], [4.0, 0.0, 9.0]])
    depth = project_points(points, np.eye(4), INTRINSICS, (HEIGHT, WIDTH))
    assert sorted(depth[depth > 0].tolist()) == [2.0, 9.0]
    alone = project_points(points[1:2], np.eye(4), INTRINSICS, (HEIGHT, WIDTH))
    assert alone.max() == 9.0


def test_clouds_without_float_xyz_are_refused() -> None:
    message = cloud_message(make_header(0, "l"), np.zeros((1, 3)))
    message.fields.pop(0)
    with pytest.raises(DataError, match="y, z, intensity"):
        read_points(message)


@pytest.mark.parametrize(("part", "value"), [("row_step", 8), ("width", 3), ("point_step", 8), ("height", 2)])
def test_clouds_whose_bytes_do_not_fit_are_refused(part: str, value: int) -> None:
    message = cloud_message(make_header(0, "l"), np.zeros((2, 3)))
    setattr(message, part, value)
    with pytest.raises(DataError, match="which do not fit"):
        read_points(message)


def test_what_hides_behind_near_things_is_dropped_at_every_resolution() -> None:
    # A wall at 6 m before one at 30 m, seen by a LiDAR 0.5 m above the camera: 64 rows of a spinning LiDAR.
    pitch = np.deg2rad(np.linspace(-12, 4, 64))[:, None]
    yaw = np.deg2rad(np.arange(-20, 20, 0.2))[None]
    ray = np.stack(np.broadcast_arrays(np.tan(yaw), -np.tan(pitch) / np.cos(yaw), np.ones_like(yaw)), axis=-1)
    lidar = np.array([0.0, -0.5, 0.0])
    near = ray * 6.0 + lidar
    far = ray * 30.0 + lidar
    hits_near = (near[..., 1] > -0.3) & (abs(near[..., 0]) < 1.5)
    points = np.where(hits_near[..., None], near, far).reshape(-1, 3)
    for focal, size in ((721.0, (375, 1242)), (2600.0, (2160, 3840))):
        camera = (focal, focal, size[1] / 2, size[0] / 2)
        depth = project_points(points, np.eye(4), camera, size)
        rows, columns = np.nonzero(depth > 20)
        x, y = (columns - camera[2]) / focal * 6.0, (rows - camera[3]) / focal * 6.0
        inside = (abs(x) < 1.4) & (y > -0.25) & (y < near[0, :, 1].max() - 0.2)
        assert np.count_nonzero(depth[depth > 0] < 7) > 1000
        assert np.count_nonzero(inside) == 0


def rewrite(
    bag: Path, count: int = 3, *, stamps: list[int] | None = None, depth_frame: str = "camera", **change: object
) -> None:
    """A bag whose frames are all recorded at one time; `change` sets fields of its camera_info."""
    with BagWriter(bag) as writer:
        for i in range(count):
            stamp = 10**18 + i * 10**9 if stamps is None else stamps[i]
            header = make_header(stamp, "camera")
            picture = np.full(
                (HEIGHT, WIDTH, 2), (128, (40 + 40 * i) % 256), np.uint8
            )  # YUYV is luma first, UYVY second
            writer.write("/image", IMAGE_TYPE, 10**18, image_message(header, picture, "uyvy"))
            info = camera_info_message(header, width=WIDTH, height=HEIGHT, intrinsics=INTRINSICS)
            for name, value in change.items():
                setattr(info, name, value)
            writer.write("/info", CAMERA_INFO_TYPE, 10**18, info)
            depth = np.full((HEIGHT // 2, WIDTH // 2), 1000 * (i % 60 + 1), np.uint16)
            writer.write("/depth", IMAGE_TYPE, 10**18, image_message(make_header(stamp, depth_frame), depth, "16UC1"))
    describe(bag, depth="/depth")


def test_frames_of_one_record_time_are_told_apart_by_their_stamps(tmp_path: Path) -> None:
    rewrite(tmp_path / "run.1")
    data = open_dataset(tmp_path / "run.1")
    assert data.name == "run.1"
    assert [float(data[i].depth_m.max()) for i in range(3)] == [1.0, 2.0, 3.0]
    colours = [int(data[i].rgb[0, 0, 0]) for i in range(3)]
    assert colours == sorted(set(colours))


def test_images_of_one_stamp_are_refused(tmp_path: Path) -> None:
    rewrite(tmp_path / "run", stamps=[5, 5, 6])
    with pytest.raises(DataError, match="two images of /image have the stamp 5"):
        open_dataset(tmp_path / "run")


def test_rectified_images_belong_to_p(tmp_path: Path) -> None:
    p = np.array([25.0, 0, 19.5, 0, 0, 26.0, 11.5, 0, 0, 0, 1, 0])
    rewrite(tmp_path / "run", p=p, d=np.array([-0.3, 0.1, 0, 0, 0]))
    assert open_dataset(tmp_path / "run")[0].focal_px == (25.0, 26.0)


def test_lens_distortion_is_taken_out_where_the_yaml_says_so(tmp_path: Path) -> None:
    p = np.array([25.0, 0, 19.5, 0, 0, 26.0, 11.5, 0, 0, 0, 1, 0])
    rewrite(tmp_path / "run", p=p, d=np.array([0.3, 0, 0, 0, 0]))
    describe(tmp_path / "run", depth="/depth", rectified=False)
    sample = open_dataset(tmp_path / "run")[0]
    assert sample.focal_px == (25.0, 26.0)
    assert (sample.depth_m[0, 0], sample.depth_m[HEIGHT // 2, WIDTH // 2]) == (0, 1)  # the corner has no picture


def test_a_region_of_interest_is_no_smaller_camera(tmp_path: Path) -> None:
    region = typestore().types["sensor_msgs/msg/RegionOfInterest"]
    roi = region(x_offset=10, y_offset=6, height=HEIGHT, width=WIDTH, do_rectify=False)
    rewrite(tmp_path / "run", width=2 * WIDTH, height=2 * HEIGHT, roi=roi)
    assert open_dataset(tmp_path / "run")[0].focal_px == INTRINSICS[:2]


def test_uncalibrated_cameras_and_depth_of_another_camera_are_refused(tmp_path: Path) -> None:
    rewrite(tmp_path / "run", k=np.zeros(9))
    with pytest.raises(DataError, match=r"/info: camera_info has K\[0\] = 0"):
        open_dataset(tmp_path / "run")[0]
    with BagWriter(tmp_path / "other") as writer:
        header = make_header(10**18, "camera")
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        writer.write("/image", IMAGE_TYPE, 10**18, image_message(header, picture, "rgb8"))
        info = camera_info_message(header, width=WIDTH, height=HEIGHT, intrinsics=INTRINSICS)
        writer.write("/info", CAMERA_INFO_TYPE, 10**18, info)
        writer.write("/depth", IMAGE_TYPE, 10**18, image_message(header, np.ones((24, 24), np.uint16), "16UC1"))
    describe(tmp_path / "other", depth="/depth")
    with pytest.raises(DataError, match=r"depth of /depth is 24x24, its image 40x24.*registered"):
        open_dataset(tmp_path / "other")[0]


def test_forked_workers_do_not_share_an_open_file(tmp_path: Path) -> None:
    rewrite(tmp_path / "run")
    data = open_dataset(tmp_path / "run")
    data[0]  # the bag is open in this process now
    mine = data._bag
    child = os.fork()
    if child == 0:
        ok = False
        try:
            ok = float(data[1].depth_m.max()) == 2.0 and data._bag is not mine
        finally:
            os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert data._bag is mine


def test_a_cut_off_recording_is_used_as_far_as_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rewrite(tmp_path / "run", 900)  # three chunks of 1 MiB
    (file,) = (tmp_path / "run").glob("*.mcap")
    whole = file.read_bytes()
    (tmp_path / "run" / "metadata.yaml").unlink()
    file.write_bytes(whole[: int(len(whole) * 0.6)])
    data = open_dataset(tmp_path / "run")
    assert 0 < len(data) < 900
    assert "is cut off" in caplog.text
    assert float(data[0].depth_m.max()) == 1.0


def test_the_last_tenth_in_time_is_val(tmp_path: Path) -> None:
    rewrite(tmp_path / "run", 10)
    assert len(open_dataset(tmp_path / "run", "train")) == 9
    assert open_dataset(tmp_path / "run", "val").names == [str(10**18 + 9 * 10**9)]


def test_a_recording_of_one_frame_can_be_trained_on(tmp_path: Path) -> None:
    rewrite(tmp_path / "run", 1)
    assert len(open_dataset(tmp_path / "run", "train")) == 1
    assert len(open_dataset(tmp_path / "run", "val")) == 0


def test_depth_in_a_frame_of_its_own_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rewrite(tmp_path / "one")
    open_dataset(tmp_path / "one")
    assert not caplog.records
    rewrite(tmp_path / "two", depth_frame="camera_depth_optical_frame")
    open_dataset(tmp_path / "two")
    assert "/image is in frame 'camera', /depth in 'camera_depth_optical_frame'" in caplog.text
