# SPDX-License-Identifier: Apache-2.0
"""`prv2 depth` with the real engine: every format, every input, and bad ones that cost one line and nothing else."""

import json
import shutil

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from prv2_ros.cli.main import main
from prv2_ros.media import read_depth, read_image, write_image


@pytest.fixture(scope="module")
def rgb():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[20:, :, 0] = np.linspace(0, 255, 80)
    return picture


@pytest.fixture
def image(rgb, tmp_path):
    write_image(tmp_path / "in" / "a.png", rgb)
    return tmp_path / "in" / "a.png"


def test_one_image_in_every_format(image, tmp_path, random_weights, capsys):
    out = tmp_path / "out" / "d.png"
    status = main(
        ["depth", str(image), "--focal-px", "70", "-o", str(out), "--weights", str(random_weights)]
        + ["--also", "color,npy,exr,ply"]
    )
    assert status == 0
    depth_m = read_depth(out.with_suffix(".npy"))
    assert depth_m.shape == (60, 80) and np.isfinite(depth_m).all() and depth_m.std() > 0
    assert np.abs(read_depth(out) - np.clip(depth_m, 0, 65.535)).max() <= 0.00051
    assert read_image(out.with_name("d_color.png")).shape[0] > 60
    assert f"element vertex {np.count_nonzero(depth_m > 0)}".encode() in out.with_suffix(".ply").read_bytes()[:200]
    line = capsys.readouterr().out
    assert "80x60" in line and "70 px as given" in line and "ms" in line


@pytest.mark.parametrize(("budget_ms", "tiles"), [("0.001", "1 of 4 tiles"), ("1e9", " 4 tiles")])
def test_a_budget_says_how_many_tiles_fitted(image, tmp_path, random_weights, capsys, budget_ms, tiles):
    options = ["--weights", str(random_weights), "--grid", "2x2", "--also", "none", "--budget-ms", budget_ms]
    assert main(["depth", str(image), "-o", str(tmp_path / "d.npy"), *options]) == 0
    assert tiles in capsys.readouterr().out


def test_a_batch_goes_on_after_bad_inputs(rgb, image, tmp_path, random_weights, capsys):
    """Folder with subfolder, one-pixel image, empty file, text, missing file, tiny video: what can be done is done."""
    folder = image.parent
    write_image(folder / "sub" / "a.png", rgb)
    write_image(folder / "one.png", np.zeros((1, 1, 3), np.uint8))
    (folder / "empty.png").write_bytes(b"")
    (folder / "broken.jpg").write_text("words")
    video = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (80, 64))
    for index in range(3):
        video.write(np.full((64, 80, 3), 40 * index, np.uint8))
    video.release()
    out = tmp_path / "out"
    status = main(
        ["depth", str(folder), str(tmp_path / "v.avi"), str(tmp_path / "gone.png"), "-o", str(out), "--every", "2"]
        + ["--weights", str(random_weights), "--also", "none"]
    )
    assert status == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == ["a.png", "sub/a.png", "v/00000.png", "v/00002.png"]
    streams = capsys.readouterr()
    for name in ("one.png", "1x1", "empty.png", "broken.jpg", "gone.png", "3 of 7 inputs done, 4 failed"):
        assert name in streams.err
    assert streams.err.count("\n") == 5
    assert "UNKNOWN" in streams.out


def test_exif_gives_the_focal_length_and_that_is_said(rgb, tmp_path, random_weights, capsys):
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA405: 26})
    Image.fromarray(rgb).save(tmp_path / "p.jpg", exif=exif)
    assert (
        main(["depth", str(tmp_path / "p.jpg"), "-o", str(tmp_path / "p.npy"), "--weights", str(random_weights)]) == 0
    )
    assert "60 px from EXIF (not calibrated)" in capsys.readouterr().out
    assert (tmp_path / "p_color.png").is_file()


def test_twice_the_focal_length_is_twice_the_depth(image, tmp_path, random_weights):
    for focal in ("50", "100,100"):
        out = str(tmp_path / f"f{focal[:3]}.npy").replace(",", "")
        argv = ["depth", str(image), "-o", out, "--focal-px", focal, "--also", "none", "--weights", str(random_weights)]
        assert main(argv) == 0
    ratio = read_depth(tmp_path / "f100.npy") / read_depth(tmp_path / "f50.npy")
    assert np.allclose(ratio, 2.0, atol=1e-4)


