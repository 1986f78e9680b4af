# SPDX-License-Identifier: Apache-2.0
"""Recordings (rosbag2, MCAP and SQLite) read and written without ROS."""

from prv2_ros.bags.reader import BagReader, Record, Topic
from prv2_ros.bags.types import TIMING_TYPE, typestore
from prv2_ros.bags.writer import BagWriter

__all__ = ["TIMING_TYPE", "BagReader", "BagWriter", "Record", "Topic", "typestore"]
