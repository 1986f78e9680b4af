# SPDX-License-Identifier: Apache-2.0
"""The demo recording holds what the data set holds, and is the same every time."""

import numpy as np

from prv2_ros.bags import BagReader
from prv2_ros.bags.messages import read_depth_message, stamp_ns
from prv2_ros.data import FolderDataset
from prv2_ros.demo import topics
from prv2_ros.demo.make_bag import FRAME_ID, make_demo_bag
from prv2_ros.demo.recording import read_frames


def test_frames_intrinsics_and_truth_arrive(street, street_bag):
    dataset = FolderDataset(street)
    with BagReader(street_bag) as reader:
        assert {t.name: t.count for t in reader.topics} == {
            topics.IMAGE: 3,
            topics.CAMERA_INFO: 3,
            topics.GROUND_TRUTH: 1,
        }
        infos = [reader.decode(r) for r in reader.messages([topics.CAMERA_INFO])]
        truths = [reader.decode(r) for r in reader.messages([topics.GROUND_TRUTH])]
    assert infos[0].k.tolist() == [256, 0, 159.5, 0, 256, 95.5, 0, 0, 1]
    assert (infos[0].width, infos[0].height, infos[0].header.frame_id) == (320, 192, FRAME_ID)
    assert stamp_ns(infos[0]) == stamp_ns(truths[0])
    assert stamp_ns(infos[1]) - stamp_ns(infos[0]) == 200_000_000
    for index, truth in enumerate(truths):
        expected, found = dataset[index].depth_m, read_depth_message(truth)
        known = np.isfinite(expected)
        assert (np.isnan(found) == ~known).all()
        assert (np.abs(found - expected)[known] <= 0.51 * expected[known] ** 2 / (65535 * expected.min()) + 1e-4).all()


def test_making_it_again_gives_the_same_bytes(street, street_bag, tmp_path):
    make_demo_bag(street, tmp_path / "street")
    for file in street_bag.iterdir():
        assert (tmp_path / "street" / file.name).read_bytes() == file.read_bytes()


def test_frames_to_play_carry_their_camera_info(street_bag):
    frames = read_frames(street_bag)
    assert len(frames) == 3 and all(frame.camera_info for frame in frames)
    assert len(read_frames(street_bag, 2)) == 2
