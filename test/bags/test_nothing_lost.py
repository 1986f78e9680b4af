# SPDX-License-Identifier: Apache-2.0
"""What lies in a recording's files is read and passed on, whatever metadata.yaml says and whoever encoded it."""

import base64
import json
import shutil
import sqlite3
import struct

import cv2
import numpy as np
import pytest
import yaml
import zstandard
from mcap.reader import make_reader
from mcap.writer import Writer as McapWriter
from recordings import START_NS, argv, as_database, decoded, image_message, messages
from rosbags.typesys import Stores, get_typestore

from prv2_ros.bags import BagReader, BagWriter, typestore
from prv2_ros.bags.convert import make_plan
from prv2_ros.bags.depth_recording import DepthRecording
from prv2_ros.bags.messages import compressed_message, make_header, stamp_ns
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE
from prv2_ros.cli.main import main
from prv2_ros.errors import DataError

WIDTH, HEIGHT = 48, 32
PICTURE = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 2)
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
PNG16 = cv2.imencode(".png", np.full((HEIGHT, WIDTH), 1500, np.uint16))[1].tobytes()
KIND = {"json": "jsonschema", "protobuf": "protobuf", "ros1": "ros1msg"}


def _image(time_ns=START_NS, frame="c"):
    return image_message(make_header(time_ns, frame), "rgb8", PICTURE)


def _packed(data=JPEG, format="jpeg", time_ns=START_NS):
    return compressed_message(make_header(time_ns, "c"), data, format)


def _record(path, entries):
    with BagWriter(path) as writer:
        for index, (topic, kind, message) in enumerate(entries):
            writer.write(topic, kind, START_NS + index, message)
    return path


def _plan(path):
    with BagReader(path) as reader:
        return make_plan(reader)


def _images(plan):
    return [camera.image for camera in plan.cameras]


@pytest.fixture
def database(tmp_path):
    """Three images and a text in a .db3 file."""
    text = typestore().types["std_msgs/msg/String"](data="x")
    entries = [("/cam/image_raw", IMAGE_TYPE, _image())] * 3 + [("/notes", "std_msgs/msg/String", text)]
    return as_database(_record(tmp_path / "in", entries))


def test_qos_and_types_that_metadata_states_do_not_decide_what_is_read(database):
    expected = messages(database)
    path = database / "metadata.yaml"
    data = yaml.safe_load(path.read_text())
    for entry in data["rosbag2_bagfile_information"]["topics_with_message_count"]:
        entry["topic_metadata"]["offered_qos_profiles"] = "- reliability: 7\n  nonsense: true"
        entry["topic_metadata"]["type_description_hash"] = "RIHS01_other"
        entry["message_count"] = 99
    path.write_text(yaml.safe_dump(data))
    assert messages(database) == expected and len(expected) == 4
    data["rosbag2_bagfile_information"]["topics_with_message_count"] = []
    path.write_text(yaml.safe_dump(data))
    assert messages(database) == expected


def test_a_file_that_metadata_names_and_that_is_not_there_is_named(database):
    (database / "in.db3").unlink()
    with pytest.raises(DataError, match=r"lacks in\.db3"):
        BagReader(database)


def test_a_file_that_metadata_does_not_name_is_told(database):
    assert not _plan(database).remarks
    shutil.copy(database / "in.db3", database / "in_1.db3")
    (remark,) = _plan(database).remarks
    assert "in_1.db3 is not read" in remark and len(messages(database)) == 4
    (database / "metadata.yaml").unlink()
    assert len(messages(database)) == 8 and not _plan(database).remarks


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_file_compressed_as_a_whole_is_read(storage, metadata, tmp_path):
    bag = _record(tmp_path / "in", [("/cam/image_raw", IMAGE_TYPE, _image())] * 3)
    bag = as_database(bag) if storage == "sqlite3" else bag
    expected = messages(bag)
    (file,) = [path for path in bag.iterdir() if path.suffix in (".mcap", ".db3")]
    data = file.read_bytes()
    # Two frames, as parallel compressors write them.
    frames = [zstandard.compress(data[:1000]), zstandard.compress(data[1000:])]
    packed = file.with_name(file.name + ".zstd")
    packed.write_bytes(b"".join(frames))
    file.unlink()
    if not metadata:
        (bag / "metadata.yaml").unlink()
    assert messages(bag) == expected and messages(packed) == expected
    packed.write_bytes(b"".join(frames)[:-50])
    with pytest.raises(DataError, match=r"cut off|damaged|not a readable"):
        messages(bag)


