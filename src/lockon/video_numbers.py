"""Numbers of the pictures of a video file: the number of a picture is how many others the file shows before it.

A decoder loses pictures in silence, so its pictures cannot be counted. The time stamps of the packets are read beside it
instead, a little ahead and without decoding (4 to 7 microseconds a packet): each packet is one picture, damaged or not. A
decoded picture has the number that its stamp has among them. No constant rate is assumed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Generator

from lockon.video_containers import Container

_REORDERED = 16  # pictures that may lie before one that is shown before them (H.264 A.3.1, HEVC A.4.2: the largest picture buffer)
_AHEAD = 64  # packets beyond the picture in question
_TOLERANCE = 0.5  # ms; both readers round the same stamps the same way
_APART = 1_000  # ms between recordings that were joined, for the order of their stamps alone

Stamp = tuple[float, bool]
"""Time of a packet in ms, and whether it is known to be a key picture."""


class FrameNumbers:
    """The numbers of the pictures of one file, for a decoder that reads it in order.

    Args:
        stamps: Those of the packets, in ms from the first one on, in the order of the file.
        container: The kind of file.
        header: The count of pictures that the header states, or 0.
        period: Milliseconds from picture to picture as the header states it, or 0.
        field_step: The least time in ms between pictures where a picture may be two packets, or 0.
        find_origin: Returns the time in ms that the decoder counts from; asked where the first picture is not the first packet.
        find_end: Returns the time in ms of the last packet of any stream; asked where the header promises more pictures than there are.

    Attributes:
        ended: Whether all packets were read.
    """

    def __init__(
        self,
        stamps: Generator[Stamp, None, None],
        container: Container,
        header: int = 0,
        period: float = 0.0,
        *,
        field_step: float = 0.0,
        find_origin: Callable[[], float] | None = None,
        find_end: Callable[[], float] | None = None,
    ) -> None:
        self._stamps, self._container, self._header, self._period = stamps, container, header, period
        self._field_step, self._find_origin, self._find_end = field_step, find_origin, find_end
        self._pending: list[float] = []  # stamps of pictures from number `_base` on, ascending
        self._base = self._known = 0  # pictures that were taken from `_pending`, and all that are known
        self._latest = self._last = -math.inf  # the latest stamp that was read, and that of the last picture
        self._shift = 0.0  # ms that are added to the stamps of a recording that was joined to others
        self._origin: float | None = None
        self._stamped = container.stamps == "shown" or period > 0
        self._tolerance = _TOLERANCE if container.stamps == "shown" else period * 0.3
        self.ended = False

    def number(self, time: float, counted: int) -> int | None:
        """Return the number of the next picture; None for one that comes again, or too late, as decoders give after damage.

        Args:
            time: Its stamp in ms.
            counted: Its number if only what the decoder reports is lost was lost; the number where there are no stamps.
        """
        if self._origin is None:
            self._origin = self._first_origin(time, counted)
        time += self._origin
        while self._stamped and not self.ended and (len(self._pending) < _AHEAD or self._pending[-_AHEAD] <= time):
            self._pull()
        if not self._stamped:
            return counted
        place = bisect_left(self._pending, time - self._tolerance)
        if place == len(self._pending) or self._pending[place] > time + self._tolerance:  # a stamp that no packet has
            if self._container.stamps == "shown" and time < self._last - _TOLERANCE:
                return None
            place = counted if self._base == 0 else 0
        elif self._container.stamps == "none" and place == 1:  # such decoders guess, and may be one picture ahead for a while
            place = 0
        self._last = time
        del self._pending[: place + 1]
        self._base += place + 1
        return self._base - 1

    @property
    def left(self) -> int | None:
        """How many packets may come after the last picture, None where it is unknown."""
        return len(self._pending) if self.ended else None

    def promised(self) -> int | None:
        """Return the number of pictures as far as the header and the first packets tell; None where it is not known yet."""
        while not self.ended and self._known < _AHEAD:
            self._pull()
        if self.ended:
            return self.count()
        return self._header or None if self._container.counted or self._is_regular() else None

    def count(self) -> int:
        """Return the number of pictures of the whole file; packets that were not read yet are read now.

        The header's count is believed where it is a count, or where the stamps keep to the stated rate.
        """
        while not self.ended:
            self._pull()
            if len(self._pending) > 4 * _AHEAD:  # nobody asks for their numbers
                del self._pending[:_AHEAD]
        if self._container.counted:  # an AVI leaves places out where its recorder dropped a picture
            missing = self._header - (self._places() if self._container.stamps == "decoded" else self._known)
        else:
            missing = self._header - self._known - (round(self._container.start / self._period) if self._period else 0)
            if not self._is_regular() or missing <= max(2, self._header // 100):  # such counts are often off by a few
                missing = 0
            elif not self._container.promised or (self._find_end is not None and self._find_end() > (self._header - 3) * self._period):
                missing = 0  # the duration is that of the sound, or begins before the video
        return self._known + max(missing, 0)

    def close(self) -> None:
        """Close the file."""
        self._stamps.close()

    def _first_origin(self, time: float, counted: int) -> float:
        """Return what to add to the decoder's stamps: in AVI it stamps pictures late by the B-frames that it waits for."""
        if self._container.stamps == "decoded":
            late = time - counted * self._period
            return -late if 0 < late < 3.5 * self._period else 0.0
        return self._find_origin() if self._find_origin is not None and time > _TOLERANCE else 0.0

    def _places(self) -> int:
        """Return how many pictures of the stated rate the time up to the last packet has room for; 0 where there is no rate."""
        return round(self._latest / self._period) + 1 if self._period and self._latest >= 0 else 0

    def _is_regular(self) -> bool:
        return self._places() == self._known

    def _pull(self) -> None:
        stamp = next(self._stamps, None)
        if stamp is None:
            self.ended = True
            self._stamped &= self._latest > 0 or self._known == 1
            return
        time = stamp[0] + self._shift
        if self._is_restart(time, key=stamp[1]):
            self._stamped = False  # the decoder's stamps do not say of which recording they are
            self._shift += self._latest + _APART - time
            time = self._latest + _APART
        if self._field_step and self._is_second_field(time):
            return
        self._known += 1
        if self._known == _AHEAD and self._latest <= 0:  # there are no stamps
            self._stamped = False
        self._latest = max(self._latest, time)
        insort(self._pending, time)

    def _is_restart(self, time: float, *, key: bool) -> bool:
        """Return whether another recording, whose time begins again, was joined to the file.

        A key picture is shown after all that lie before it; others before at most 16 of them.
        """
        earlier = bisect_right(self._pending, time + _TOLERANCE)
        return len(self._pending) - earlier > (0 if key else _REORDERED)

    def _is_second_field(self, time: float) -> bool:
        place = bisect_left(self._pending, time)
        return any(abs(stamp - time) < self._field_step * 0.6 for stamp in self._pending[max(place - 1, 0) : place + 1])
