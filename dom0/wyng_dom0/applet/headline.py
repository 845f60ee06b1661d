# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The sentence above the table: is all safe, since when, what must be done.

Pure; the window shows it and does what it offers.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import List, Sequence

from wyng_dom0.applet import rows as states
from wyng_dom0.applet.icons import BAD, BUSY, GOOD, WARN
from wyng_dom0.applet.rows import ArchiveFacts, Row
from wyng_dom0.applet.runs import PAUSED, Run
from wyng_dom0.applet.standing import command_words, counted_rows
from wyng_dom0.applet.wording import (
    age,
    counted,
    duration,
    percent,
    point,
    shown,
    tr,
)

# What the button does: nothing, or one of these.
NOTHING, BACK_UP_ALL, BACK_UP_THESE, REFRESH, LOOK = range(5)


@dataclass(frozen=True)
class Headline:
    """A sentence, more of it, and what the button beside it does.

    `names` are what BACK_UP_THESE means.
    """

    text: str
    more: str
    sign: str
    tone: int
    offer: int = NOTHING
    label: str = ""
    names: "tuple[str, ...]" = ()


def headline(
    archive: ArchiveFacts,
    rows: Sequence[Row],
    runs: Sequence[Run],
    now: datetime,
) -> Headline:
    """What matters most of an archive, and the rest of it in short."""
    live = [each for each in runs if each.archive == archive.name]
    resting = _resting(archive, rows, now)
    return _running(live, resting) if live else resting


def cannot_tell(why: str) -> Headline:
    """The engine gave no report."""
    return Headline(
        tr("How the backups stand can't be told."),
        shown(why),
        "alarm",
        BAD,
        REFRESH,
        tr("Try &again"),
    )


def _running(live: Sequence[Run], resting: Headline) -> Headline:
    run = live[0]
    words = command_words(run.command)
    if run.state == PAUSED:
        text = tr("{0} is paused.").format(words.noun)
        return Headline(text, resting.text, "paused", BUSY)
    if run.part is None:
        text = tr("{0} is running.").format(words.noun)
    elif run.seconds_left is None:
        text = tr("{0} is running: {1}.").format(words.noun, percent(run.part))
    else:
        text = tr("{0} is running: {1}, {2} left.").format(
            words.noun, percent(run.part), duration(run.seconds_left)
        )
    more = resting.text if resting.tone in (BAD, WARN) else ""
    return Headline(text, more, "busy", BUSY)


def _resting(
    archive: ArchiveFacts, rows: Sequence[Row], now: datetime
) -> Headline:
    qubes = archive.has_qubes
    wanted = [row for row in rows if row.state < states.KEPT]
    if wanted and all(row.state == states.UNKNOWN for row in wanted):
        return _unknown()
    if not any(row.sessions for row in rows):
        return _nothing(wanted, qubes)
    for state, found in _by_urgency(rows):
        return _urgent(state, found, qubes, now)
    if archive.overdue:
        return _overdue(archive, now)
    return _good(archive, wanted, now)


def _unknown() -> Headline:
    return Headline(
        tr("What the archive has is not known here yet."),
        tr("It was not opened on this machine for a while, or never."),
        "never",
        WARN,
        LOOK,
        tr("&Look into it"),
    )


def _nothing(wanted: Sequence[Row], qubes: bool) -> Headline:
    if not wanted:
        text = tr("There is nothing here to back up.")
        more = tr("The source of this archive is empty or out of reach.")
        return Headline(text, more, "never", WARN, REFRESH, tr("Look &again"))
    failed = [row for row in wanted if row.state == states.FAILED]
    more = tr("The first backup reads everything; later ones what changed.")
    if failed:
        more = tr("{0}: {1}").format(
            shown(failed[0].name), shown(failed[0].error)
        )
    return Headline(
        tr("Nothing was backed up yet: {0}.").format(
            counted_rows(len(wanted), qubes)
        ),
        more,
        "never",
        BAD if failed else WARN,
        BACK_UP_THESE,
        tr("&Back up now"),
        tuple(row.name for row in wanted),
    )


def _by_urgency(rows: Sequence[Row]) -> "List[tuple[int, List[Row]]]":
    found = []
    for state in (states.FAILED, states.NEVER, states.LATE):
        some = [row for row in rows if row.state == state]
        if some:
            found.append((state, some))
    return found


def _urgent(
    state: int, found: Sequence[Row], qubes: bool, now: datetime
) -> Headline:
    many = counted_rows(len(found), qubes)
    names = tuple(row.name for row in found)
    if state == states.FAILED:
        row = found[0]
        text = tr("{0} could not be backed up.").format(many)
        more = tr("{0}: {1}").format(shown(row.name), shown(row.error))
        label = tr("Try &again")
    elif state == states.NEVER:
        text = _never(found, qubes)
        more = _some_names(names)
        label = tr("&Back up now")
    else:
        text = tr("The backup of {0} is late.").format(many)
        since = [row.since for row in found if row.since is not None]
        oldest = min(since) if since else None
        more = tr("Oldest: {0}.").format(age(oldest, now))
        label = tr("&Back up now")
    sign = {states.LATE: "late", states.NEVER: "never"}.get(state, "alarm")
    return Headline(text, more, sign, BAD, BACK_UP_THESE, label, names)


def _never(found: Sequence[Row], qubes: bool) -> str:
    count = len(found)
    if qubes:
        return counted(
            count,
            "{0} qube was never backed up.",
            "{0} qubes were never backed up.",
        )
    return counted(
        count,
        "{0} volume was never backed up.",
        "{0} volumes were never backed up.",
    )


def _some_names(names: Sequence[str]) -> str:
    listed = ", ".join(shown(each) for each in names[:4])
    left = len(names) - 4
    if left <= 0:
        return listed
    more = counted(left, "{0} more", "{0} more")
    return tr("{0} and {1}").format(listed, more)


def _overdue(archive: ArchiveFacts, now: datetime) -> Headline:
    if archive.last_send is None:
        more = tr("No backup of everything went well yet.")
    else:
        more = tr("All was last backed up {0}; it should be every {1}.").format(
            age(archive.last_send, now), duration(archive.every)
        )
    return Headline(
        tr("The backup is late."),
        more,
        "late",
        BAD,
        BACK_UP_ALL,
        tr("&Back up now"),
    )


def _good(
    archive: ArchiveFacts,
    wanted: Sequence[Row],
    now: datetime,
) -> Headline:
    since = [row.since for row in wanted if row.since is not None]
    oldest = min(since) if since else archive.last_send
    whole = counted_rows(len(wanted), archive.has_qubes)
    if len(wanted) > 1:
        text = tr("All {0} are backed up; oldest {1}.")
    else:
        text = tr("{0} is backed up, {1}.")
    if archive.next_run is not None:
        more = tr("Next run: {0}.").format(point(archive.next_run))
    else:
        more = tr("No schedule: a backup is made when you say so.")
    said = text.format(whole, age(oldest, now))
    return Headline(said, more, "ok", GOOD)