def _refused(argv, capsys):
    """The one line that a refused command prints."""
    assert main(["depth", *map(str, argv)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error
    return error


def test_wrong_weights_are_one_clear_line(image, tmp_path, random_weights, capsys):
    argv = [image, "-o", tmp_path / "d.png", "--weights"]
    assert "no weights 'prv2x'" in _refused([*argv, "prv2x"], capsys)
    assert "no weights file" in _refused([*argv, tmp_path / "none.safetensors"], capsys)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(random_weights.read_bytes()[:100_000])
    assert "truncated" in _refused([*argv, cut], capsys)
    (tmp_path / "p.safetensors").write_bytes(b"\x80\x04pickle")
    assert "pickle" in _refused([*argv, tmp_path / "p.safetensors"], capsys)
    with safe_open(random_weights, framework="np") as file:
        metadata = {**file.metadata(), "variant": json.dumps("prv2m")}
    save_file(load_file(random_weights), tmp_path / "other.safetensors", metadata=metadata)
    assert "prv2m" in _refused([*argv, tmp_path / "other.safetensors"], capsys)
    assert not (tmp_path / "d.png").exists()


def test_wrong_requests_are_one_clear_line(image, tmp_path, random_weights, capsys):
    weights = ["--weights", random_weights]
    assert ".xyz" in _refused([image, "-o", tmp_path / "d.xyz", *weights], capsys)
    shutil.copy(image, tmp_path / "in" / "b.png")
    assert "several images" in _refused([image.parent, "-o", tmp_path / "d.png", *weights], capsys)
    assert "overwrite" in _refused([image, "-o", image, *weights], capsys)
    assert "overwrite" in _refused([image.parent, "-o", image.parent, *weights], capsys)
    (tmp_path / "void").mkdir()
    assert "no image or video" in _refused([tmp_path / "void", "-o", tmp_path / "o", *weights], capsys)
    assert "p99" in _refused([image, "-o", tmp_path / "d.png", "--mode", "p99", *weights], capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "void"]


@pytest.mark.parametrize("focal", ["-5", "0", "nan", "inf", "x", "1,2,3"])
def test_a_focal_length_that_is_none_is_wrong_usage(focal, image, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["depth", str(image), "-o", "d.png", f"--focal-px={focal}"])
    assert caught.value.code == 2


def test_a_damaged_video_is_done_as_far_as_it_goes_with_true_numbers_and_exit_status_1(
    tmp_path, random_weights, capsys
):
    path = tmp_path / "v.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (80, 64))
    for index in range(8):
        video.write(np.full((64, 80, 3), 20 * index, np.uint8))
    video.release()
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"00dc" and data[at + 8 : at + 10] == b"\xff\xd8"]
    data[starts[3] : starts[5]] = bytes(starts[5] - starts[3])
    path.write_bytes(data)
    out = tmp_path / "out"
    argv = ["depth", str(path), "-o", str(out), "--weights", str(random_weights), "--also", "none", "--every", "2"]
    assert main(argv) == 1
    assert sorted(file.name for file in (out / "v").iterdir()) == ["00000.png", "00002.png", "00006.png"]
    streams = capsys.readouterr()
    assert "v.avi is damaged: 6 of the 8 stated frames could be read; missing are 3 to 4" in streams.err
    assert "v.avi frame 6 at 0.600 s: 80x64" in streams.out and streams.err.count("\n") == 1


def test_a_folder_says_what_it_leaves_out_and_16_bits_have_a_range(tmp_path, random_weights, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "thermal.png"), np.linspace(7300, 8900, 64 * 80).astype(np.uint16).reshape(64, 80))
    (folder / "notes.txt").write_text("x")
    argv = ["depth", str(folder), "--weights", str(random_weights), "--also", "none", "-o"]
    assert main([*argv, str(tmp_path / "full")]) == 0
    streams = capsys.readouterr()
    assert "notes.txt: not an image or video" in streams.err and "thermal.png: 16-bit values" in streams.out
    assert main([*argv, str(tmp_path / "auto"), "--intensity-range", "auto"]) == 0
    assert "16-bit values" not in capsys.readouterr().out
    assert not np.array_equal(
        read_depth(tmp_path / "full" / "thermal.png"), read_depth(tmp_path / "auto" / "thermal.png")
    )


@pytest.mark.parametrize("focal", ["1", "20000", "70,200"])
def test_a_focal_length_that_no_camera_has_is_refused(focal, image, tmp_path, random_weights, capsys):
    argv = [image, "-o", tmp_path / "d.npy", "--focal-px", focal, "--weights", random_weights]
    assert "--focal-px is wrong for" in _refused(argv, capsys)
