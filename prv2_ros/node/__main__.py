# SPDX-License-Identifier: Apache-2.0
"""`python -m prv2_ros.node` and `ros2 run prv2_ros depth_node`: run the node until SIGINT or SIGTERM."""

import sys
from collections.abc import Sequence

from prv2_ros.node.signals import end_quietly


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    end_quietly()
    # Only now: these imports take seconds.
    from prv2_ros.engine import DepthEngine
    from prv2_ros.node.run import run

    return run(DepthEngine.load, args)


if __name__ == "__main__":
    sys.exit(main())
