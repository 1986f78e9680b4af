# SPDX-License-Identifier: Apache-2.0
"""PatchRefiner V2 metric depth for ROS 2: network, tiling, engine, node, training and tools.

The public names below are resolved on first use, so that `import prv2_ros` costs nothing and the
library works where ROS, or torch, is absent. The package path is extended because colcon installs
the generated `prv2_ros.msg` next to this code, while a source checkout holds the code alone.
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prv2_ros.engine import DepthEngine as DepthEngine
    from prv2_ros.evaluation import boundary_metrics as boundary_metrics
    from prv2_ros.evaluation import depth_metrics as depth_metrics
    from prv2_ros.model import convert_reference_state_dict as convert_reference_state_dict
    from prv2_ros.model import create_refiner as create_refiner
    from prv2_ros.tiling import PatchRefiner as PatchRefiner
    from prv2_ros.version import __version__ as __version__

__path__ = extend_path(__path__, __name__)

_PUBLIC = {
    "__version__": "prv2_ros.version",
    "create_refiner": "prv2_ros.model",
    "convert_reference_state_dict": "prv2_ros.model",
    "PatchRefiner": "prv2_ros.tiling",
    "DepthEngine": "prv2_ros.engine",
    "depth_metrics": "prv2_ros.evaluation",
    "boundary_metrics": "prv2_ros.evaluation",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'prv2_ros' has no attribute '{name}'; it has {', '.join(_PUBLIC)}")
    return getattr(import_module(_PUBLIC[name]), name)
