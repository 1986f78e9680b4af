# SPDX-License-Identifier: Apache-2.0
"""Lens distortion models, by the names that drivers and calibration tools use."""

import re
from dataclasses import dataclass

# OpenCV's polynomial is one model; the number of coefficients says how much of it: k1 k2 p1 p2, k3, k4 k5 k6 ...
_POLYNOMIAL_COUNTS = (4, 5, 8, 12, 14)
_FISHEYE_COUNT = 4
_POLYNOMIAL = {"", "plumbbob", "rationalpolynomial", "rational", "radtan", "radialtangential", "brown", "brownconrady"}
_POLYNOMIAL |= {"modifiedbrownconrady", "thinprism", "opencv", "fullopencv", "pinhole", "pinholeradtan", "standard"}
_POLYNOMIAL |= {"perspective"}
# KannalaBrandt8 also counts fx fy cx cy.
_FISHEYE = {"equidistant", "equi", "fisheye", "opencvfisheye", "kannalabrandt", "kannalabrandt4", "kannalabrandt8"}
_FISHEYE |= {"kb", "kb4", "kb8", "pinholeequi", "pinholeequidistant"}


@dataclass(frozen=True)
class Lens:
    """Distortion as OpenCV takes it: coefficients `d` of its fisheye (equidistant) or its polynomial model."""

    fisheye: bool
    d: tuple[float, ...]

    @property
    def distorts(self) -> bool:
        """A fisheye lens without coefficients (r = f theta) still distorts; a polynomial without any does not."""
        return self.fisheye or any(self.d)


def is_fisheye(name: str) -> bool:
    """Whether the name of a distortion model means the fisheye model."""
    return _plain(name) in _FISHEYE


def lens_of(name: str, d: tuple[float, ...]) -> Lens | None:
    """The lens of a distortion model's name and coefficients; None where there is distortion of an unknown model.

    Missing coefficients are zero.
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
    # One or two coefficients are k1, k2, and zeros may follow; a third could be p1 or k3.
    count = next((count for count in _POLYNOMIAL_COUNTS if count >= len(short)), None)
    if count is None or not (len(short) < 3 or len(d) > count):
        return None
    return Lens(False, short + (0.0,) * (count - len(short)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