@pytest.mark.parametrize("metadata", [True, False])
def test_messages_compressed_one_by_one_are_read(database, metadata):
    expected = messages(database)
    connection = sqlite3.connect(database / "in.db3")
    for number, data in connection.execute("SELECT id, data FROM messages").fetchall():
        connection.execute("UPDATE messages SET data = ? WHERE id = ?", (zstandard.compress(data), number))
    connection.commit()
    connection.close()
    if not metadata:
        (database / "metadata.yaml").unlink()
    assert messages(database) == expected


def test_what_a_killed_recorder_left_in_the_journal_is_read_and_nothing_is_changed(database, tmp_path):
    expected = messages(database)
    live = sqlite3.connect(database / "in.db3")
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("PRAGMA wal_autocheckpoint=0")
    live.execute("INSERT INTO messages (topic_id, timestamp, data) SELECT topic_id, timestamp + 10, data FROM messages")
    live.commit()
    copy = shutil.copytree(database, tmp_path / "killed")
    live.close()
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert before["in.db3-wal"] and len(messages(copy)) == 2 * len(expected)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_parts_without_metadata_are_read_in_the_order_of_their_numbers(tmp_path):
    bag = tmp_path / "in"
    bag.mkdir()
    for number in (0, 2, 10):
        part = _record(tmp_path / f"p{number}", [(f"/c{number}/image", IMAGE_TYPE, _image())])
        shutil.copy(part / f"p{number}.mcap", bag / f"in_{number}.mcap")
    assert [topic for topic, *_ in messages(bag)] == ["/c0/image", "/c2/image", "/c10/image"]


# Channels that are not CDR: as they are in nuScenes and Foxglove's recordings, and in those that were ROS 1.


