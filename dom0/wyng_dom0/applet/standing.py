# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a row stands in a word, a sign and a tone; and what commands are called.

Red is for what somebody must do something about, and for nothing else.
"""

from dataclasses import dataclass
from typing import Dict

from wyng_dom0.applet import rows
from wyng_dom0.applet.icons import BAD, BUSY, GOOD, MUTED, WARN
from wyng_dom0.applet.rows import Row
from wyng_dom0.applet.wording import counted, shown, tr


@dataclass(frozen=True)
class Standing:
    """What a state is called; `sign` is one of glyphs.py, `tone` of icons."""

    word: str
    sign: str
    tone: int
    why: str = ""


def standing(row: Row) -> Standing:
    """The state of a row as it is shown, and why it is so."""
    if row.state in (rows.RUNNING, rows.HELD, rows.WAITING):
        return _of_run(row)
    word, sign, tone, why = _resting()[row.state]
    if row.state == rows.FAILED:
        why = shown(row.error) or why
    return Standing(word, sign, tone, why)


def _resting() -> "Dict[int, tuple[str, str, int, str]]":
    return {
        rows.FAILED: (
            tr("Failed"),
            "alarm",
            BAD,
            tr("The last backup of it failed."),
        ),
        rows.NEVER: (
            tr("Never backed up"),
            "never",
            BAD,
            tr("The archive has nothing of it."),
        ),
        rows.LATE: (
            tr("Late"),
            "late",
            BAD,
            tr("It was not backed up for longer than it should be."),
        ),
        rows.UNKNOWN: (
            tr("Not known"),
            "never",
            WARN,
            tr("The archive was never opened on this machine."),
        ),
        rows.GOOD: (
            tr("Backed up"),
            "ok",
            GOOD,
            tr("The archive has it as it was at the time shown."),
        ),
        rows.KEPT: (
            tr("Only in the archive"),
            "kept",
            MUTED,
            tr("It is not on this machine; it can be restored."),
        ),
        rows.OUT: (
            tr("Left out"),
            "out",
            MUTED,
            tr("It is not backed up, as was chosen."),
        ),
    }


def _of_run(row: Row) -> Standing:
    doing = command_words(row.command).doing
    if row.state == rows.WAITING:
        return Standing(tr("Waiting"), "waiting", BUSY, doing)
    if row.state == rows.HELD:
        return Standing(tr("Paused"), "paused", BUSY, doing)
    return Standing(doing, "busy", BUSY, "")


@dataclass(frozen=True)
class CommandWords:
    """A command as people call it: as a noun, and while it works."""

    noun: str
    doing: str


def command_words(command: str) -> CommandWords:
    """What a command of the engine is called; its own name if unknown."""
    known = {
        "send": (tr("Backup"), tr("Backing up")),
        "receive": (tr("Restore"), tr("Restoring")),
        "verify": (tr("Verification"), tr("Verifying")),
        "prune": (tr("Removal of old sessions"), tr("Removing")),
        "delete": (tr("Deletion"), tr("Deleting")),
        "monitor": (tr("Noting of changes"), tr("Noting changes")),
        "diff": (tr("Comparison"), tr("Comparing")),
        "arch-check": (tr("Check of the archive"), tr("Checking")),
        "arch-deduplicate": (tr("Deduplication"), tr("Deduplicating")),
        "migrate": (tr("Migration"), tr("Taking over")),
        "requests": (tr("Restore"), tr("Restoring")),
        "drill": (tr("Restore drill"), tr("Trying a restore")),
    }
    noun, doing = known.get(command, (shown(command), shown(command)))
    return CommandWords(noun or tr("Run"), doing or tr("Working"))


def counted_rows(count: int, has_qubes: bool) -> str:
    """So many qubes, or volumes."""
    if has_qubes:
        return counted(count, "{0} qube", "{0} qubes")
    return counted(count, "{0} volume", "{0} volumes")
