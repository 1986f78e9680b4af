# SPDX-License-Identifier: Apache-2.0
"""The files of a recording in time order, compressed ones included.

metadata.yaml is used only for the order of the files. Its topics may be edited by hand (so that `ros2 bag play` offers
another QoS) or belong to another run, so topics are read from the files.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import yaml

from prv2_ros.bags.mcap_file import IndexedMcap, SalvagedMcap, open_mcap
from prv2_ros.bags.sqlite import SqliteFile
from prv2_ros.errors import DataError

File = IndexedMcap | SalvagedMcap | SqliteFile
SUFFIXES = (".mcap", ".db3")
ZSTD = ".zstd"
_COMPRESSED = (ZSTD, ".zst")


def files_of(path: Path) -> list[Path]:
    """The files to open, in order.

    Raises:
        DataError: There is none, or it is not a rosbag2 recording.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.is_dir():
        return _files_of_folder(path)
    if path.suffix == ".bag":
        raise DataError(f"{path} is a ROS 1 bag; convert it first: rosbags-convert --src {path} --dst {path.stem}")
    if not _is_file_of_a_recording(path):
        raise DataError(f"{path} is not a rosbag2 recording: give its folder, or a .mcap or .db3 file")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")
    return [path]


def _files_of_folder(path: Path) -> list[Path]:
    metadata = path / "metadata.yaml"
    if metadata.is_file():
        return _files_by_metadata(path, metadata)
    files = [p for p in path.iterdir() if _is_file_of_a_recording(p) and p.is_file()]
    # A recorder killed while compressing leaves both files; the uncompressed one is complete.
    plain = {p.name for p in files if p.suffix in SUFFIXES}
    files = [p for p in files if p.suffix in SUFFIXES or p.stem not in plain]
    if not files:
        raise DataError(f"{path} is not a rosbag2 recording: it has no metadata.yaml, .mcap or .db3 file")
    return sorted(files, key=_number)


def _number(path: Path) -> tuple[str, int, str]:
    """Sort key: drive_2.mcap comes before drive_10.mcap."""
    stem, _, number = path.name.split(".")[0].rpartition("_")
    return (stem, int(number), path.name) if number.isdigit() else (path.name, 0, path.name)


def _files_by_metadata(path: Path, metadata: Path) -> list[Path]:
    try:
        names = yaml.safe_load(metadata.read_text())["rosbag2_bagfile_information"]["relative_file_paths"]
        files = [path / Path(name).name for name in names]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        text = " ".join(str(error).split())
        raise DataError(f"{path} is not a readable rosbag2 recording: metadata.yaml names no files ({text})") from None
    if not files:
        raise DataError(f"{path} is not a readable rosbag2 recording: metadata.yaml names no files")
    found = [_as_it_is_there(file) for file in files]
    missing = [file.name for file, there in zip(files, found, strict=True) if there is None]
    if missing:
        raise DataError(
            f"{path} lacks {', '.join(missing)}, which metadata.yaml lists; restore it, or give one file "
            "instead of the folder"
        )
    return [file for file in found if file is not None]


def files_left_out(path: Path) -> list[str]:
    """Names of recording files in the folder that metadata.yaml does not list."""
    if not (path / "metadata.yaml").is_file():
        return []
    chosen = {file.name for file in files_of(path)}
    others = [p for p in path.iterdir() if _is_file_of_a_recording(p) and p.is_file() and p.name not in chosen]
    return sorted(p.name for p in others if p.stem not in chosen and f"{p.name}{ZSTD}" not in chosen)


def _as_it_is_there(file: Path) -> Path | None:
    """The file, or its compressed or decompressed form, or None."""
    names = [file, *(file.with_name(file.name + suffix) for suffix in _COMPRESSED)]
    names += [file.with_suffix("")] if file.suffix in _COMPRESSED else []
    return next((name for name in names if name.is_file()), None)


def _is_file_of_a_recording(path: Path) -> bool:
    return path.suffix in SUFFIXES or (path.suffix in _COMPRESSED and Path(path.stem).suffix in SUFFIXES)


def open_file(path: Path, scratch: Callable[[], Path]) -> tuple[File, str | None]:
    """Open a file, decompressed into the folder that `scratch` makes if necessary.

    Returns:
        The open file, and None or why only its first part can be read.

    Raises:
        DataError: It cannot be read.
    """
    plain, damage = path, None
    if path.suffix in _COMPRESSED:
        plain = scratch() / path.stem
        damage = _decompress(path, plain)
    try:
        file: File = open_mcap(plain) if plain.suffix == ".mcap" else SqliteFile(plain)
    except (sqlite3.Error, OSError, ValueError, UnicodeDecodeError) as error:
        text = damage or " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is not a readable rosbag2 recording: {text}") from error
    return file, damage or file.damage


def _decompress(path: Path, plain: Path) -> str | None:
    """Write all that can be decompressed; returns the damage, or None."""
    import zstandard

    try:
        with path.open("rb") as source, plain.open("wb") as target:
            decoder = zstandard.ZstdDecompressor().decompressobj()
            while block := source.read(1 << 20):
                while block:
                    # A file may consist of several frames.
                    decoder = zstandard.ZstdDecompressor().decompressobj() if decoder.eof else decoder
                    target.write(decoder.decompress(block))
                    block = decoder.unused_data if decoder.eof else b""
    except zstandard.ZstdError as error:
        return f"is damaged (zstd: {error})"
    except OSError as error:
        raise DataError(f"cannot decompress {path}: {error.strerror or error}; try zstd -d") from None
    return None if decoder.eof else "is cut off (its zstd frame has no end)"


def decompressed(data: bytes) -> bytes:
    """Decompress a message that is a zstd frame; CDR starts with a zero, so both are easy to tell apart.

    Raises:
        ValueError: A damaged frame.
    """
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        return data
    import zstandard

    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(f"zstd: {error}") from error
