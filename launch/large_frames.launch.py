# SPDX-License-Identifier: Apache-2.0
"""Let Fast DDS carry raw camera frames between processes; include it before a camera driver in a launch file of yours.

It acts on every process that is launched after it, unless a profile was chosen already.
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import SetEnvironmentVariable

PROFILE = Path(get_package_share_directory("prv2_ros")) / "config" / "fastdds.xml"
# The variable was renamed with Fast DDS 3.
NAMES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
WITH_FAST_DDS_2 = ("humble", "iron", "jazzy")


def generate_launch_description() -> LaunchDescription:
    """Sets one environment variable, or nothing."""
    if any(name in os.environ for name in NAMES):
        return LaunchDescription([])
    name = NAMES[os.environ.get("ROS_DISTRO", "") in WITH_FAST_DDS_2]
    return LaunchDescription([SetEnvironmentVariable(name, str(PROFILE))])
