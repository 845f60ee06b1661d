# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Restores that backup qubes ask for, in dom0's own words. Pure.

What a qube said is a name of a qube and of a session and nothing else; all
sentences are ours.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, List, Mapping, Optional

from wyng_dom0.applet.reading import flag_of, moment_of, rows_of, text_of
from wyng_dom0.applet.wording import counted, shown, tr, until

PENDING, NEEDS_KEY, FAILED = "pending", "needs-key", "failed"


@dataclass(frozen=True)
class Request:
    """The restore of `qube` out of `archive` that `vm` asked for; `session`
    "" is the newest. `state` is one of the three above."""

    archive: str
    qube: str
    vm: str
    session: str = ""
    state: str = PENDING
    why: str = ""
    asked: Optional[datetime] = None
    expires: Optional[datetime] = None

    @property
    def key(self) -> str:
        """What stays the same while it waits."""
        return f"{self.archive} {self.qube} {self.asked}"


@dataclass(frozen=True)
class Grant:
    """A qube that may ask for restores out of an archive."""

    vm: str
    archive: str
    by_itself: bool = False


def requests_in(report: Mapping[str, Any]) -> List[Request]:
    """The requests that wait."""
    return [
        Request(
            archive=text_of(each, "archive"),
            qube=text_of(each, "qube"),
            vm=text_of(each, "vm"),
            session=text_of(each, "session"),
            state=text_of(each, "state"),
            why=text_of(each, "why"),
            asked=moment_of(each, "asked"),
            expires=moment_of(each, "expires"),
        )
        for each in rows_of(report, "requests")
    ]


def grants_in(report: Mapping[str, Any]) -> List[Grant]:
    """Which qubes may ask."""
    return [
        Grant(
            text_of(each, "vm"),
            text_of(each, "archive"),
            flag_of(each, "by_itself"),
        )
        for each in rows_of(report, "allowed")
    ]


def sentence(request: Request) -> str:
    """What is asked, by whom."""
    names = (shown(request.vm), shown(request.qube), shown(request.archive))
    if not request.session:
        return tr(
            "The qube {0} asks to restore {1}, as it was last backed up to"
            " the archive {2}."
        ).format(*names)
    return tr(
        "The qube {0} asks to restore {1} as of {3}, from the archive {2}."
    ).format(*names, shown(request.session))


def meaning() -> str:
    """What approving does."""
    return tr(
        "Approved, it becomes a new qube beside what is there: with no"
        " network, a red label, not started. Nothing is overwritten."
    )


def standing(request: Request, now: datetime) -> str:
    """What it waits for, or how it failed."""
    if request.state == FAILED:
        return tr("It failed: {0}").format(shown(request.why))
    if request.state == NEEDS_KEY:
        return tr("It waits for the key of the archive; approve asks for it.")
    if request.expires is None:
        return tr("It waits for you.")
    return tr("It waits for you; it expires {0}.").format(
        until(request.expires, now)
    )


def headline(count: int) -> str:
    """How many wait."""
    if not count:
        return tr("No restore is asked for.")
    return counted(
        count, "{0} restore is asked for.", "{0} restores are asked for."
    )


def grants_text(grants: List[Grant]) -> str:
    """Who may ask, a line each."""
    if not grants:
        return tr(
            "No qube may ask. In dom0, qvm-wyng requests allow QUBE lets one."
        )
    lines = []
    for each in grants:
        text = tr("{0} may ask for restores from {1}, when approved.")
        if each.by_itself:
            text = tr("{0} may ask for restores from {1}; they run by itself.")
        lines.append(text.format(shown(each.vm), shown(each.archive)))
    return "\n".join(lines)
