# SPDX-License-Identifier: Apache-2.0
"""When a camera may rest: images that nobody wants cost a large part of a core just by arriving."""

# Long enough for a listener that comes back, and for what is wrong with a topic to show.
_AFTER_S, _FLOWING_S = 5.0, 1.5


class Rest:
    """Whether the image topic is to be listened to; times are those of a clock that does not jump [s].

    Args:
        now: time of the activation.
    """

    def __init__(self, now: float):
        self._needed_at = now
        self.resting = False

    def decide(self, now: float, *, needed: bool, silent_s: float) -> bool:
        """Whether to rest from now on.

        Args:
            now: now.
            needed: frames are to be computed.
            silent_s: since the last image; a silent topic costs nothing, and is listened to so that it can be told.
        """
        if needed:
            self._needed_at, self.resting = now, False
        elif now - self._needed_at > _AFTER_S and silent_s < _FLOWING_S:
            self.resting = True
        return self.resting
