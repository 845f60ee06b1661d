# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A restore as it was chosen: what is wrong with it, and which call it is.

Pure. A copy is the default; nothing that is there is written over without
its name typed.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional, Sequence, Tuple

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.points import Point, Subject, standing
from wyng_dom0.applet.reading import text_of, texts_of
from wyng_dom0.applet.wording import shown, tr

# Where it goes.
NEW_QUBE, TO_FILE, IN_PLACE = "new-qube", "file", "in-place"
NEW_FOLDER = "folder"
# What of a qube; else the name of one of its volumes.
EVERYTHING, SETTINGS = "*", "="
_QUBE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,30}", re.ASCII)
_RESERVED = ("dom0", "none", "default", "Domain-0")


@dataclass(frozen=True)
class RestoreChoice:
    """All that the form holds. `part` is EVERYTHING, SETTINGS, or a volume
    in full; `typed` is whether the name was typed."""

    subject: Subject
    session: str
    way: str
    part: str = EVERYTHING
    qube: str = ""
    path: str = ""
    pool: str = ""
    isolated: bool = False
    sparse: bool = False
    typed: bool = False
    path_is_taken: bool = False

    def fault(self) -> str:
        """Why it can't be started, as one sentence; "" when it can."""
        if self.way == NEW_QUBE:
            return _qube_fault(self.qube)
        if self.way == TO_FILE:
            return self._file_fault()
        if self.way == NEW_FOLDER:
            return ""
        if not self.typed:
            return tr("Type the name to restore in place.")
        return ""

    def _file_fault(self) -> str:
        if self.subject.is_qube and self.part in (EVERYTHING, SETTINGS):
            return tr("A file holds one volume: choose which.")
        if not self.path:
            return tr("Choose a file for the copy.")
        if not self.path.startswith("/"):
            return tr("Say the whole path of the file, from / on.")
        if self.path_is_taken:
            return tr("There is such a file already: choose another name.")
        return ""

    def asked(self) -> Optional["RestoreChoice"]:
        """The same as it can be asked about, before any name is typed; None
        while it is not whole."""
        meant = replace(self, typed=True)
        return None if meant.fault() else meant

    def words(self) -> Words:
        """The call that does it."""
        subject = self.subject
        if self.way == TO_FILE:
            volume = self.part if subject.is_qube else subject.name
            before = (command_lines.BEFORE_TOO,) if subject.is_qube else ()
            return command_lines.receive_to_file(
                subject.archive, volume, self.session, self.path, *before
            )
        if self.way == NEW_FOLDER:
            name = subject.name if self.part == EVERYTHING else self.part
            return command_lines.receive_files(
                subject.archive, name, self.session
            )
        if not subject.is_qube:
            return command_lines.receive_over(
                subject.archive,
                subject.name,
                self.session,
                sparse=self.sparse,
            )
        over = self.way == IN_PLACE
        return command_lines.receive_qube(
            *(subject.archive, subject.name, self.session, *self._options()),
            name="" if over else self.qube,
            overwrite=over,
        )

    def _options(self) -> Tuple[str, ...]:
        over, found = self.way == IN_PLACE, []
        if self.part == SETTINGS:
            found.append("--settings-only")
        elif self.part != EVERYTHING:
            found.append(f"--volume={self.subject.short(self.part)}")
            if over:
                # One volume of a qube that is there: its settings stay.
                found.append("--data-only")
        if over and self.sparse and self.part != SETTINGS:
            found.append("--sparse")
        if not over and self.pool:
            found.append(f"--pool={self.pool}")
        if not over and self.isolated:
            found.append("--isolated")
        return tuple(found)


def _qube_fault(name: str) -> str:
    if not name:
        return tr("Name the qube that is to be made.")
    if not _QUBE_NAME.fullmatch(name) or name in _RESERVED:
        return tr(
            "A qube's name begins with a letter and has at most 31 letters,"
            " digits, - and _."
        )
    if name.endswith("-dm"):
        return tr("A qube's name does not end with -dm.")
    return ""


def copy_name(qube: str) -> str:
    """The name that a copy of a qube is given unless another is typed."""
    return f"{qube[:22]}-restored"


def needed_bytes(
    points: Sequence[Point], of: Point, volumes: Sequence[str], part: str
) -> int:
    """What a restore takes at most: the sizes of what is restored."""
    if part == SETTINGS:
        return 0
    meant = volumes if part == EVERYTHING else [part]
    found = [standing(points, of, each) for each in meant]
    return sum(each.size for each in found if each is not None)


def replaced_text(subject: Subject, part: str) -> str:
    """What restoring in place does to what is there."""
    if subject.is_qube:
        return _qube_replaced_text(subject, part)
    if subject.source.startswith("/"):
        return tr(
            "The file in {0} is replaced once all of the new one is on the"
            " disk. What it holds now is lost then."
        ).format(shown(subject.source))
    return tr(
        "The volume in {0} is written where it is, and what it holds now is"
        " discarded first. Ended midway it is incomplete, and has to be"
        " restored again."
    ).format(shown(subject.source or "?"))


def _qube_replaced_text(subject: Subject, part: str) -> str:
    name = shown(subject.name)
    if part == SETTINGS:
        return tr(
            "The settings of {0} become those of the session. Its data is not"
            " touched. It must be shut down."
        ).format(name)
    return tr(
        "What the volumes of {0} hold now is replaced. It stays as a revision"
        " (qvm-volume revert) where a volume keeps revisions, and is lost"
        " where it keeps none. The qube must be shut down, and can't start"
        " until all is restored."
    ).format(name)


def result_text(choice: RestoreChoice, reports: Sequence[Any]) -> str:
    """Where what was restored is now, and what is not as it was."""
    if choice.way == NEW_FOLDER:
        found = [each for each in reports if text_of(each, "kind") == "files"]
        places = [shown(text_of(each, "target")) for each in found]
        return tr("Unpacked into {0}.").format(", ".join(places))
    report = _last(reports)
    if not choice.subject.is_qube or choice.way == TO_FILE:
        target = text_of(report, "target") or choice.path
        return tr("Restored to {0}.").format(shown(target))
    qube = shown(text_of(report, "qube") or choice.qube)
    lines = [tr("Restored: the qube {0}.").format(qube)]
    withheld = [shown(each) for each in texts_of(report, "withheld")]
    if withheld:
        lines.append(
            tr(
                "It was not given, because that would let it do more than a"
                " new qube: {0}."
            ).format("; ".join(withheld))
        )
    failed = [shown(each) for each in texts_of(report, "failed")]
    if failed:
        lines.append(tr("Not as it was: {0}.").format("; ".join(failed)))
    return "\n\n".join(lines)


def _last(reports: Sequence[Any]) -> Mapping[str, Any]:
    found = [each for each in reports if text_of(each, "kind") == "receive"]
    return found[-1] if found else {}
