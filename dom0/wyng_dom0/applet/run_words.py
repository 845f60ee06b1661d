# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run in sentences: how far it is, how it ended. Pure."""

from wyng_dom0.applet.icons import BAD, BUSY, GOOD, WARN
from wyng_dom0.applet.runs import DONE, LEFT, PAUSED, Run
from wyng_dom0.applet.standing import command_words
from wyng_dom0.applet.wording import (
    counted,
    duration,
    percent,
    rate,
    shown,
    size,
    tr,
)


def title(run: Run) -> str:
    """What it is, and of which archive."""
    noun = command_words(run.command).noun
    if not run.archive:
        return noun
    return tr("{0}, archive {1}").format(noun, shown(run.archive))


def sign(run: Run) -> "tuple[str, int]":
    """The sign and tone of how it stands."""
    if run.state == PAUSED:
        return "paused", BUSY
    if not run.is_over:
        return "busy", BUSY
    if run.state == DONE:
        return ("alarm", WARN) if _skipped(run) else ("ok", GOOD)
    if run.cancelled or run.state == LEFT:
        return "out", WARN
    return "alarm", BAD


def progress(run: Run) -> str:
    """How far it is: part, sizes, rate, time left."""
    if run.part is None:
        if run.state == PAUSED:
            return tr("Paused")
        return tr("Starting: finding out what changed…")
    parts = [
        tr("{0}: {1} of {2}").format(
            percent(run.part), size(run.done_bytes), size(run.total_bytes)
        ),
        tr("{0} sent").format(size(run.sent_bytes)),
    ]
    if run.state == PAUSED:
        parts.append(tr("paused"))
        return tr("; ").join(parts)
    if run.rate > 0:
        parts.append(rate(run.rate))
    if run.seconds_left is not None:
        parts.append(tr("{0} left").format(duration(run.seconds_left)))
    return tr("; ").join(parts)


def result(run: Run) -> str:
    """How it ended, in a sentence or two."""
    noun = command_words(run.command).noun
    if run.cancelled:
        return tr(
            "{0} was cancelled. What was sent stays; the next one goes on"
            " from there."
        ).format(noun)
    if run.state == LEFT:
        return tr(
            "{0} ended without a word: it was killed, or the machine went"
            " down. The next one goes on from there."
        ).format(noun)
    failed = [each for each in run.volumes.values() if each.state == "failed"]
    if run.state == DONE:
        return " ".join([_done(run, noun), *_skips(run)])
    if failed:
        many = counted(len(failed), "{0} volume", "{0} volumes")
        text = tr("{0} ended, and {1} failed.").format(noun, many)
        return " ".join([text, *_skips(run)])
    return tr("{0} failed: {1}").format(noun, shown(run.error))


def _done(run: Run, noun: str) -> str:
    if run.error:
        return tr("{0} is done: {1}.").format(noun, shown(run.error))
    done = sum(each.state == "done" for each in run.volumes.values())
    if not done:
        return tr("{0} is done.").format(noun)
    many = counted(done, "{0} volume", "{0} volumes")
    if run.command == "send":
        return tr("{0} of {1} is done; {2} sent.").format(
            noun, many, size(run.sent_bytes)
        )
    return tr("{0} of {1} is done.").format(noun, many)


def _skipped(run: Run) -> int:
    return sum(each.state == "skipped" for each in run.volumes.values())


def _skips(run: Run) -> "list[str]":
    count = _skipped(run)
    if not count:
        return []
    return [
        counted(count, "{0} volume was skipped.", "{0} volumes were skipped.")
    ]
