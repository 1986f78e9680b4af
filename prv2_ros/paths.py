# SPDX-License-Identifier: Apache-2.0
"""Where the files that come with the package lie: weights, config, demo, package.xml."""

import sys
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = "prv2_ros"


def share_roots() -> Iterator[Path]:
    """Folders that may hold the package's files, most specific first.

    A source checkout keeps them beside the code. An install space of colcon and a pip installation keep them in
    `<prefix>/share/prv2_ros`, where the prefix is some parent of the code (`lib/python3.12/site-packages` under it,
    or `local/lib/python3.10/dist-packages` on Ubuntu).
    """
    code = Path(__file__).absolute()
    # `colcon build --symlink-install` links each file to the checkout.
    for package in dict.fromkeys((code.parent, code.resolve().parent)):
        if (package.parent / "package.xml").is_file():
            yield package.parent
        for prefix in package.parents:
            if (prefix / "share" / _PACKAGE / "package.xml").is_file():
                yield prefix / "share" / _PACKAGE
    if (Path(sys.prefix) / "share" / _PACKAGE / "package.xml").is_file():
        yield Path(sys.prefix) / "share" / _PACKAGE


def share_path(*parts: str) -> Path:
    """Path of a file that comes with the package, e.g. `share_path("weights", "prv2s.safetensors")`.

    Args:
        parts: path below the package's share folder (or below the source checkout).

    Returns:
        the first place where it exists.

    Raises:
        FileNotFoundError: it is in none of the places, which the text names.
    """
    tried = [root.joinpath(*parts) for root in dict.fromkeys(share_roots())]
    for path in tried:
        if path.exists():
            return path
    places = ", ".join(str(path) for path in tried) or f"no folder with prv2_ros's package.xml near {Path(__file__)}"
    raise FileNotFoundError(f"{'/'.join(parts) or 'package files'} not found; looked for: {places}")
