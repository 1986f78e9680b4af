# SPDX-License-Identifier: Apache-2.0
"""`prv2 report`: one file with everything in it, drawn by a real browser where there is one."""

import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from prv2_ros.bags import BagWriter
from prv2_ros.bags.messages import camera_info_message, compressed_message, make_header
from prv2_ros.bags.types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from prv2_ros.cli.main import main

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def recording(random_weights, tmp_path_factory):
    """Three frames of one camera, converted by prv2 bag."""
    folder = tmp_path_factory.mktemp("report")
    with BagWriter(folder / "in") as writer:
        for index in range(3):
            header = make_header(10**18 + index * 10**8, "c")
            info = camera_info_message(header, width=128, height=96, intrinsics=(100, 100, 63.5, 47.5))
            writer.write("/c/camera_info", CAMERA_INFO_TYPE, 10**18 + index * 10**8, info)
            picture = np.full((96, 128, 3), 60 * index, np.uint8)
            picture[20:60, 30:80] = (20, 200, 90)
            data = cv2.imencode(".png", picture)[1].tobytes()
            image = compressed_message(header, data, "png")
            writer.write("/c/image/compressed", COMPRESSED_TYPE, 10**18 + index * 10**8 + 1, image)
    assert main(["bag", str(folder / "in"), str(folder / "out"), "--weights", str(random_weights)]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def page(recording, random_weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "r.html"
    argv = [
        "report",
        str(recording),
        "-o",
        str(out),
        "--frames",
        "2",
        "--width",
        "320",
        "--weights",
        str(random_weights),
    ]
    assert main(argv) == 0
    return out


def test_the_page_is_whole_and_needs_no_network(page):
    text = page.read_text()
    assert text.count("<figure") == 2 and text.count('class="layer"') == 8
    for name in ("input", "coarse", "refined", "difference"):
        assert text.count(f'data-name="{name}"') == 2
    assert not re.search(r'(src|href)="(?!data:)', text) and "http" not in text.replace("http-equiv", "")
    assert "/c/depth/image_rect, 3 frames over 0.2 s" in text and "of timing.csv" in text
    assert text.count("<svg") == 2 and text.count("<rect") == 60
    assert len(re.search(r'<polyline points="([^"]*)"', text)[1].split()) == 3
    assert text.count('class="scale"') == 2 and text.count('class="strip"') == 2
    assert "$" not in re.sub(r"\$\{100 - wipe\.value\}", "", text)


def test_without_a_network_there_is_no_coarse_depth(recording, tmp_path):
    out = tmp_path / "r.html"
    assert main(["report", str(recording), "-o", str(out), "--no-coarse", "--weights", "none"]) == 0
    assert 'data-name="refined"' in out.read_text() and 'data-name="coarse"' not in out.read_text()


def test_recordings_without_depth_are_named(recording, capsys):
    assert main(["report", str(recording.parent / "in"), "--no-coarse"]) == 1
    assert "has no depth" in capsys.readouterr().err


# A browser that does not come up on a busy machine is no fault of the page; a wrong page fails twice.
@pytest.mark.flaky(reruns=1)
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_draws_it(page, tmp_path):
    """The left half of the first picture shows the input, the right half the refined depth; all four stand below."""
    shot = tmp_path / "shot.png"
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1600"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--disable-dev-shm-usage"]
    subprocess.run([*command, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True, timeout=120)
    dump = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], check=True, capture_output=True, timeout=120, text=True
    )
    figure = dump.stdout.split("<figure")[1]
    assert [figure.count(f">{name}</button>") for name in ("input", "coarse", "refined", "difference")] == [1] * 4
    picture = cv2.imread(str(shot))[..., ::-1].astype(int)
    green = (np.abs(picture - (90, 200, 20)).sum(axis=-1) < 60).sum(axis=0)
    assert green[:600].sum() > 5000, "the input's green square is not on the left"
    assert (picture.max(axis=-1) - picture.min(axis=-1) > 80).sum() > 50_000, "there are no colours"


def test_view_writes_a_file_for_the_viewer(recording, tmp_path, capsys):
    pytest.importorskip("rerun", reason="needs rerun-sdk")
    out = tmp_path / "sub" / "drive.rrd"
    assert main(["view", str(recording), "--save", str(out), "--width", "64"]) == 0
    assert out.read_bytes()[:3] == b"RRF" and out.stat().st_size > 5_000
    assert "3 frames of /c/depth/image_rect" in capsys.readouterr().out


def test_view_without_the_viewer_says_what_to_install(recording, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert main(["view", str(recording)]) == 1
    assert "pip install rerun-sdk" in capsys.readouterr().err