def _protobuf_image():
    """(FileDescriptorSet, message) of a foxglove.CompressedImage; the set is no UTF-8 text."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="foxglove/" + "long/" * 30 + "x.proto", package="foxglove")
    time = file.message_type.add(name="Time")
    time.field.add(name="seconds", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    time.field.add(name="nanos", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    image = file.message_type.add(name="CompressedImage")
    image.field.add(name="timestamp", number=1, type=field.TYPE_MESSAGE, type_name=".foxglove.Time", label=1)
    image.field.add(name="data", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    image.field.add(name="format", number=3, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    image.field.add(name="frame_id", number=4, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    schema = descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("foxglove.CompressedImage"))(
        data=JPEG, format="jpeg", frame_id="c"
    )
    made.timestamp.seconds, made.timestamp.nanos = divmod(START_NS, 10**9)
    with pytest.raises(UnicodeDecodeError):
        schema.decode()
    return schema, made.SerializeToString()


def _ros1(kind, message):
    store = get_typestore(Stores.ROS1_NOETIC)
    return bytes(store.serialize_ros1(message(store.types), kind))


def _foreign(path):
    """(topic, type, encoding, schema, message) of every foreign channel, written into one file."""
    seconds, nanos = divmod(START_NS, 10**9)
    stamp = {"sec": seconds, "nsec": nanos}
    packed = {"timestamp": stamp, "frame_id": "c", "format": "jpeg", "data": base64.b64encode(JPEG).decode()}
    camera = {"timestamp": stamp, "frame_id": "c", "width": WIDTH, "height": HEIGHT, "distortion_model": "plumb_bob"}
    camera |= {"D": [], "K": [40, 0, 23.5, 0, 40, 15.5, 0, 0, 1], "P": [40, 0, 23.5, 0, 0, 40, 15.5, 0, 0, 0, 1, 0]}

    def header(types):
        time = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanos)
        return types["std_msgs/msg/Header"](seq=3, stamp=time, frame_id="old")

    def image(types):
        return types[IMAGE_TYPE](header(types), HEIGHT, WIDTH, "rgb8", 0, WIDTH * 3, PICTURE.ravel())

    def info(types):
        region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        k, p = np.array(camera["K"], float), np.array(camera["P"], float)
        return types[CAMERA_INFO_TYPE](
            header(types), HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, region
        )

    schema, proto = _protobuf_image()
    entries = [
        ("/odom", "Odom", "json", b'{"type":"object"}', b'{"x": 1}'),
        ("/markers", "foxglove.SceneUpdate", "protobuf", b"\x0a\x03\xff\xfe\xfd", b"\x08\x01"),
        ("/bare", "", "json", b"", b"{}"),
        ("/web/image", "foxglove.CompressedImage", "json", b"{}", json.dumps(packed).encode()),
        ("/web/camera_info", "foxglove.CameraCalibration", "json", b"{}", json.dumps(camera).encode()),
        ("/proto/image", "foxglove.CompressedImage", "protobuf", schema, proto),
        ("/old/camera_info", "sensor_msgs/CameraInfo", "ros1", b"Header header", _ros1(CAMERA_INFO_TYPE, info)),
        ("/old/image_raw", "sensor_msgs/Image", "ros1", b"Header header", _ros1(IMAGE_TYPE, image)),
    ]
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start("", "test")
        for index, (topic, kind, encoding, schema, data) in enumerate(entries):
            number = writer.register_schema(kind, KIND[encoding], schema) if kind else 0
            channel = writer.register_channel(topic, encoding, number)
            writer.add_message(channel, START_NS + index, data, START_NS + index - 1000)
        writer.add_attachment(1, 2, "calibration.json", "application/json", b"{}")
        writer.add_metadata("route", {"city": "Hamburg"})
        writer.finish()
    return entries


def _channels(path):
    """{topic: (message encoding, type, schema encoding, schema, messages)} as another reader finds them."""
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        found = {}
        for schema, channel, message in reader.iter_messages():
            stated = (schema.name, schema.encoding, schema.data) if schema else None
            found.setdefault(channel.topic, (channel.message_encoding, stated, []))[2].append(message.data)
        return found


@pytest.fixture(scope="module")
def foreign(random_weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    _foreign(folder / "in.mcap")
    assert main(argv(folder / "in.mcap", folder / "out", random_weights)) == 0
    return folder


def test_foreign_channels_are_passed_on_byte_for_byte_with_their_encoding_and_schema(foreign):
    before, after = _channels(foreign / "in.mcap"), _channels(foreign / "out" / "out_0.mcap")
    assert len(before) == 8 and {topic: after[topic] for topic in before} == before
    listed = yaml.safe_load((foreign / "out" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    formats = {entry["topic_metadata"]["serialization_format"] for entry in listed["topics_with_message_count"]}
    assert formats == {"cdr"}, "others refuse a recording that lists what they cannot read"


def test_times_of_publishing_attachments_and_metadata_are_kept(foreign):
    for path in (foreign / "in.mcap", foreign / "out" / "out_0.mcap"):
        with path.open("rb") as file:
            reader = make_reader(file)
            sent = {
                c.topic: m.log_time - m.publish_time for _, c, m in reader.iter_messages(["/odom", "/old/image_raw"])
            }
            (attached,), (route,) = reader.iter_attachments(), reader.iter_metadata()
        assert sent == {"/odom": 1000, "/old/image_raw": 1000}
        assert (attached.name, attached.create_time, attached.log_time, attached.data) == (
            "calibration.json",
            1,
            2,
            b"{}",
        )
        assert (route.name, route.metadata) == ("route", {"city": "Hamburg"})


def test_pictures_of_other_encodings_get_the_depth_of_the_same_picture(foreign):
    depths = {name: decoded(foreign / "out", f"/{name}/depth/image_rect")[0] for name in ("web", "proto", "old")}
    assert all(stamp_ns(depth) == START_NS for depth in depths.values())
    assert {name: depth.header.frame_id for name, depth in depths.items()} == {"web": "c", "proto": "c", "old": "old"}
    # /proto has the calibration of /web's frame.
    assert np.array_equal(depths["web"].data, depths["proto"].data)
    for name in ("web", "old"):
        assert decoded(foreign / "out", f"/{name}/depth/camera_info")[0].k[0] == 40


def test_a_type_that_is_not_decoded_says_so(foreign):
    with BagReader(foreign / "in.mcap") as reader:
        record = next(reader.messages({"/odom"}))
        with pytest.raises(DataError, match="json messages of Odom are copied"):
            reader.decode(record)


def test_damaged_foreign_messages_are_one_line(tmp_path):
    with (tmp_path / "a.mcap").open("wb") as file:
        writer = McapWriter(file)
        writer.start("", "test")
        for topic, kind, encoding, data in [
            ("/a", "foxglove.CompressedImage", "json", b'{"data": "not base64!"}'),
            ("/b", "foxglove.CompressedImage", "json", b"[1]"),
            ("/c", "sensor_msgs/Image", "ros1", b"\xff\xff"),
            ("/d", "foxglove.CompressedImage", "protobuf", b"\xff"),
            ("/e", "foxglove.CompressedImage", "flatbuffer", b"\0"),
        ]:
            channel = writer.register_channel(topic, encoding, writer.register_schema(kind, "x", b"\xff"))
            writer.add_message(channel, 1, data, 1)
        writer.finish()
    with BagReader(tmp_path / "a.mcap") as reader:
        for record in reader.messages():
            with pytest.raises(DataError, match=record.topic) as caught:
                reader.decode(record)
            assert "\n" not in str(caught.value)


# What a topic holds is said by its messages.


def test_the_fuller_of_raw_and_compressed_is_taken(tmp_path):
    raw, packed = ("/c/image_raw", IMAGE_TYPE, _image()), ("/c/image_raw/compressed", COMPRESSED_TYPE, _packed())
    full = _plan(_record(tmp_path / "full", [raw, packed] * 10))
    assert _images(full) == ["/c/image_raw"] and "uncompressed" in full.skipped[0][1]
    few = _plan(_record(tmp_path / "few", [raw, *[packed] * 10]))
    assert _images(few) == ["/c/image_raw/compressed"] and "only 1 of the 10 images" in few.skipped[0][1]
    with BagWriter(tmp_path / "none") as writer:
        writer.add_topic("/c/image_raw", IMAGE_TYPE)
        writer.write("/c/image_raw/compressed", COMPRESSED_TYPE, START_NS, _packed())
    assert _images(_plan(tmp_path / "none")) == ["/c/image_raw/compressed"]


DEPTH_FORMATS = ("16UC1; png compressed ", "16UC1; jpeg compressed ", "32FC1; compressedDepth png", "16uc1", "16UC1; x")


def test_depth_is_known_by_every_encoding_that_says_so(tmp_path):
    entries = [(f"/d{i}/image/compressed", COMPRESSED_TYPE, _packed(PNG16, f)) for i, f in enumerate(DEPTH_FORMATS)]
    plan = _plan(_record(tmp_path / "in", [*entries, ("/c/image/compressed", COMPRESSED_TYPE, _packed())]))
    assert _images(plan) == ["/c/image/compressed"] and len(plan.skipped) == len(DEPTH_FORMATS)
    assert all("it looks like depth" in why for _, why in plan.skipped)


@pytest.mark.parametrize("name", ["depthai/rgb", "depth_camera", "my/depth", "camera"])
def test_names_with_depth_in_them_do_not_confuse_the_report(name, tmp_path):
    depth = np.full((HEIGHT, WIDTH), 2, np.float32)
    made = image_message(make_header(START_NS, "c"), "32FC1", depth)
    preview = image_message(make_header(START_NS, "c"), "bgr8", PICTURE // 2)
    entries = [
        (f"/{name}/depth/image_color", IMAGE_TYPE, preview),
        (f"/{name}/aligned_depth", IMAGE_TYPE, made),
        (f"/{name}/depth/image_rect", IMAGE_TYPE, made),
        (f"/{name}/image_raw", IMAGE_TYPE, _image()),
    ]
    recording = DepthRecording(_record(tmp_path / "in", entries))
    try:
        assert recording.image_topic == f"/{name}/image_raw" and recording.stamps == [START_NS]
        assert np.array_equal(recording.moment(START_NS).rgb, PICTURE)
    finally:
        recording.close()


@pytest.mark.parametrize(("format", "data"), [("h264", b"\1\2"), ("", b"\0\0\0\1\x67\x42"), ("hevc", b"\1")])
def test_video_is_named_with_the_way_out_and_nothing_done_is_no_success(format, data, tmp_path, capsys):
    entries = [("/c/image/compressed", COMPRESSED_TYPE, _packed(data, format))]
    bag = _record(tmp_path / "in", entries)
    assert main(["bag", str(bag), str(tmp_path / "o")]) == 1
    error = capsys.readouterr().err
    assert "video, not pictures" in error and "republish" in error and error.count("\n") == 1


def test_packets_of_other_transports_are_named(tmp_path):
    with BagWriter(tmp_path / "in") as writer:
        kind = "ffmpeg_image_transport_msgs/msg/FFMPEGPacket"
        writer.write("/c/image/ffmpeg", kind, START_NS, struct.pack("<4xI", 0))
    with BagReader(tmp_path / "in") as reader, pytest.raises(DataError, match=r"ffmpeg_image_transport.*republish"):
        make_plan(reader)


def test_not_one_image_with_depth_is_exit_status_1_then_and_later(random_weights, tmp_path, capsys):
    bag = _record(tmp_path / "in", [("/c/image", IMAGE_TYPE, image_message(make_header(1, "c"), "what", PICTURE))])
    for _ in range(2):
        assert main(argv(bag, tmp_path / "o", random_weights)) == 1
        assert "not one image of" in capsys.readouterr().err
    assert len(messages(tmp_path / "o")) == 1, "the recording is passed on all the same"
