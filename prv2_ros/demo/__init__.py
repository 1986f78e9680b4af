# SPDX-License-Identifier: Apache-2.0
"""The demo: play a recording to the real node, record its output, measure and draw it."""
