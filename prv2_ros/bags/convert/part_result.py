# SPDX-License-Identifier: Apache-2.0
"""What became of a part of a recording; plain data, to be sent back by other processes."""

from collections import Counter
from dataclasses import dataclass, field

from prv2_ros.bags.convert.times import Times


@dataclass
class PartResult:
    """What became of a part.

    Attributes:
        index: Which part.
        frames: Images that got depth.
        refused: Images that did not, by reason.
        notes: Images that were odd, or their calibration, by what was odd.
        times: (topic, stamp ns, times in ms) of each frame.
        seconds: How long the part took, from the end of the one before.
    """

    index: int
    frames: int = 0
    refused: Counter = field(default_factory=Counter)
    notes: Counter = field(default_factory=Counter)
    times: Times = field(default_factory=list)
    seconds: float = 0.0
