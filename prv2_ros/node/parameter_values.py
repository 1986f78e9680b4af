# SPDX-License-Identifier: Apache-2.0
"""Values of parameters that YAML reads as another type than they were meant to have.

YAML 1.1, in which ROS reads parameters, takes off, no, on and yes for booleans, 80 for an integer, and a list of one
string for no list when its brackets are missing.
"""

from collections.abc import Callable
from typing import Any

from prv2_ros.errors import ImageError
from prv2_ros.media.levels import parse_levels

# The words that YAML reads as false and true, as ROS's parser has them.
_WORDS = {False: ("off", "no", "false"), True: ("on", "yes", "true")}
_TYPES = {bool: "true or false", int: "an integer", float: "a number", str: "a text", list: "a list of texts"}


def as_type(value: Any, like: Any, allowed: Callable[[Any], bool]) -> Any:
    """`value` as the type of `like`, where it means the same; `value` itself where it does not.

    Args:
        value: as YAML read it.
        like: a value of the wanted type.
        allowed: whether a value can be used, to choose between words of one meaning.
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
    """The value that was meant for a parameter (`Spec`) where YAML read another type, or the value itself."""
    return as_type(value, spec.default, lambda candidate: spec.problem(candidate) is None)


def intensity_range(value: str) -> str | None:
    """Why a range of 16-bit values cannot be used, or None."""
    try:
        parse_levels(value)
    except ImageError as error:
        return str(error)
    return None


def wrong_type(name: str, value: Any, like: Any) -> str | None:
    """Why a value of another type than `like` cannot be used, with what to write; None for the same type."""
    if type(value) is type(like) or (isinstance(like, list) and _is_list_of_texts(value)):
        return None
    text = f"{name} takes {_TYPES[type(like)]}, and YAML reads this as {type(value).__name__} {value!r}"
    quoted = str(value).lower() if isinstance(value, bool) else str(value)
    return (
        f"{text}; a text that looks like something else needs quotes: {name}: '{quoted}'"
        if isinstance(like, str)
        else text
    )


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
