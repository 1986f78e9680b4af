# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a recording played to the real node, what it publishes recorded, measured and drawn."""
