# SPDX-License-Identifier: Apache-2.0
"""Programs beside the node that need rclpy; the rest of the package talks to them through pipes."""
