# SPDX-License-Identifier: Apache-2.0
"""Networks converted for a runtime, kept in the user's cache folder; damaged ones are rebuilt."""

import atexit
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prv2_ros.version import __version__

VARIABLE = "PRV2_CACHE"
_MANIFEST = "manifest.json"
_DIGITS = 16
# Entries of one kind beyond which the oldest go: other weights, sizes and versions were tried.
_KEPT = 24

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """`PRV2_CACHE`, or `prv2_ros` in the user's cache folder."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "prv2_ros"


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cached(name: str, key: dict[str, object] | None, build: Callable[[Path], None], *, fresh: bool = False) -> Path:
    """Folder with what `build` writes into it, from the cache where it is there and undamaged.

    Args:
        name: of what is built, in the folder's name and in the log.
        key: everything that the result depends on; None keeps nothing: the folder is temporary.
        build: writes into an empty folder.
        fresh: build even where there is an undamaged one.

    Returns:
        the folder.
    """
    text = json.dumps({"prv2_ros": __version__, **(key or {})}, sort_keys=True, default=str)
    folder = cache_folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"
    if key is not None:
        if not fresh and _is_whole(folder, text):
            os.utime(folder)
            return folder
        if not fresh and folder.exists():
            _log.warning("%s is damaged; rebuilding it", folder)
    start = time.perf_counter()
    where = "" if key is None else f" into {folder}"
    _log.info("building %s%s, once; this takes seconds to minutes", name, where)
    made = _build(folder if key is not None else None, text, build)
    _log.info("built %s in %.1f s", name, time.perf_counter() - start)
    return made


def _build(folder: Path | None, text: str, build: Callable[[Path], None]) -> Path:
    if folder is not None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("the cache cannot be written, so the next start builds again: %s", error)
            folder = None
    try:
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent if folder else None))
    except OSError as error:
        _log.warning("the cache cannot be written, so the next start builds again: %s", error)
        folder, partial = None, Path(tempfile.mkdtemp(prefix="prv2-"))
    try:
        build(partial)
        if folder is None:
            atexit.register(shutil.rmtree, partial, ignore_errors=True)
            return partial
        files = {path.name: digest_of_file(path) for path in sorted(partial.iterdir()) if path.is_file()}
        (partial / _MANIFEST).write_text(json.dumps({"key": text, "files": files}))
        return _move(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _move(partial: Path, folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        partial.rename(folder)
    except OSError:  # another process was faster
        atexit.register(shutil.rmtree, partial, ignore_errors=True)
        return partial
    entries = [path for path in folder.parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for old in sorted(entries, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _is_whole(folder: Path, text: str) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        return manifest["key"] == text and all(
            digest_of_file(folder / name) == digest for name, digest in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
