# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often each qube may call: kept on disk, so that no restart forgets it.

Some calls are free. Each further one makes the next wait twice as long, up to
a day; each quiet hour beyond that wait forgives one. A call that comes too
early changes nothing, however often it comes.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from wyng_dom0.state.json_files import moment_of, read_object, write_object
from wyng_dom0.state.places import Places

# Those whom nobody allowed share one pace; no qube can be called so.
STRANGERS = "+strangers"
FREE = 8
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
FORGIVES = timedelta(hours=1)
# Behind it the wait is the longest one anyhow.
_STRIKES_MAX = FREE + 12


@dataclass(frozen=True)
class Pace:
    """`strikes` calls not yet forgiven, the `last` one let through then.

    `told`: that calls came too early since then is in the log already.
    """

    strikes: int = 0
    last: datetime | None = None
    told: bool = False

    @property
    def wait(self) -> timedelta:
        """How long after `last` nothing is let through."""
        if self.strikes < FREE:
            return timedelta(0)
        doubled: timedelta = FIRST_WAIT * 2 ** (self.strikes - FREE)
        return min(doubled, LONGEST_WAIT)

    def until(self, now: datetime) -> datetime | None:
        """When the next call is let through; None for at once.

        A last call that is still to come was noted by a clock that ran
        wrong, and closes nothing.
        """
        if self.last is None or self.last > now:
            return None
        end = self.last + self.wait
        return end if end > now else None

    def after_call(self, now: datetime) -> "Pace":
        """What it is when a call was let through."""
        # The wait itself is no merit: it would forgive what it is for.
        quiet = now - self.last - self.wait if self.last else timedelta(0)
        forgiven = max(0, quiet // FORGIVES)
        strikes = max(0, self.strikes - forgiven) + 1
        return Pace(min(strikes, _STRIKES_MAX), now)


def read_pace(places: Places, caller: str) -> Pace:
    """The pace of a qube whose name was checked; a new one for no file."""
    values = read_object(places.pace(caller))
    strikes, last = values.get("strikes"), moment_of(values.get("last"))
    if type(strikes) is not int or last is None:
        return Pace()
    known = min(max(strikes, 0), _STRIKES_MAX)
    return Pace(known, last, values.get("told") is True)


def write_pace(places: Places, caller: str, pace: Pace) -> None:
    """Durably keep it."""
    write_object(places.pace(caller), asdict(pace))


def note_told(places: Places, caller: str, pace: Pace) -> None:
    """Durably keep that the log says that calls come too early."""
    write_pace(places, caller, replace(pace, told=True))
