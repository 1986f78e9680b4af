# SPDX-License-Identifier: Apache-2.0
"""Data sets of images with metric depth: readers, the canonical camera, sampling and augmentation."""

from prv2_ros.data.folder import FolderDataset
from prv2_ros.data.frame_set import FrameSet
from prv2_ros.data.mixture import Mixture
from prv2_ros.data.registry import open_dataset
from prv2_ros.data.sample import Sample

__all__ = ["FolderDataset", "FrameSet", "Mixture", "Sample", "open_dataset"]
