# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How each run stands, folded out of the events that `watch` passes on.

Pure: no Qt, no clock; `now` is seconds of a clock that only goes forward.
Sizes are bytes.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from wyng_dom0.applet.reading import (
    flag_of,
    number_of,
    text_of,
    texts_of,
)

# The rate is that of this many seconds, so that it neither jumps nor sleeps.
RATE_SECONDS = 20.0
# The engine's exit code of a `diff` that found a difference.
DIFFERS = 2
RUNNING, PAUSED, DONE, FAILED, LEFT = "running paused done failed left".split()


@dataclass(frozen=True)
class VolumeRun:
    """One volume of a run; `state` is waiting, running, done, failed, skipped.

    `why` says it of what failed or was skipped.
    """

    name: str
    state: str = "waiting"
    done_bytes: int = 0
    total_bytes: int = 0
    sent_bytes: int = 0
    why: str = ""


@dataclass(frozen=True)
class Run:
    """One run; `state` is one of the five above.

    `total_bytes` is 0 while it is unknown, `code` the engine's exit code and
    `error` its sentence; a comparison that is done has them where it differs.
    """

    name: str
    command: str = ""
    archive: str = ""
    state: str = RUNNING
    done_bytes: int = 0
    total_bytes: int = 0
    sent_bytes: int = 0
    error: str = ""
    code: int = 0
    cancelled: bool = False
    volumes: Mapping[str, VolumeRun] = field(default_factory=dict)
    notices: Tuple[str, ...] = ()
    samples: Tuple[Tuple[float, int], ...] = ()

    @property
    def is_over(self) -> bool:
        """True when nothing more will come of it."""
        return self.state in (DONE, FAILED, LEFT)

    @property
    def part(self) -> Optional[float]:
        """0 to 1; None while the size is unknown."""
        if not self.total_bytes:
            return None
        return min(1.0, self.done_bytes / self.total_bytes)

    @property
    def rate(self) -> float:
        """Bytes looked at in a second, of the last RATE_SECONDS."""
        if len(self.samples) < 2:
            return 0.0
        (began, first), (ended, last) = self.samples[0], self.samples[-1]
        return (last - first) / (ended - began) if ended != began else 0.0

    @property
    def seconds_left(self) -> Optional[float]:
        """At the rate of now; None where nobody can know."""
        if self.state != RUNNING or not self.total_bytes or self.rate <= 0:
            return None
        return max(0.0, (self.total_bytes - self.done_bytes) / self.rate)


_KEPT_NOTICES = 200


def folded(runs: Mapping[str, Run], said: Mapping[str, Any], now: float) -> Run:
    """The run that an object is about, as it stands after it.

    `runs` has the runs known by name; one that is not there begins here.
    """
    name = text_of(said, "run")
    run = runs.get(name) or Run(name, command_in(name))
    change = _CHANGES.get(text_of(said, "event"))
    return change(run, said, now) if change else run


def command_in(name: str) -> str:
    """The command of a run named as `arch-check-4f2a19`."""
    return name.rpartition("-")[0]


def _started(run: Run, said: Mapping[str, Any], now: float) -> Run:
    names = texts_of(said, "volumes")
    return replace(
        run,
        command=text_of(said, "command"),
        archive=text_of(said, "archive"),
        total_bytes=number_of(said, "total_bytes"),
        volumes={each: VolumeRun(each) for each in names},
    )


def _sized(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return replace(run, total_bytes=number_of(said, "total_bytes"))


def _overall(run: Run, said: Mapping[str, Any], now: float) -> Run:
    done = number_of(said, "done_bytes")
    recent = [s for s in run.samples if now - s[0] <= RATE_SECONDS]
    return replace(
        run,
        done_bytes=done,
        sent_bytes=number_of(said, "sent_bytes"),
        total_bytes=number_of(said, "total_bytes") or run.total_bytes,
        samples=(*recent, (now, done)),
    )


def _volume(run: Run, said: Mapping[str, Any], **values: Any) -> Run:
    name = text_of(said, "volume")
    old = run.volumes.get(name) or VolumeRun(name)
    return replace(run, volumes={**run.volumes, name: replace(old, **values)})


def _volume_started(run: Run, said: Mapping[str, Any], now: float) -> Run:
    size = number_of(said, "total_bytes")
    return _volume(run, said, state="running", total_bytes=size)


def _progress(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return _volume(
        run,
        said,
        state="running",
        done_bytes=number_of(said, "done_bytes"),
        total_bytes=number_of(said, "total_bytes"),
        sent_bytes=number_of(said, "sent_bytes"),
    )


def _skipped(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return _volume(run, said, state="skipped", why=text_of(said, "why"))


def _volume_done(run: Run, said: Mapping[str, Any], now: float) -> Run:
    error = text_of(said, "error")
    size = number_of(said, "total_bytes")
    return _volume(
        run,
        said,
        state="failed" if error else "done",
        why=error,
        done_bytes=size,
        total_bytes=size,
        sent_bytes=number_of(said, "sent_bytes"),
    )


def _noticed(run: Run, said: Mapping[str, Any], now: float) -> Run:
    kept = (*run.notices, text_of(said, "text"))[-_KEPT_NOTICES:]
    return replace(run, notices=kept)


def _paused(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return replace(run, state=PAUSED, samples=())


def _resumed(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return replace(run, state=RUNNING, samples=())


def _done(run: Run, said: Mapping[str, Any], now: float) -> Run:
    failed = number_of(said, "volumes_failed")
    return replace(run, state=FAILED if failed else DONE)


def only_differs(command: str, code: int) -> bool:
    """Is it the end of a comparison that was made, and found a difference?"""
    return command == "diff" and code == DIFFERS


def _failed(run: Run, said: Mapping[str, Any], now: float) -> Run:
    code = number_of(said, "code")
    return replace(
        run,
        state=DONE if only_differs(run.command, code) else FAILED,
        error=text_of(said, "text"),
        code=code,
        cancelled=flag_of(said, "cancelled"),
    )


def _left(run: Run, said: Mapping[str, Any], now: float) -> Run:
    return run if run.is_over else replace(run, state=LEFT)


_CHANGES: Dict[str, Any] = {
    "run-started": _started,
    "run-sized": _sized,
    "overall": _overall,
    "volume-started": _volume_started,
    "progress": _progress,
    "volume-skipped": _skipped,
    "volume-done": _volume_done,
    "notice": _noticed,
    "warning": _noticed,
    "paused": _paused,
    "resumed": _resumed,
    "run-done": _done,
    "error": _failed,
    "run-left": _left,
}
