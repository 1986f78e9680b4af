# SPDX-License-Identifier: Apache-2.0
"""Files in and out: every fault is one clear line, units survive, nothing half-written remains."""

import cv2
import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.media import exif_focal_px, read_depth, read_image, write_depth, write_image, write_ply


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_rgb_order_survives(rgb, tmp_path):
    write_image(tmp_path / "a.png", rgb)
    assert (read_image(tmp_path / "a.png") == rgb).all()
    assert (cv2.imread(str(tmp_path / "a.png"))[..., ::-1] == rgb).all()


def test_grey_sixteen_bit_and_alpha_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "g.png"), np.full((4, 5), 77, np.uint8))
    assert (read_image(tmp_path / "g.png") == 77).all()
    cv2.imwrite(str(tmp_path / "w.png"), np.full((4, 5), 0x7F00, np.uint16))
    assert read_image(tmp_path / "w.png").shape == (4, 5, 3)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5, 4), 9, np.uint8))
    assert read_image(tmp_path / "a.png").shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"no image at all", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
    ],
)
def test_bad_images_are_named(content, words, tmp_path):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        read_image(path)
    assert "bad.png" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ImageError, match="directory"):
        read_image(tmp_path)


@pytest.mark.parametrize("suffix", ["npy", "exr"])
def test_metres_survive_exactly(suffix, tmp_path):
    if suffix == "exr":
        pytest.importorskip("OpenEXR")
    depth_m = np.random.default_rng(2).uniform(0.1, 300, (9, 7)).astype(np.float32)
    depth_m[0, :3] = [np.nan, np.inf, 0]
    write_depth(tmp_path / f"d.{suffix}", depth_m)
    assert np.array_equal(read_depth(tmp_path / f"d.{suffix}"), depth_m, equal_nan=True)


def test_png_holds_millimetres_zero_for_unknown_and_saturates(tmp_path):
    depth_m = np.array([[1.2344, np.nan, 0, -2, 65.535, 70.0, np.inf, -np.inf]], np.float32)
    write_depth(tmp_path / "d.png", depth_m)
    stored = cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and stored[0].tolist() == [1234, 0, 0, 0, 65535, 65535, 65535, 0]
    assert read_depth(tmp_path / "d.png")[0, 0] == pytest.approx(1.234)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    (tmp_path / "d.xyz").write_text("mine")
    with pytest.raises(ImageError, match=r"\.xyz"):
        write_depth(tmp_path / "d.xyz", np.ones((2, 2), np.float32))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ImageError, match="cannot write"):
        write_depth(tmp_path / "file" / "d.png", np.ones((2, 2), np.float32))
    assert (tmp_path / "d.xyz").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.xyz", "file"]


def test_an_eight_bit_png_is_no_depth(rgb, tmp_path):
    write_image(tmp_path / "a.png", rgb)
    with pytest.raises(ImageError, match="16-bit"):
        read_depth(tmp_path / "a.png")


def test_ply_is_read_back_by_its_own_header(tmp_path):
    xyz = np.array([[1, 2, 3], [-4, 5.5, 6]], np.float32)
    colours = np.array([[1, 2, 3], [250, 251, 252]], np.uint8)
    write_ply(tmp_path / "c.ply", xyz, colours)
    head, body = (tmp_path / "c.ply").read_bytes().split(b"end_header\n")
    assert b"element vertex 2" in head and len(body) == 2 * 15
    assert np.frombuffer(body[15:27], "<f4").tolist() == [-4, 5.5, 6] and list(body[27:30]) == [250, 251, 252]


def _photo(path, tags: dict[int, object], size=(600, 400)) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    Image.new("RGB", size).save(path, exif=exif)


def test_exif_focal_length(tmp_path):
    path = tmp_path / "p.jpg"
    _photo(path, {0xA405: 26})
    assert exif_focal_px(path) == pytest.approx(26 * np.hypot(600, 400) / 43.27)
    _photo(path, {0x920A: 4.0, 0xA20E: 5000.0, 0xA210: 3, 0xA002: 1200})
    assert exif_focal_px(path) == pytest.approx(4.0 * 5000 / 10 * 0.5)
    _photo(path, {})
    assert exif_focal_px(path) is None
    path.write_bytes(b"nothing")
    assert exif_focal_px(path) is None
    assert exif_focal_px(tmp_path / "absent.jpg") is None
