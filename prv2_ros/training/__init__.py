# SPDX-License-Identifier: Apache-2.0
"""Training: losses, Lightning modules for each task, and the recipe runner."""
