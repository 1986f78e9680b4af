# SPDX-License-Identifier: Apache-2.0
"""Settings of a run: one flat YAML file and `--set` texts, checked against the fields of a dataclass."""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin

import yaml

from prv2_ros.errors import Prv2Error
from prv2_ros.paths import share_path


class RecipeError(Prv2Error):
    """A recipe or plan has an unknown key, a wrong value or lacks a needed one."""


def read_settings(
    kind: type, path: Path | str, overrides: list[str] | None, folder: str
) -> tuple[Path, dict[str, Any]]:
    """Read the values of a dataclass.

    Args:
        kind: the dataclass.
        path: YAML file, or the name of one in `folder` without its ending.
        overrides: "key=value" texts, value as YAML, dots for groups ("losses.gradient=0.2").
        folder: below config.

    Returns:
        the file and the values that it and the overrides give, by their fields' types.

    Raises:
        RecipeError: unreadable, an unknown key, or a value of another type.
    """
    path = _found(Path(path), folder)
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds no keys and values")
    for text in overrides or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"--set {text}: write key=value")
        try:
            _set_by_path(values, key.strip(), yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {text}: the value is not YAML") from error
    known = {f.name: f.type for f in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise RecipeError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return path, {name: _typed(path, name, value, known[name]) for name, value in values.items()}


def _found(path: Path, folder: str) -> Path:
    if path.exists():
        return path
    shipped = share_path("config", folder)
    named = shipped / f"{path.name.removesuffix('.yaml')}.yaml"
    if path.name != str(path) or not named.exists():
        known = ", ".join(sorted(p.stem for p in shipped.glob("*.yaml")))
        raise RecipeError(f"no recipe {path}; those in config/{folder}: {known}")
    return named


def _set_by_path(values: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise RecipeError(f"--set {dotted}: '{parent}' is not a group of values")
    values[last] = value


def _typed(path: Path, name: str, value: Any, kind: Any) -> Any:
    """A value as its field wants it: YAML 1.1 takes 5e-4, which has no dot, for a text, and knows no tuples."""
    if kind in (int, float):
        return _number(path, name, value, kind)
    if kind == dict[str, float]:
        if not isinstance(value, dict):
            raise RecipeError(f"{path}: {name} is {value!r}, expected a group of numbers")
        return {key: _number(path, f"{name}.{key}", item, float) for key, item in value.items()}
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise RecipeError(f"{path}: {name} is {value!r}, expected a list")
        return tuple(value)
    return value


def _number(path: Path, name: str, value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise RecipeError(f"{path}: {name} is {value!r}, expected a {'whole number' if kind is int else 'number'}")
    return value
