# SPDX-License-Identifier: Apache-2.0
"""`pip install` without ROS: library and command `prv2`, without the node. With ROS, colcon uses CMakeLists.txt."""

import sys
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
SHARE = ("config", "msg", "weights", "demo")


def requirements(name: str) -> list[str]:
    """Lines of a requirements file without comments and references to other files."""
    lines = (line.split("#")[0].strip() for line in (HERE / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def share_files() -> list[tuple[str, list[str]]]:
    """Files for `<prefix>/share/prv2_ros`, where prv2_ros.paths looks for them; a link to the checkout needs none."""
    if "editable_wheel" in sys.argv:
        return []
    places = [("share/prv2_ros", ["package.xml"])]
    for top in SHARE:
        for folder in [HERE / top, *(path for path in sorted((HERE / top).rglob("*")) if path.is_dir())]:
            files = [str(path.relative_to(HERE)) for path in sorted(folder.glob("*")) if path.is_file()]
            if files:
                places.append((f"share/prv2_ros/{folder.relative_to(HERE)}", files))
    return places


run_time, train = requirements("requirements.txt"), requirements("requirements-train.txt")
# What `prv2 depth`, `prv2 bag` and `prv2 report` need beyond the network; the node needs none of it.
tools = [
    line
    for line in train
    if line.split(">")[0] in ("jinja2", "mcap", "mcap-ros2-support", "openexr", "pyyaml", "rosbags")
]
extra = requirements("requirements-extra.txt")
extras = {
    "export": [line for line in extra if line.startswith("onnx")],
    "heif": [line for line in extra if line.startswith("pillow-heif")],
    "view": [line for line in extra if line.startswith("rerun")],
    "train": [*run_time, *train],
    "dev": [*run_time, *train, *extra, *requirements("requirements-dev.txt")],
}
package = ElementTree.parse(HERE / "package.xml").getroot()
setup(
    name=package.findtext("name"),
    version=package.findtext("version").strip(),
    description="Metric depth from one camera with PatchRefiner V2, for ROS 2 and without it",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["prv2_ros", "prv2_ros.*"], exclude=["prv2_ros.node", "prv2_ros.node.*"]),
    # Every file beside the modules of a package; include_package_data would bring the node's files as well.
    package_data={"": ["*"]},
    include_package_data=False,
    data_files=share_files(),
    install_requires=[*run_time, *tools],
    extras_require=extras,
    entry_points={"console_scripts": ["prv2 = prv2_ros.cli.main:main"]},
    zip_safe=False,
)
