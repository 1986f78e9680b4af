# SPDX-License-Identifier: Apache-2.0
"""Types and checks of options that several subcommands share."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prv2_ros.errors import DataError

INTENSITY_HELP = (
    "16-bit values shown as black to white: full (0 to 65535), auto (the range of each image) or LOW-HIGH, e.g. "
    "7000-9000 for a thermal camera (default: %(default)s)"
)


def positive_int(text: str) -> int:
    """A whole number above 0."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def pair(names: str, example: str) -> Callable[[str], tuple[int, int]]:
    """A type for two whole numbers above 0 with an x between them, e.g. `pair("ROWSxCOLUMNS", "4x4")`."""

    def parse(text: str) -> tuple[int, int]:
        first, separator, second = text.lower().partition("x")
        if not separator or not first.isdigit() or not second.isdigit() or not int(first) or not int(second):
            raise argparse.ArgumentTypeError(f"'{text}' is not {names}, e.g. {example}")
        return int(first), int(second)

    return parse


def check_output(path: Path, suffix: str = "") -> None:
    """Check early that a file can be written.

    Raises:
        DataError: The suffix is wrong, the path is a folder, or its folder does not exist.
    """
    if suffix and path.suffix != suffix:
        raise DataError(f"{path} does not end in {suffix}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it")
    if not path.resolve().parent.is_dir():
        raise DataError(f"{path.resolve().parent} is not a folder, so {path.name} cannot be written there")


def write_json(path: Path | None, data: Any) -> None:
    """Write indented JSON, unless no file was named."""
    if path:
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def progress(word: str) -> Callable[[int, int], None]:
    """A counter that rewrites its line on a terminal and prints nothing into a log file."""
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown
        if sys.stderr.isatty() and done != shown:
            shown = done
            end = "\n" if done == total else ""
            print(f"\r  {word} {done} of {total}", end=end, file=sys.stderr, flush=True)

    return show
