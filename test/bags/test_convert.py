# SPDX-License-Identifier: Apache-2.0
"""`prv2 bag`: nothing lost, the same every time, gone on with after a kill, honest about what it cannot use."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from recordings import START_NS, STEP_NS, argv, image_message, messages

from prv2_ros.bags import BagReader, BagWriter, typestore
from prv2_ros.bags.convert.part import ahead
from prv2_ros.bags.convert.plan import _parts
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header, read_depth_message, stamp_ns
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.cli.main import main

pytestmark = pytest.mark.timeout(240)

FRAMES = 7
WIDTH, HEIGHT = 96, 64


def _picture(index):
    rng = np.random.default_rng(index)
    return cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 2)


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Two cameras (JPEG, and mono8 without camera_info), depth of a sensor, and a topic that is only passed on."""
    path = tmp_path_factory.mktemp("in") / "drive"
    with BagWriter(path) as writer:
        for index in range(FRAMES):
            time_ns = START_NS + index * STEP_NS
            header = make_header(time_ns - 5_000_000, "front")
            info = camera_info_message(header, width=WIDTH, height=HEIGHT, intrinsics=(80, 80, 47.5, 31.5))
            writer.write("/front/camera_info", CAMERA_INFO_TYPE, time_ns, info)
            jpeg = cv2.imencode(".jpg", _picture(index))[1].tobytes()
            writer.write("/front/image/compressed", COMPRESSED_TYPE, time_ns, compressed_message(header, jpeg, "jpeg"))
            rear = make_header(time_ns - 4_000_000, "rear")
            writer.write(
                "/rear/image_raw", IMAGE_TYPE, time_ns + 1, image_message(rear, "mono8", _picture(index)[..., 0])
            )
            depth = np.full((4, 5), 1000 + index, np.uint16)
            writer.write("/sensor/depth", IMAGE_TYPE, time_ns + 2, image_message(header, "16UC1", depth))
            text = typestore().types["std_msgs/msg/String"](data=f"note {index}")
            writer.write("/notes", "std_msgs/msg/String", time_ns + 3, text)
    return path


