# SPDX-License-Identifier: Apache-2.0
"""Programs that need rclpy; other rooms communicate with them through pipes."""
