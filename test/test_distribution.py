# SPDX-License-Identifier: Apache-2.0
"""What pip installs: the source distribution holds the repository, its wheel the commands and the package's files."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from prv2_ros.version import __version__

TOP = Path(__file__).resolve().parents[1]
TRACKED = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True).stdout.split("\0")[:-1]
SMALL = 2**20


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The unpacked source distribution; large files are stand-ins, since only their place matters."""
    pytest.importorskip("setuptools", minversion="70.1", reason="older ones need the package wheel as well")
    if not TRACKED:
        pytest.skip("needs git")
    checkout, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("out")
    for name in TRACKED:
        if (TOP / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            if (TOP / name).stat().st_size > SMALL:
                (checkout / name).write_text("stand-in")
            else:
                shutil.copy(TOP / name, checkout / name)
    _run(sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", out, cwd=checkout)
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        archive.extractall(out, filter="data")
    return next(path for path in out.iterdir() if path.is_dir())


def test_source_distribution_holds_every_tracked_file(source):
    assert [name for name in TRACKED if (TOP / name).is_file() and not (source / name).is_file()] == []


def test_wheel_installs_command_and_files(source, tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    wheel = next(tmp_path.glob("*.whl"))
    assert wheel.name == f"prv2_ros-{__version__}-py3-none-any.whl"
    prefix = tmp_path / "prefix"
    _run(*pip, "install", "--no-deps", "--ignore-installed", "--prefix", prefix, wheel, cwd=tmp_path)
    code = next(prefix.rglob("prv2_ros/cli")).parent
    missing = [
        name
        for name in TRACKED
        if name.startswith("prv2_ros/")
        and not name.startswith("prv2_ros/node/")
        and (TOP / name).is_file()
        and not (code.parent / name).is_file()
    ]
    assert missing == [] and not (code / "node").exists()
    for top in ("config", "weights", "demo", "msg"):
        for name in (name for name in TRACKED if name.startswith(f"{top}/")):
            assert (prefix / "share/prv2_ros" / name).is_file(), f"{name} is not in the wheel"
    assert next(prefix.rglob("bin/prv2")).is_file()
    look = (
        f"import sys; sys.path.insert(0, {str(code.parent)!r}); import prv2_ros; "
        "from prv2_ros.paths import share_path; print(prv2_ros.__file__, share_path('weights', 'prv2s.safetensors'))"
    )
    found = _run(sys.executable, "-c", look, cwd=tmp_path).split()
    assert all(path.startswith(str(prefix)) for path in found), found


def test_citation_and_changelog_are_of_this_version():
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text())
    changes = (TOP / "CHANGELOG.md").read_text()
    dated = re.search(rf"^## {re.escape(__version__)} - (\d{{4}}-\d\d-\d\d)$", changes, re.M)
    assert dated, f"CHANGELOG.md has no dated section for {__version__}"
    assert (citation["version"], citation["date-released"]) == (__version__, dated[1])
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


@pytest.mark.parametrize("path", sorted((TOP / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_and_templates_run_files_that_are_there(path):
    """GitHub reads them only once they are pushed."""
    read = yaml.safe_load(path.read_text())
    assert isinstance(read, dict)
    for script in re.findall(r"(?<![\w/])(\.ci/\w+)", path.read_text()):
        assert (TOP / script).is_file(), script
    targets = re.findall(r"^(\w+):.*##", (TOP / "Makefile").read_text(), re.M)
    for target in re.findall(r"run: make (\w+)", path.read_text()):
        assert target in targets
