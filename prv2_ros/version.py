# SPDX-License-Identifier: Apache-2.0
"""The version, whose one place is package.xml."""

from xml.etree import ElementTree

from prv2_ros.paths import share_path

__version__ = ElementTree.parse(share_path("package.xml")).getroot().findtext("version", "").strip()
