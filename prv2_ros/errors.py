# SPDX-License-Identifier: Apache-2.0
"""Errors that a user can act on: each names the thing, its value and the way out."""


class Prv2Error(Exception):
    """Base of every error this package raises on purpose; its text is one clear line."""


class WeightsError(Prv2Error):
    """A weights file is missing, damaged, unsafe or of another network."""


class ImageError(Prv2Error, ValueError):
    """An image cannot be read, or its size, type or encoding cannot be used."""


class DataError(Prv2Error):
    """A data set or recording is missing, damaged or not in the format that was named."""


class DeviceLostError(Prv2Error):
    """A device failed so that this process can use it no more; only a new process can."""
