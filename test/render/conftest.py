# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can draw; where it cannot, the tests ask for the clear error instead."""

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest
import torchvision  # noqa: F401  (loads triton: after Mesa's software OpenGL the two LLVMs end the process)

from prv2_ros.render import RenderError
from prv2_ros.render.builder import SceneBuilder
from prv2_ros.render.renderer import SceneRenderer


@pytest.fixture(autouse=True)
def texture_cache(monkeypatch):
    """Textures made by the tests are kept among temporary files, not in the user's cache."""
    monkeypatch.setenv("PRV2_CACHE", str(Path(tempfile.gettempdir()) / f"prv2-test-textures-{os.getuid()}"))


@cache
def gl_error() -> str:
    """Empty when an off-screen OpenGL starts here, else the error's text."""
    import numpy as np

    builder = SceneBuilder("probe", np.random.default_rng(0))
    builder.box((3, 0, 0), (1, 1, 1), builder.plain((0.5, 0.5, 0.5)))
    try:
        SceneRenderer(builder.scene, 64, 48).close()
    except RenderError as error:
        return str(error)
    return ""


@pytest.fixture
def draws():
    """Calls a function that draws: returns its value, or, on a machine without OpenGL, checks the error's text
    (it must name the backend and the way out) and returns None."""

    def call(function, *args, **kwargs):
        if not gl_error():
            return function(*args, **kwargs)
        with pytest.raises(RenderError, match=r"MUJOCO_GL=.*install"):
            function(*args, **kwargs)
        return None

    return call
