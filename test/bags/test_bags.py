# SPDX-License-Identifier: Apache-2.0
"""Recordings survive writing and reading, in both storages; damaged and foreign ones say what is wrong."""

import shutil

import numpy as np
import pytest
from recordings import as_database
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from prv2_ros.bags import TIMING_TYPE, BagReader, BagWriter, typestore
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header, stamp_ns
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from prv2_ros.errors import DataError

START_NS = 1_700_000_000_000_000_000


def _write(path, *, count=40, size=60_000):
    rng = np.random.default_rng(0)
    with BagWriter(path) as writer:
        for index in range(count):
            time_ns = START_NS + index * 100_000_000
            header = make_header(time_ns, "camera")
            data = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
            writer.write("/image/compressed", COMPRESSED_TYPE, time_ns, compressed_message(header, data, "jpeg"))
            info = camera_info_message(header, width=64, height=48, intrinsics=(50, 51, 31.5, 23.5))
            writer.write("/camera_info", CAMERA_INFO_TYPE, time_ns + 1, info)
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("bag") / "drive")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_is_written_is_read(storage, tmp_path):
    path = _write(tmp_path / "drive", count=5)
    path = as_database(path) if storage == "sqlite3" else path
    with BagReader(path) as reader:
        assert {(t.name, t.type, t.count) for t in reader.topics} == {
            ("/image/compressed", COMPRESSED_TYPE, 5),
            ("/camera_info", CAMERA_INFO_TYPE, 5),
        }
        assert reader.damage is None and reader.message_count == 10
        records = list(reader.messages())
        assert [r.time_ns for r in records] == sorted(r.time_ns for r in records)
        info = reader.decode(records[3])
        assert stamp_ns(info) == START_NS + 100_000_000 and info.header.frame_id == "camera"
        assert info.k.tolist() == [50, 0, 31.5, 0, 51, 23.5, 0, 0, 1]
        assert len(list(reader.messages({"/camera_info"}, start_ns=START_NS + 2, stop_ns=START_NS + 300_000_001))) == 2
    suffix = {"mcap": "mcap", "sqlite3": "db3"}[storage]
    with BagReader(path / f"drive.{suffix}") as bare:
        assert [r.data for r in bare.messages()] == [r.data for r in records]


def test_another_reader_with_its_own_types_agrees(recording):
    """rosbags alone, with the types of Humble, finds the same; the definition of each type is in the file."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(recording) as reader:
        assert all(connection.msgdef.data and connection.digest for connection in reader.connections)
        connection, _, raw = next(iter(reader.messages()))
        assert len(store.deserialize_cdr(raw, connection.msgtype).data) == 60_000


def test_the_timing_message_survives(tmp_path):
    kind = typestore().types[TIMING_TYPE]
    fields = dict.fromkeys((name for name, _ in typestore().fielddefs[TIMING_TYPE][1]), 0)
    fields.update(header=make_header(5, "c"), device="cpu", precision="fp32", weights="prv2s", camera="", tiles_ms=12.5)
    with BagWriter(tmp_path / "t") as writer:
        writer.write("/timing", TIMING_TYPE, 7, kind(**fields))
    with BagReader(tmp_path / "t") as reader:
        (record,) = reader.messages()
        message = reader.decode(record)
    assert (message.tiles_ms, message.device, record.time_ns) == (12.5, "cpu", 7)


def test_a_recording_without_metadata_is_read_by_its_file(recording, tmp_path):
    copy = shutil.copytree(recording, tmp_path / "crashed")
    (copy / "metadata.yaml").unlink()
    with BagReader(copy) as reader:
        assert reader.message_count == 80


def test_an_unfinished_recording_has_no_metadata(tmp_path):
    with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / "b") as writer:
        writer.add_topic("/camera_info", CAMERA_INFO_TYPE)
        raise ZeroDivisionError
    assert not (tmp_path / "b" / "metadata.yaml").exists()


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_cut_off_file_gives_what_is_whole_and_then_the_error(recording, tmp_path, whole_folder):
    copy = shutil.copytree(recording, tmp_path / "cut")
    file = copy / "drive.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    with BagReader(recording) as reader:
        expected = list(reader.messages())
    with BagReader(copy if whole_folder else file) as reader:
        assert "cut off" in reader.damage and "messages before" in reader.damage
        got = []
        with pytest.raises(DataError, match="cut off"):
            for record in reader.messages():
                got.append(record)
        assert 10 < len(got) == reader.message_count < 80
        assert {(r.topic, r.time_ns, r.data) for r in got} <= {(r.topic, r.time_ns, r.data) for r in expected}
        assert reader.decode(got[0]) is not None


def test_a_cut_off_database_is_an_error(tmp_path):
    path = as_database(_write(tmp_path / "drive", count=20))
    file = path / "drive.db3"
    file.write_bytes(file.read_bytes()[:50_000])
    with pytest.raises(DataError, match="drive"):  # noqa: SIM117
        with BagReader(path) as reader:
            list(reader.messages())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing", None, "does not exist"),
        ("a.bag", b"#ROSBAG V2.0\n", "ROS 1"),
        ("a.mcap", b"", "empty"),
        ("a.mcap", b"not an mcap file at all", "not a readable"),
        ("a.db3", b"not a database", "not a readable"),
        ("a.txt", b"words", "folder, or a .mcap or .db3"),
    ],
)
def test_foreign_files_are_named(name, content, words, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        BagReader(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_foreign_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no metadata\.yaml"):
        BagReader(tmp_path)
    (tmp_path / "metadata.yaml").write_text("just: words")
    with pytest.raises(DataError, match="not a readable"):
        BagReader(tmp_path)


def test_missing_topics_and_wrong_types_are_named(recording):
    with BagReader(recording) as reader:
        with pytest.raises(DataError, match=r"/nope.*/image/compressed"):
            reader.topic("/nope")
        record = next(reader.messages({"/camera_info"}))
        wrong = type(record)(record.topic, TIMING_TYPE, record.time_ns, record.data[:40])
        with pytest.raises(DataError, match="is not a prv2_ros/msg/DepthTiming"):
            reader.decode(wrong)


def test_a_recording_is_never_overwritten(recording):
    with pytest.raises(DataError, match="exists"):
        BagWriter(recording)
