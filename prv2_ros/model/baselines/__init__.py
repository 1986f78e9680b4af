# SPDX-License-Identifier: Apache-2.0
"""Refiners of other papers: PatchRefiner V1, PatchFusion and PRO. Each runs a whole depth network on every tile."""
