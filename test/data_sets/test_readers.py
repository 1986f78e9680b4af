# SPDX-License-Identifier: Apache-2.0
"""Public data sets in their own layouts, made small: depth, focal length and splits come out right."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from prv2_ros.bags import BagWriter, typestore
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, CLOUD_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.data import CachedDataset, build_cache, open_dataset
from prv2_ros.data.lidar import project_points, read_points
from prv2_ros.errors import DataError

HEIGHT, WIDTH = 24, 40


def save_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), (10, 20, 30), np.uint8))


def save_raw(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = np.full((HEIGHT, WIDTH), value, np.uint16)
    raw[0] = 0
    cv2.imwrite(str(path), raw)


@pytest.fixture
def unreal(tmp_path: Path) -> Path:
    for scene in ("00000", "00001"):
        save_picture(tmp_path / scene / "Image0" / "00007.png")
        disparity = np.full((HEIGHT, WIDTH), 50.0, np.float32)
        disparity[0] = 0
        (tmp_path / scene / "Disp0").mkdir()
        np.save(tmp_path / scene / "Disp0" / "00007.npy", disparity)
        rotation = cv2.Rodrigues(np.array([0.1, 0.7, -0.2]))[0]
        for side, centre in enumerate(([1.0, 2.0, 3.0], None)):
            if centre is None:  # the right camera stands 0.4 m along the left one's x axis
                centre = np.array([1.0, 2.0, 3.0]) + rotation.T @ [0.4, 0, 0]
            matrix = np.hstack([rotation, (-rotation @ centre)[:, None]])
            folder = tmp_path / scene / f"Extrinsics{side}"
            folder.mkdir()
            rows = ["1500 0 20 0 1510 12 0 0 1", " ".join(f"{v:.12g}" for v in matrix.ravel())]
            (folder / "00007.txt").write_text("\n".join(rows))
    return tmp_path


def test_unreal_stereo(unreal: Path) -> None:
    data = open_dataset(unreal)
    assert data.names == ["00000/00007", "00001/00007"]
    sample = data[0]
    assert sample.depth_m[0].max() == 0
    np.testing.assert_allclose(sample.depth_m[1:], 1500 * 0.4 / 50, rtol=1e-5)
    assert sample.focal_px == (1500.0, 1510.0)
    assert sample.rgb[0, 0].tolist() == [30, 20, 10]


def test_names_with_folders_survive_the_cache(unreal: Path, tmp_path: Path) -> None:
    data = open_dataset(unreal)
    build_cache(data, tmp_path / "cache")
    cached = CachedDataset(tmp_path / "cache")
    assert cached.names == data.names
    np.testing.assert_allclose(cached[1].depth_m, data[1].depth_m, rtol=1e-3)


def test_unreal_stereo_names_a_missing_camera(unreal: Path) -> None:
    (unreal / "00000" / "Extrinsics1" / "00007.txt").unlink()
    with pytest.raises(DataError, match="Extrinsics1"):
        open_dataset(unreal)[0]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00", b"not an array"])
def test_unreal_stereo_names_a_damaged_disparity(unreal: Path, damage: bytes) -> None:
    file = unreal / "00000" / "Disp0" / "00007.npy"
    file.write_bytes(damage)
    with pytest.raises(DataError, match=r"Disp0/00007\.npy cannot be read as an array"):
        open_dataset(unreal)[0]


def test_cityscapes(tmp_path: Path) -> None:
    for split, city in (("train", "aachen"), ("val", "ulm")):
        stem = f"{city}_000000_000019"
        save_picture(tmp_path / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png")
        save_raw(tmp_path / "disparity" / split / city / f"{stem}_disparity.png", 1 + 256 * 32)
        camera = {"intrinsic": {"fx": 2262.0, "fy": 2265.0}, "extrinsic": {"baseline": 0.209}}
        file = tmp_path / "camera" / split / city / f"{stem}_camera.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(camera))
    val = open_dataset(tmp_path, "val")
    assert val.names == ["ulm/ulm_000000_000019"]
    sample = val[0]
    assert sample.depth_m[0].max() == 0
    np.testing.assert_allclose(sample.depth_m[1:], 2262 * 0.209 / 32, rtol=1e-5)
    assert sample.focal_px == (2262.0, 2265.0)
    half = np.full((HEIGHT // 2, WIDTH // 2), 257, np.uint16)
    cv2.imwrite(str(tmp_path / "disparity" / "val" / "ulm" / f"{stem}_disparity.png"), half)
    with pytest.raises(DataError, match=r"_disparity\.png is \(12, 20\), its picture \(24, 40\)"):
        val[0]
    file.unlink()
    with pytest.raises(DataError, match=r"camera\.json"):
        val[0]


def test_kitti(tmp_path: Path) -> None:
    drive = "2011_09_26_drive_0001_sync"
    save_picture(tmp_path / "2011_09_26" / drive / "image_02" / "data" / "0000000005.png")
    save_raw(tmp_path / "train" / drive / "proj_depth" / "groundtruth" / "image_02" / "0000000005.png", 2560)
    calibration = "P_rect_00: " + " ".join(["0"] * 12) + "\nP_rect_02: 721.5 0 609 44 0 722.5 172 0.2 0 0 1 0.002\n"
    (tmp_path / "2011_09_26" / "calib_cam_to_cam.txt").write_text(calibration)
    sample = open_dataset(tmp_path, "train")[0]
    assert sample.focal_px == (721.5, 722.5)
    assert np.unique(sample.depth_m).tolist() == [0.0, 10.0]
    assert sample.sparse
    assert len(open_dataset(tmp_path, "val")) == 0


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
            image = typestore().types[IMAGE_TYPE](
                header=make_header(time_ns + late, "camera"),
                height=HEIGHT,
                width=WIDTH,
                encoding="16UC1",
                is_bigendian=0,
                step=2 * WIDTH,
                data=np.frombuffer(depth.tobytes(), np.uint8),
            )
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


def test_unknown_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no known data set"):
        open_dataset(tmp_path)
