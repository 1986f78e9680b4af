# SPDX-License-Identifier: Apache-2.0
"""At most so many frames a second, evenly spread."""


class Pace:
    """Tells which of the images that arrive are due. Times are those of a clock that does not jump, in seconds."""

    def __init__(self) -> None:
        self._due = 0.0

    def is_due(self, rate_hz: float, now: float) -> bool:
        """Whether an image is to be taken at this time; its turn is used up if so. 0 is no limit."""
        if not rate_hz:
            self._due = now
            return True
        period = 1.0 / rate_hz
        # A rate that was raised counts at once.
        self._due = min(self._due, now + period)
        if now < self._due:
            return False
        # From when it was due, so that the mean rate is reached whatever the images' own; a pause is not made up for.
        self._due = (self._due if now < self._due + period else now) + period
        return True
