# SPDX-License-Identifier: Apache-2.0
"""Files in and out: every fault is one clear line, units survive, nothing half-written remains."""

import sys
import warnings
import zlib

import cv2
import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.media import exif_focal_px, read_depth, read_image, write_depth, write_image, write_ply
from prv2_ros.media.levels import parse_levels


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


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_a_turned_picture_is_read_upright_in_every_format(format, prefix, tmp_path):
    """Eight orientations of one picture, as cameras and tools state them, are the same picture."""
    from PIL import Image, features

    if format == "avif" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    if (format in ("tiff", "avif") and prefix) or (format == "jpeg" and not prefix):
        pytest.skip("the format has one way")
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24], upright[:16, 24:], upright[16:, :24] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    stored_as = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright[:, ::-1].transpose(1, 0, 2),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright[::-1].transpose(1, 0, 2),
    }
    for orientation, stored in stored_as.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = exif.tobytes().removeprefix(b"Exif\0\0")
        path = tmp_path / f"{orientation}.{format}"
        options = {"quality": 95} if format != "png" else {}
        options["exif"] = exif if format in ("tiff", "avif") else prefix + data
        Image.fromarray(np.ascontiguousarray(stored)).save(path, **options)
        image = read_image(path)
        assert image.shape == upright.shape, orientation
        assert (np.abs(image.astype(int) - upright) < 60).mean() > 0.9, orientation


def test_heic_is_read_with_its_package_and_not_turned_twice(tmp_path):
    """HEIC says by itself how it is turned; its EXIF repeats that."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    from PIL import Image

    pillow_heif.register_heif_opener()
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = (250, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA405: 26})
    Image.fromarray(picture).save(tmp_path / "p.heic", exif=exif, quality=95)
    image = read_image(tmp_path / "p.heic")
    assert image.shape == (64, 96, 3) and image[16, 24, 0] > 200 and image[16, 72, 0] < 60
    assert exif_focal_px(tmp_path / "p.heic") == pytest.approx(26 * np.hypot(64, 96) / 43.27)


def test_heic_that_cannot_be_read_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(ImageError, match=r"HEIC that pillow-heif cannot read|pip install pillow-heif"):
        read_image(path)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow-heif, or convert it to JPEG"):
        read_image(path)


@pytest.mark.parametrize("format", ["gif", "webp", "png", "tiff"])
def test_of_an_animation_the_first_picture_is_taken_and_that_is_said(format, rgb, tmp_path):
    from PIL import Image

    pictures = [Image.fromarray(picture) for picture in (rgb, rgb[::-1], rgb[:, ::-1])]
    options = {"lossless": True} if format == "webp" else {}
    pictures[0].save(tmp_path / f"a.{format}", save_all=True, append_images=pictures[1:], **options)
    notes = {}
    image = read_image(tmp_path / f"a.{format}", note=notes.setdefault)
    assert notes["several_pictures"] == "has 3 pictures; the first is used"
    assert np.abs(image.astype(int) - rgb).mean() < (40 if format == "gif" else 1)


def test_a_panorama_is_read_without_a_word_and_a_larger_picture_refused_in_one_line(tmp_path):
    """Headers of sizes that Pillow warns of and stops at; nothing of the kind is decoded here."""
    small = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()

    def png(width, height):
        head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + small[24:29]
        path = tmp_path / f"{width}.png"
        path.write_bytes(small[:12] + head + zlib.crc32(head).to_bytes(4, "big") + small[33:])
        return path

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for width, height in ((12000, 9000), (20000, 9000), (30000, 15000)):
            assert exif_focal_px(png(width, height)) is None
        with pytest.raises(ImageError, match="450 megapixels; the limit is 268"):
            read_image(png(30000, 15000))


def test_sixteen_bit_pictures_have_a_range(tmp_path):
    values = np.linspace(0, 4095, 48 * 64).astype(np.uint16).reshape(48, 64)  # 12 bits
    cv2.imwrite(str(tmp_path / "t.png"), values)
    notes = {}
    assert read_image(tmp_path / "t.png", note=notes.setdefault).max() == 15
    assert "auto or" in notes["narrow_range"]
    assert read_image(tmp_path / "t.png", levels=parse_levels("0-4095")).max() == 255


@pytest.mark.parametrize(
    ("tags", "size"),
    [
        # A resized picture whose width was changed and whose pixels per inch were not: a sensor 1.7 mm wide.
        ({0x920A: 135.0, 0xA20E: 4438.36, 0xA210: 2, 0xA002: 300, 0xA003: 200}, (300, 200)),
        ({0x920A: 7.4, 0xA20E: 8114.0, 0xA210: 2, 0xA002: 100, 0xA003: 75}, (100, 75)),
        ({0x920A: 7.4, 0xA20E: 1.0, 0xA210: 2, 0xA002: 100}, (100, 75)),
        ({0xA405: 2000}, (300, 200)),
        ({0x920A: 5.0, 0xA20E: 300.0, 0xA210: 1, 0xA002: 1200}, (300, 200)),
    ],
)
def test_exif_that_contradicts_itself_says_nothing(tags, size, tmp_path):
    _photo(tmp_path / "p.jpg", tags, size=size)
    assert exif_focal_px(tmp_path / "p.jpg") is None


def test_exif_focal_length(tmp_path):
    path = tmp_path / "p.jpg"
    _photo(path, {0xA405: 26})
    assert exif_focal_px(path) == pytest.approx(26 * np.hypot(600, 400) / 43.27)
    _photo(path, {0x920A: 4.0, 0xA20E: 3000.0, 0xA210: 3, 0xA002: 1200})
    assert exif_focal_px(path) == pytest.approx(4.0 * 3000 / 10 * 0.5)
    # Turned after it was taken: the longer side is still that of the sensor.
    _photo(path, {0x920A: 4.0, 0xA20E: 3000.0, 0xA210: 3, 0xA002: 1200, 0xA003: 800}, size=(400, 600))
    assert exif_focal_px(path) == pytest.approx(4.0 * 3000 / 10 * 0.5)
    _photo(path, {})
    assert exif_focal_px(path) is None
    path.write_bytes(b"nothing")
    assert exif_focal_px(path) is None
    assert exif_focal_px(tmp_path / "absent.jpg") is None
