# SPDX-License-Identifier: Apache-2.0
"""Frames of videos have the numbers and times that they have in the video; what is missing is counted."""

import struct

import cv2
import numpy as np
import pytest

from prv2_ros.errors import ImageError
from prv2_ros.media.avi import frames_that_are_there
from prv2_ros.media.inputs import find_sources
from prv2_ros.media.video import judge, look_through, video_frames

FRAMES = 20


@pytest.fixture
def video(tmp_path):
    """Twenty frames that get brighter, 10 a second."""
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (80, 64))
    for index in range(FRAMES):
        writer.write(np.full((64, 80, 3), 10 * index, np.uint8))
    writer.release()
    return path


def _index(data):
    """(where the movie's list begins, where the index begins, [(offset, size)]) of an AVI file."""
    movie, index = data.index(b"movi"), data.rindex(b"idx1")
    count = struct.unpack_from("<I", data, index + 4)[0] // 16
    return movie, index, [struct.unpack_from("<II", data, index + 16 + 16 * i) for i in range(count)]


def _dig(path, first, last):
    """Overwrite frames with zeros, as a card reader that lost a block does."""
    data = bytearray(path.read_bytes())
    movie, _, entries = _index(bytes(data))
    base = movie if entries[0][0] < movie else 0
    begin, end = base + entries[first][0], base + entries[last][0] + 8 + entries[last][1]
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


def test_a_whole_video_has_all_frames_and_nothing_is_said(video):
    facts = look_through(video)
    assert facts.numbers == tuple(range(FRAMES)) and facts.damage is None and not facts.variable
    assert facts.times_s == pytest.approx([number / 10 for number in range(FRAMES)])
    assert frames_that_are_there(video) == list(range(FRAMES))
    assert len(list(video_frames(video))) == FRAMES


def test_frames_behind_a_hole_keep_their_numbers_and_the_hole_is_told(video):
    _dig(video, 7, 9)
    facts = look_through(video)
    assert "17 of the 20 stated frames could be read; missing are 7 to 9" in facts.damage
    assert facts.numbers == (*range(7), *range(10, 20)) and facts.times_s[7] == pytest.approx(1.0)
    for number, frame in zip(facts.numbers, video_frames(video), strict=True):
        assert abs(frame.mean() - 10 * number) < 3


def test_a_video_without_its_end_is_told(video):
    whole = video.read_bytes()
    _dig(video, 15, 19)
    assert "15 of the 20 stated frames could be read; missing are 15 to 19" in look_through(video).damage
    video.write_bytes(whole[: len(whole) * 8 // 10])
    facts = look_through(video)
    assert facts.damage and 5 < len(facts.numbers) < 19 and facts.numbers == tuple(range(len(facts.numbers)))


def test_what_is_no_video_is_one_line(tmp_path):
    for content in (b"", b"words", b"RIFF\0\0\0\0AVI LIST\xff\xff\xff\x7fmovi"):
        path = tmp_path / "v.avi"
        path.write_bytes(content)
        with pytest.raises(ImageError, match="not a video"):
            look_through(path)
        assert not frames_that_are_there(path)
    with pytest.raises(ImageError, match="No such file"):
        look_through(tmp_path / "none.mp4")


# Decoders' times, judged: a hole at a constant rate, a rate that varies, and numbers that are only a duration.


def test_a_jump_in_time_at_a_constant_rate_is_a_hole():
    numbers = [*range(10), *range(14, 30)]
    facts = judge([number / 30 for number in numbers], rate_hz=30, stated=30, counted=True)
    assert facts.numbers == tuple(numbers) and "missing are 10 to 13" in facts.damage and not facts.variable


def test_a_rate_that_varies_is_no_damage():
    times_s = np.cumsum([0, 0.033, 0.1, 0.033, 0.2, 0.033, 0.033]).tolist()
    facts = judge(times_s, rate_hz=30, stated=7, counted=True)
    assert facts.variable and facts.damage is None and facts.numbers == tuple(range(7))
    assert facts.times_s == tuple(times_s)
    # A duration says how many frames there would be at the stated rate, not how many there are.
    assert judge(times_s, rate_hz=30, stated=14, counted=False).damage is None


def test_a_video_that_ends_before_its_duration_is_cut_off():
    times_s = [number / 25 for number in range(100)]
    assert judge(times_s, rate_hz=25, stated=250, counted=False).damage
    assert judge(times_s, rate_hz=25, stated=103, counted=False).damage is None
    assert judge(times_s, rate_hz=25, stated=0, counted=False).damage is None


def test_times_that_cannot_be_are_those_of_the_rate():
    facts = judge([0.0, 0.0, 0.0], rate_hz=10, stated=3, counted=True)
    assert facts.times_s == pytest.approx((0, 0.1, 0.2)) and not facts.variable


def test_a_folder_says_what_it_leaves_out_and_why(tmp_path):
    for name in ("a.jpg", "b.jfif", "c.avif", "d.ppm", "v.MP4", "e.JPE", "g.gif"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    for name in ("raw.CR2", "notes.txt", "sub/x.py", ".hidden", "more1.txt", "more2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    lines = []
    sources = find_sources([tmp_path], note=lines.append)
    assert [source.path.name for source in sources] == ["a.jpg", "b.jfif", "c.avif", "d.ppm", "e.JPE", "g.gif", "v.MP4"]
    text = "\n".join(lines)
    assert len(lines) == 3 and "IMG_1.HEIC: is " in text and "HEIC" in lines[0] and "raw.CR2" in text
    assert "more1.txt, more2.txt, notes.txt and 1 more: not an image or video" in text and "hidden" not in text


def test_a_folder_of_nothing_but_others_names_them(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ImageError, match=r"no image or video.*notes\.txt: not an image"):
        find_sources([tmp_path])
