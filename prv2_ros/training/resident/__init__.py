# SPDX-License-Identifier: Apache-2.0
"""Training with every frame on the device: crops, augmentation and losses there, so that no loader limits it."""
