# SPDX-License-Identifier: Apache-2.0
"""Models of lens distortion by the names that drivers and calibration tools give them."""

import re
from dataclasses import dataclass

# OpenCV's polynomial is one model, and the number of coefficients says how much of it: k1 k2 p1 p2, k3, k4 k5 k6 ...
_POLYNOMIAL_COUNTS = (4, 5, 8, 12, 14)
_FISHEYE_COUNT = 4
_POLYNOMIAL = frozenset(
    ("", "plumbbob", "rationalpolynomial", "rational", "radtan", "radialtangential", "brown", "brownconrady")
    + (
        "modifiedbrownconrady",
        "thinprism",
        "opencv",
        "fullopencv",
        "pinhole",
        "pinholeradtan",
        "standard",
        "perspective",
    )
)
# KannalaBrandt8 counts fx fy cx cy too.
_FISHEYE = frozenset(
    ("equidistant", "equi", "fisheye", "opencvfisheye", "kannalabrandt", "kannalabrandt4", "kannalabrandt8")
    + ("kb", "kb4", "kb8", "pinholeequi", "pinholeequidistant")
)


@dataclass(frozen=True)
class Lens:
    """Distortion as OpenCV takes it.

    Args:
        fisheye: the coefficients belong to the fisheye model (equidistant), not to the polynomial one.
        d: coefficients, as many as the model takes.
    """

    fisheye: bool
    d: tuple[float, ...]

    @property
    def distorts(self) -> bool:
        """A fisheye lens without coefficients (r = f theta) is no pinhole; a polynomial without any is."""
        return self.fisheye or any(self.d)


def is_fisheye(name: str) -> bool:
    """Whether the name of a distortion model means the fisheye model."""
    return _plain(name) in _FISHEYE


def lens_of(name: str, d: tuple[float, ...]) -> Lens | None:
    """The lens of a distortion model's name and coefficients; None where they are not known, and there is distortion.

    Missing coefficients are zero. The name that another tool gives to the same model is the same model.
    """
    short = d
    while short and short[-1] == 0:
        short = short[:-1]
    if is_fisheye(name):
        return Lens(True, short + (0.0,) * (_FISHEYE_COUNT - len(short))) if len(short) <= _FISHEYE_COUNT else None
    if not short:
        return Lens(False, ())
    if _plain(name) not in _POLYNOMIAL:
        return None
    if len(d) in _POLYNOMIAL_COUNTS:
        return Lens(False, d)
    # Of one or two it is clear which they are, and zeros may follow; a third could be p1 or k3.
    count = next((count for count in _POLYNOMIAL_COUNTS if count >= len(short)), None)
    if count is None or not (len(short) < 3 or len(d) > count):
        return None
    return Lens(False, short + (0.0,) * (count - len(short)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
