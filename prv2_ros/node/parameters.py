# SPDX-License-Identifier: Apache-2.0
"""The parameters of the node: declared from the table, checked at every change, read as snapshots."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterValueException
from rclpy.parameter import Parameter

from prv2_ros.node.parameter_table import BY_NAME, CONFIGURE, ORDERED, TABLE
from prv2_ros.node.parameter_values import coerced, wrong_type

_OF_ROS = ("use_sim_time", "start_type_description_service")


class Parameters:
    """Parameters of one node.

    Args:
        node: rclpy node.
        is_configured: whether the node has an engine; parameters that are read at configure then reject changes.

    Raises:
        rclpy.exceptions.InvalidParameterValueException, InvalidParameterTypeException: an override is invalid.
    """

    def __init__(self, node: Any, *, is_configured: Callable[[], bool]):
        self._is_configured = is_configured
        self._values: Mapping[str, Any] = MappingProxyType({spec.name: spec.default for spec in TABLE})
        self._declaring = True
        node.add_on_set_parameters_callback(self._on_set)
        # Humble has no such callback, and rejects changes of another type.
        if hasattr(node, "add_pre_set_parameters_callback"):
            node.add_pre_set_parameters_callback(_coerced)
        # Values of the command line and parameter files, before rclpy compares their types with the defaults.
        given = getattr(node, "_parameter_overrides", {})
        for text in misspelt(given):
            node.get_logger().warning(text)
        for spec in TABLE:
            value = coerced(spec, given[spec.name].value) if spec.name in given else spec.default
            problem = wrong_type(spec.name, value, spec.default)
            if problem:
                raise InvalidParameterValueException(spec.name, value, problem)
            node.declare_parameter(spec.name, value, spec.descriptor(), ignore_override=True)
        # Overrides arrive one by one: pairs are checked when both exist.
        self._declaring = False
        for lower, upper in ORDERED:
            if self._values[lower] >= self._values[upper]:
                raise InvalidParameterValueException(lower, self._values[lower], f"it is not below {upper}")

    @property
    def values(self) -> Mapping[str, Any]:
        """An immutable snapshot of all values."""
        return self._values

    def _on_set(self, changes: list[Any]) -> SetParametersResult:
        values = dict(self._values)
        for change in changes:
            spec = BY_NAME.get(change.name)
            if spec is None:
                continue
            if spec.when == CONFIGURE and self._is_configured() and change.value != values[change.name]:
                return _refused(f"{change.name} is read at configure; deactivate and clean up the node first")
            problem = spec.problem(change.value)
            if problem:
                return _refused(f"{change.name}: {problem}")
            values[change.name] = list(change.value) if isinstance(spec.default, list) else change.value
        for lower, upper in ORDERED:
            if values[lower] >= values[upper] and not self._declaring:
                return _refused(f"{lower} {values[lower]:g} is not below {upper} {values[upper]:g}")
        self._values = MappingProxyType(values)
        return SetParametersResult(successful=True)


def misspelt(names: Iterable[str]) -> list[str]:
    """A warning for each unknown parameter, which ROS itself ignores silently."""
    texts = []
    for name in sorted(names):
        if name in BY_NAME or name in _OF_ROS or name.startswith("qos_overrides."):
            continue
        near = get_close_matches(name, BY_NAME, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        texts.append(f"parameter {name} is unknown and has no effect{hint}")
    return texts


def _coerced(changes: list[Any]) -> list[Any]:
    """The changes, converted where YAML chose another type than the parameter's."""
    result = []
    for change in changes:
        spec = BY_NAME.get(change.name)
        value = change.value if spec is None else coerced(spec, change.value)
        result.append(change if type(value) is type(change.value) else Parameter(change.name, value=value))
    return result


def _refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)
