# SPDX-License-Identifier: Apache-2.0
"""Files that come with the package are found from a checkout, an install space and an Ubuntu install space."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prv2_ros.paths import share_path

TOP = Path(__file__).resolve().parents[1]


def run_copy(site: Path, *parts: str) -> str:
    """What `share_path` answers, or its error, when the package lies in `site` and nothing else is on the path."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom prv2_ros.paths import share_path\n"
        "try: print(share_path(*sys.argv[2:]))\nexcept FileNotFoundError as error: print('none:', error)"
    )
    command = [sys.executable, "-I", "-c", code, str(site), *parts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def install(prefix: Path, site: str) -> Path:
    """A copy of the two modules that matter, as CMake's install lays them out."""
    package = prefix / site / "prv2_ros"
    package.mkdir(parents=True)
    for name in ("__init__.py", "paths.py", "version.py", "errors.py"):
        shutil.copy(TOP / "prv2_ros" / name, package)
    share = prefix / "share" / "prv2_ros"
    (share / "weights").mkdir(parents=True)
    shutil.copy(TOP / "package.xml", share)
    (share / "weights" / "some.safetensors").write_bytes(b"x")
    return package.parent


def test_checkout():
    assert share_path("package.xml").samefile(TOP / "package.xml")
    assert share_path("msg", "DepthTiming.msg").is_file()


@pytest.mark.parametrize("site", ["lib/python3.12/site-packages", "local/lib/python3.10/dist-packages"])
def test_install_space(tmp_path, site):
    path = install(tmp_path / "prefix", site)
    expected = tmp_path / "prefix" / "share" / "prv2_ros" / "weights" / "some.safetensors"
    assert Path(run_copy(path, "weights", "some.safetensors")) == expected


def test_linked_install_space_finds_what_only_the_checkout_has(tmp_path):
    """`colcon build --symlink-install` links files; a file added to the checkout later is found through the link."""
    path = install(tmp_path / "prefix", "lib/python3.11/site-packages")
    checkout = tmp_path / "checkout"
    shutil.copytree(path / "prv2_ros", checkout / "prv2_ros")
    shutil.copy(TOP / "package.xml", checkout)
    (checkout / "new.txt").write_text("new")
    (path / "prv2_ros" / "paths.py").unlink()
    (path / "prv2_ros" / "paths.py").symlink_to(checkout / "prv2_ros" / "paths.py")
    assert Path(run_copy(path, "weights", "some.safetensors")).parts[-4] == "share"
    assert Path(run_copy(path, "new.txt")) == checkout / "new.txt"


def test_missing_file_names_the_places(tmp_path):
    answer = run_copy(install(tmp_path, "lib/python3.11/site-packages"), "weights", "none.safetensors")
    assert answer.startswith("none: weights/none.safetensors not found")
    assert str(tmp_path / "share" / "prv2_ros" / "weights" / "none.safetensors") in answer
    with pytest.raises(FileNotFoundError, match="no-such-folder/file not found"):
        share_path("no-such-folder", "file")


def test_version_without_package_xml_says_so(tmp_path):
    path = install(tmp_path, "lib/python3.11/site-packages")
    (tmp_path / "share" / "prv2_ros" / "package.xml").unlink()
    assert "near" in run_copy(path, "package.xml")
