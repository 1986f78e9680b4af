# SPDX-License-Identifier: Apache-2.0
"""Parses the text of a calibration file into a mapping: YAML of several dialects, INI, or OpenCV's XML."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import yaml


class _Loader(yaml.SafeLoader):
    """YAML with OpenCV's tagged matrices as plain mappings."""


def _any(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("", _any)
# In YAML 1.1 1e-3 is a string, but calibration tools write numbers like that.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$"), list("-+0123456789.")
)


def read_mapping(text: str) -> Mapping:
    """The mapping in a text.

    Raises:
        ValueError: There is none; the reason is one line.
    """
    if text.lstrip().startswith("<?xml") or text.lstrip().startswith("<opencv_storage"):
        return _xml(text)
    if re.search(r"(?m)^\[narrow_stereo|^\[image\]", text):
        return _ini(text)
    # FileStorage writes a directive that is not valid YAML.
    text = re.sub(r"\A\ufeff?%YAML[: ]\d+\.\d+[^\n]*\n", "", text)
    try:
        # The first message of the output of `ros2 topic echo`.
        data = next(yaml.load_all(text, Loader=_Loader), None)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"it is not valid YAML{where}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(data, Mapping):
        raise ValueError("it has no keys and values")
    return data


def _ini(text: str) -> Mapping:
    """camera_calibration's ost.txt and ost.ini: a line of words is the heading of the numbers below it."""
    found: dict[str, Any] = {}
    heading = ""
    cameras = 0
    for line in (line.split("#")[0].strip() for line in text.splitlines()):
        if not line:
            continue
        if line.startswith("["):
            cameras += line not in ("[image]", "[externals]")
            if cameras > 1:
                raise ValueError("it has several cameras; give a file with one")
            continue
        if re.fullmatch(r"[-+\d.eEnaif\s]+", line):
            before = found.get(heading, "")
            found[heading] = f"{before} {line}".strip()
        else:
            heading = line
    for name in ("width", "height"):
        if name in found:
            found[name] = float(found[name])
    return found


def _xml(text: str) -> Mapping:
    """OpenCV's FileStorage: each element is a key; a matrix has its numbers in <data>."""
    try:
        root = ElementTree.fromstring(text.strip())
    except ElementTree.ParseError as error:
        raise ValueError(f"it is not valid XML: {error}") from None
    found: dict[str, Any] = {}
    for element in root:
        data = element.find("data")
        found[element.tag] = (element.text or "").strip() if data is None else (data.text or "").strip()
    return found
