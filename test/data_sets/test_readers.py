# SPDX-License-Identifier: Apache-2.0
"""Public data sets in their own layouts, made small: depth, focal length and splits come out right."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from prv2_ros.data import open_dataset
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


def test_cityscapes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
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
    assert open_dataset(tmp_path).names == ["aachen/aachen_000000_000019"]
    assert "1 pictures have no camera.json" in caplog.text
    shutil.rmtree(tmp_path / "disparity")
    with pytest.raises(DataError, match=r"has no disparity/SPLIT/CITY/\*_disparity\.png"):
        open_dataset(tmp_path)


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


def test_kitti_leaves_out_depth_maps_without_a_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    depth = Path("proj_depth") / "groundtruth" / "image_02" / "0000000005.png"
    lone, whole = "2011_09_26_drive_0009_sync", "2011_09_26_drive_0001_sync"
    save_raw(tmp_path / "train" / lone / depth, 2560)
    with pytest.raises(DataError, match=r"depth maps, but none of their DATE/DRIVE_sync/image_02/data/\*\.png"):
        open_dataset(tmp_path)
    save_raw(tmp_path / "train" / whole / depth, 2560)
    save_picture(tmp_path / "2011_09_26" / whole / "image_02" / "data" / "0000000005.png")
    assert open_dataset(tmp_path).names == [f"{whole}/image_02/0000000005"]
    assert f"1 depth maps of {lone} have no picture" in caplog.text


def test_unknown_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no known data set"):
        open_dataset(tmp_path)
