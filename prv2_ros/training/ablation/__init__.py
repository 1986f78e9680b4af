# SPDX-License-Identifier: Apache-2.0
"""The paper's ablation and its local SSIGM comparison, at small width and on a short schedule."""
