# SPDX-License-Identifier: Apache-2.0
"""Rules that turn the tensor names of a published checkpoint into ours."""

import re

# Pattern of a whole reference name, and ours, where <5-\1> is counted and <pair:\1> looked up in _PARTS. The first
# pattern that matches wins.
Rules = tuple[tuple[str, str], ...]

# Names of the modules of a Sequential: conv, norm, ReLU, conv, norm, ReLU; or conv, ReLU, conv; or conv, norm. And of a
# denoising unit.
_PARTS = {
    "pair": {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2"},
    "plain": {"0": "conv1", "2": "conv2"},
    "single": {"0": "conv", "1": "norm"},
    "unit": {"conv": "residual", "fusion_conv.0": "fuse", "fusion_conv.1": "norm", "fusion_conv.3": "project"},
}


def rename(name: str, rules: Rules) -> str | None:
    """Our name of a reference tensor, or None where no rule knows it."""
    for pattern, ours in rules:
        found = re.fullmatch(pattern, name)
        if found:
            return re.sub(r"<([^>]*)>", _counted, found.expand(ours))
    return None


def _counted(part: re.Match) -> str:
    """`5-2` and `-1+2` to their results, `pair:3` to the name of the third module."""
    table, colon, index = part[1].partition(":")
    if colon:
        return _PARTS[table].get(index, f"unknown{index}")
    first, sign, second = re.fullmatch(r"(-?\d+)([+-])(\d+)", part[1]).groups()
    return str(int(first) + (int(second) if sign == "+" else -int(second)))
