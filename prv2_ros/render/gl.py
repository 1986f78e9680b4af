# SPDX-License-Identifier: Apache-2.0
"""Off-screen OpenGL, and a clear error where there is none."""

import os

from prv2_ros.errors import Prv2Error

BACKENDS = ("egl", "osmesa")
_INSTALL = (
    "install the libraries (Debian: apt install libegl1 libgl1-mesa-dri, or libosmesa6) "
    f"or set MUJOCO_GL to one that works ({' or '.join(BACKENDS)})"
)


class RenderError(Prv2Error):
    """MuJoCo is not installed, no OpenGL can be started, or a scene cannot be drawn."""


def import_mujoco():
    """The mujoco module with an off-screen OpenGL backend: MUJOCO_GL, or EGL (a GPU, or Mesa in software).

    Raises:
        RenderError: mujoco is missing, or its OpenGL backend cannot be loaded.
    """
    os.environ.setdefault("MUJOCO_GL", "egl")
    if os.environ["MUJOCO_GL"] in BACKENDS:
        os.environ.setdefault("PYOPENGL_PLATFORM", os.environ["MUJOCO_GL"])
    try:
        import mujoco
        import mujoco.rendering.classic.renderer
    except ImportError as error:
        if error.name == "mujoco":
            raise RenderError("rendering needs MuJoCo: pip install mujoco") from error
        raise RenderError(_no_gl(error)) from error
    except (AttributeError, OSError, RuntimeError) as error:  # PyOpenGL without the library that it needs
        raise RenderError(_no_gl(error)) from error
    return mujoco


def make_renderer(mujoco, model, height: int, width: int):
    """An off-screen mujoco.Renderer; a RenderError where there is no OpenGL context."""
    renderer_class = mujoco.rendering.classic.renderer.Renderer
    try:
        return renderer_class(model, height, width, max_geom=20000)
    except Exception as error:  # mujoco.FatalError, OpenGL's and EGL's own errors share no base class
        raise RenderError(_no_gl(error)) from error


def _no_gl(error: BaseException) -> str:
    backend = os.environ["MUJOCO_GL"]
    return f"no off-screen OpenGL with MUJOCO_GL={backend} ({type(error).__name__}: {error}); {_INSTALL}"