@pytest.fixture(scope="module")
def converted(drive, random_weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "drive_depth"
    assert main(argv(drive, out, random_weights)) == 0
    return out


def test_every_message_is_passed_on_and_every_image_has_depth(drive, converted):
    before, after = messages(drive), messages(converted)
    inputs = {topic for topic, *_ in before}
    assert [m for m in after if m[0] in inputs] == before
    made = [m for m in after if m[0] not in inputs]
    counts = {topic: sum(m[0] == topic for m in made) for topic, *_ in made}
    assert counts == {
        "/front/depth/image_rect": FRAMES,
        "/front/depth/camera_info": FRAMES,
        "/front/points": FRAMES,
        "/front/timing": FRAMES,
        "/rear/depth/image_rect": FRAMES,
        "/rear/depth/camera_info": FRAMES,
        "/rear/timing": FRAMES,
    }


def test_what_was_made_of_a_frame(converted):
    with BagReader(converted) as reader:
        images = [reader.decode(r) for r in reader.messages(["/front/image/compressed"])]
        depths = [reader.decode(r) for r in reader.messages(["/front/depth/image_rect"])]
        infos = [reader.decode(r) for r in reader.messages(["/front/depth/camera_info"])]
        clouds = [reader.decode(r) for r in reader.messages(["/front/points"])]
        timings = [reader.decode(r) for r in reader.messages(["/front/timing"])]
        rear = reader.decode(next(reader.messages(["/rear/depth/camera_info"])))
    stamps = [stamp_ns(image) for image in images]
    assert all([stamp_ns(m) for m in made] == stamps for made in (depths, infos, clouds, timings))
    depth_m = read_depth_message(depths[0])
    assert depth_m.shape == (HEIGHT, WIDTH) and np.isfinite(depth_m).any() and depths[0].header.frame_id == "front"
    assert infos[0].k[0] == 80 and rear.k[0] == 0
    xyz = np.frombuffer(clouds[0].data, "<f4").reshape(HEIGHT // 4, WIDTH // 4, 4)
    assert np.array_equal(xyz[..., 2], depth_m[::4, ::4], equal_nan=True)
    assert np.allclose(xyz[3, 5, 0], depth_m[12, 20] * (20 - 47.5) / 80)
    assert (timings[0].weights, timings[0].input_width, timings[0].tiles_refined) == ("random", WIDTH, 1)
    assert timings[0].total_ms == 0, "measured times belong into timing.csv, or no two runs are the same"
    assert len((converted / "timing.csv").read_text().splitlines()) == 1 + 2 * FRAMES


def test_another_runtime_gives_the_same_depth(drive, converted, random_weights, tmp_path):
    pytest.importorskip("openvino")
    out = tmp_path / "drive_depth"
    assert main(argv(drive, out, random_weights, "--runtime", "openvino")) == 0
    topics, depths = ["/front/depth/image_rect"], []
    for path in (converted, out):
        with BagReader(path) as reader:
            depths.append(np.stack([read_depth_message(reader.decode(r)) for r in reader.messages(topics)]))
    assert len(depths[0]) == FRAMES
    np.testing.assert_allclose(*depths, rtol=1e-3, atol=1e-3)


def test_any_rosbag2_reader_can_read_it(converted):
    from rosbags.highlevel import AnyReader

    with AnyReader([converted]) as reader:
        assert reader.message_count == len(messages(converted))
        for connection, _, raw in reader.messages():
            reader.deserialize(raw, connection.msgtype)


def test_workers_make_the_same_recording(drive, converted, random_weights, tmp_path):
    assert main(argv(drive, tmp_path / "o", random_weights, "--workers", "2")) == 0
    assert messages(tmp_path / "o") == messages(converted)


def test_killed_half_way_and_run_again_it_is_the_same(drive, converted, random_weights, tmp_path, capsys):
    out = tmp_path / "o"
    command = [sys.executable, "-m", "prv2_ros.cli.main", *argv(drive, out, random_weights)]
    for _ in range(5):
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        while process.poll() is None and not (out / "o_0.mcap").exists():
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # On a busy machine this process may have slept until all was done: then the kill shows nothing.
        if not (out / "o_3.mcap").exists():
            break
    assert (out / "o_0.mcap").exists() and not (out / "o_3.mcap").exists(), "killed too late to show anything"
    assert not (out / "metadata.yaml").exists()
    assert main(argv(drive, out, random_weights)) == 0
    assert "already done" in capsys.readouterr().out
    assert messages(out) == messages(converted)
    assert not list(out.glob(".part-*")) and not list(out.glob(".timing-*"))
    # The part whose file was there already had left its times too.
    rows = [line.split(",")[:2] for line in (out / "timing.csv").read_text().splitlines()[1:]]
    assert len(rows) == 2 * FRAMES and len({tuple(row) for row in rows}) == 2 * FRAMES
    parts = [sorted(folder.glob("*.mcap")) for folder in (out, converted)]
    assert len(parts[0]) == 4 and all(a.read_bytes() == b.read_bytes() for a, b in zip(*parts, strict=True)), (
        "byte for byte"
    )


def test_a_finished_recording_is_left_alone(drive, converted, random_weights, capsys):
    before = {path: path.stat().st_mtime_ns for path in converted.iterdir()}
    assert main(argv(drive, converted, random_weights)) == 0
    assert {path: path.stat().st_mtime_ns for path in converted.iterdir()} == before
    assert f"depth of 0 images, {2 * FRAMES} already done" in capsys.readouterr().out


def test_other_settings_and_other_folders_are_not_touched(drive, converted, random_weights, tmp_path, capsys):
    assert main(argv(drive, converted, random_weights, "--max-range", "20")) == 1
    assert "other settings" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("mine")
    assert main(argv(drive, tmp_path, random_weights)) == 1
    assert "not an output of prv2 bag" in capsys.readouterr().err
    assert main(argv(converted, tmp_path / "again", random_weights)) == 1
    assert "already has" in capsys.readouterr().err


def test_a_cut_off_recording_gives_a_valid_one_up_to_there(drive, random_weights, tmp_path, capsys):
    # The whole of this small recording is one chunk; cut off, nothing would be left of it.
    bag = tmp_path / "cut"
    with BagWriter(bag, compress=False, chunk_bytes=1 << 12) as writer:
        for topic, kind, time_ns, data in messages(drive):
            writer.write(topic, kind, time_ns, data)
    file = bag / "cut.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert main(argv(bag, tmp_path / "o", random_weights, "--image", "/front/image/compressed")) == 1
    error = capsys.readouterr().err
    assert "cut off" in error and "valid up to that point" in error
    depths = [m for m in messages(tmp_path / "o") if m[0] == "/front/depth/image_rect"]
    assert 1 <= len(depths) < FRAMES
    with BagReader(tmp_path / "o") as reader:
        assert reader.damage is None


def test_images_that_cannot_be_used_are_passed_on_and_told(random_weights, tmp_path, capsys):
    bag = tmp_path / "odd"
    with BagWriter(bag) as writer:
        for index, encoding in enumerate(["mono16", "what", "mono16"]):
            time_ns = START_NS + index
            picture = np.full((HEIGHT, WIDTH), 300 * index, np.uint16)
            writer.write("/c/image", IMAGE_TYPE, time_ns, image_message(make_header(time_ns, "c"), encoding, picture))
    assert main(argv(bag, tmp_path / "o", random_weights)) == 0
    assert "1 images without depth" in capsys.readouterr().out
    topics = [topic for topic, *_ in messages(tmp_path / "o")]
    assert topics.count("/c/image") == 3 and topics.count("/c/depth/image_rect") == 2


@pytest.mark.parametrize(
    ("image", "words"), [("/nope", "no topic /nope"), ("/notes", "not images"), (None, "does not exist")]
)
def test_wrong_requests_are_one_clear_line(image, words, drive, random_weights, tmp_path, capsys):
    bag = drive if image else tmp_path / "none"
    assert main(argv(bag, tmp_path / "o", random_weights, *(["--image", image] if image else []))) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_calibration_file_takes_the_place_of_camera_info(drive, converted, random_weights, tmp_path, capsys):
    calibration = tmp_path / "c.yaml"
    matrix = [160, 0, 47.5, 0, 160, 31.5, 0, 0, 1]
    calibration.write_text(f"image_width: {WIDTH}\nimage_height: {HEIGHT}\ncamera_matrix: {{data: {matrix}}}\n")
    more = ["--image", "/front/image/compressed", "--camera-info", str(calibration)]
    assert main(argv(drive, tmp_path / "o", random_weights, *more)) == 0
    depth = {}
    for name, path in (("80", converted), ("160", tmp_path / "o")):
        with BagReader(path) as reader:
            depth[name] = read_depth_message(reader.decode(next(reader.messages(["/front/depth/image_rect"]))))
    assert np.allclose(depth["160"], 2 * depth["80"], rtol=1e-5)
    calibration.write_text("image_width: 3\n")
    assert main(argv(drive, tmp_path / "p", random_weights, *more)) == 1
    assert "not a camera calibration" in capsys.readouterr().err


def test_parts_are_stretches_of_time():
    parts = _parts([1, 2, 2, 2, 3, 4], 2)
    assert [(p.start_ns, p.stop_ns, p.frames) for p in parts] == [(None, 3, 4), (3, None, 2)]


def test_reading_ahead_keeps_order_and_hands_errors_over():
    def items():
        yield from range(5)
        raise KeyError("end")

    got = []
    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyError):
        for item in ahead(items(), 2, pool):
            got.append(item)
    assert got == [0, 1, 2, 3, 4]
