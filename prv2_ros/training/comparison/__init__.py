# SPDX-License-Identifier: Apache-2.0
"""The refiners of several papers beside ours, trained alike at small width and measured on the same frames."""
