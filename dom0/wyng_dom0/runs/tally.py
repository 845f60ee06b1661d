# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How far all of a run is, counted from what it tells of its volumes.

Pure: events in, a number or two out.
"""

from wyng_dom0.events import (
    Event,
    Overall,
    Progress,
    RunSized,
    RunStarted,
    VolumeDone,
    VolumeStarted,
)


class Tally:
    """Counts one run."""

    def __init__(self) -> None:
        self._begun = False
        self._sized = 0
        self._volumes = 0
        self._ended = 0
        self._before = 0
        self._sent_before = 0
        self._now = Progress("", 0, 0)

    @property
    def volumes_done(self) -> int:
        """How many volumes came to their end, well or not."""
        return self._ended

    def take(self, event: Event) -> Overall | None:
        """What is to be told after this event, if it changed anything."""
        if isinstance(event, RunStarted):
            self._begun = True
            self._volumes, self._sized = len(event.volumes), event.total_bytes
        elif isinstance(event, RunSized):
            self._sized = event.total_bytes
        elif isinstance(event, VolumeStarted):
            self._now = Progress(event.volume, 0, event.total_bytes)
        elif isinstance(event, Progress):
            self._now = event
        elif isinstance(event, VolumeDone):
            self._end(event)
        else:
            return None
        return self._overall() if self._begun else None

    def _end(self, event: VolumeDone) -> None:
        self._ended += 1
        if event.volume == self._now.volume:
            self._before += self._now.total_bytes
            self._sent_before += self._now.sent_bytes
        else:
            self._before += event.total_bytes
        self._now = Progress("", 0, 0)

    def _overall(self) -> Overall:
        now = self._now
        done = self._before + now.done_bytes
        known = self._before + now.total_bytes
        begun = self._ended + (1 if now.volume else 0)
        all_known = begun >= self._volumes
        total = max(self._sized, known) if self._sized or all_known else 0
        return Overall(
            done_bytes=done,
            total_bytes=total,
            sent_bytes=self._sent_before + now.sent_bytes,
            volumes_done=self._ended,
            volumes_total=max(self._volumes, self._ended),
        )
