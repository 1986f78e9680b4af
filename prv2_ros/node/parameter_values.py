# SPDX-License-Identifier: Apache-2.0
"""Conversion of parameter values that YAML reads as an unintended type.

ROS reads parameters as YAML 1.1: off, no, on and yes are booleans, 80 is an integer, and one string without brackets is
no list.
"""

from collections.abc import Callable
from typing import Any

# The words that ROS's YAML parser reads as false and true.
_WORDS = {False: ("off", "no", "false"), True: ("on", "yes", "true")}
_TYPES = {bool: "true or false", int: "an integer", float: "a number", str: "a text", list: "a list of texts"}


def as_type(value: Any, like: Any, allowed: Callable[[Any], bool]) -> Any:
    """`value` converted to the type of `like` if that is safe, else unchanged.

    Args:
        value: as YAML read it.
        like: a value of the wanted type.
        allowed: whether a value is valid, to choose between words of the same meaning.
    """
    kind = type(like)
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if kind is bool and isinstance(value, str):
        meant = [truth for truth, words in _WORDS.items() if value.strip().lower() in words]
        return meant[0] if meant else value
    if kind is str and isinstance(value, bool):
        return next((word for word in _WORDS[value] if allowed(word)), value)
    if kind is str and isinstance(value, (int, float)) and allowed(str(value)):
        return str(value)
    if kind is list and isinstance(value, str):
        return [value]
    return value


def coerced(spec: Any, value: Any) -> Any:
    """The intended value of a parameter (`Spec`), or the value itself."""
    return as_type(value, spec.default, lambda candidate: spec.problem(candidate) is None)


def wrong_type(name: str, value: Any, like: Any) -> str | None:
    """Why a value of a type other than `like` is invalid, with the fix; None for the same type."""
    if type(value) is type(like) or (isinstance(like, list) and _is_list_of_texts(value)):
        return None
    text = f"{name} takes {_TYPES[type(like)]}, but YAML reads this as {type(value).__name__} {value!r}"
    quoted = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text}; quote a text that looks like another type: {name}: '{quoted}'" if isinstance(like, str) else text


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
