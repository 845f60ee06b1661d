# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deleting sessions: what goes, what stays, what is freed; then the name.

Nothing is removed before dry runs have said what would be, and the name of
what loses them was typed.
"""

from typing import Callable, Dict, List, Optional, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.call_strip import CallStrip
from wyng_dom0.applet.delete_plan import (
    Consequences,
    Named,
    Range,
    consequences,
    ranges_of,
)
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.plain_text import heading, letters_wide, plain_label
from wyng_dom0.applet.points import Part, Point, Subject
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import maybe_number, rows_of, text_of
from wyng_dom0.applet.typed_name import TypedName
from wyng_dom0.applet.unlocking import keyed_call
from wyng_dom0.applet.wording import shown, size, tr

# More are not asked for one by one what they alone hold.
MEASURED_MOST = 30


class DeleteDialog(QDialog):
    """`deleted` comes when sessions are gone, all of them or some."""

    deleted = pyqtSignal()

    def __init__(
        self,
        desk: Desk,
        subject: Subject,
        parts: Dict[str, List[Part]],
        chosen: Sequence[Point],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("delete-dialog")
        self.setWindowTitle(tr("Delete sessions"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk, self._subject, self._chosen = desk, subject, chosen
        self._ranges = ranges_of(parts, chosen)
        self._asked: List[Range] = list(self._ranges)
        self._measured: List[Named] = [
            (p.volume, p.session) for each in chosen for p in each.parts
        ]
        if len(self._measured) > MEASURED_MOST:
            self._measured = []
        self._reports: List[Object] = []
        self._unique: Dict[Named, Optional[int]] = {}
        self._lay_out()
        self._ask_next()

    def _lay_out(self) -> None:
        self._title = heading(
            tr("Delete {0} session(s) of {1}?").format(
                len(self._chosen), shown(self._subject.name)
            )
        )
        self._said = plain_label(tr("Finding out what would go…"), name="said")
        self._list = QListWidget()
        self._list.setObjectName("consequences")
        self._list.setAccessibleName(tr("What goes and what stays"))
        self._list.setWordWrap(True)
        self._list.setMinimumWidth(letters_wide(self, 60))
        self._typed = TypedName(self._subject.name, "typed-name")
        self._typed.setEnabled(False)
        self._typed.changed.connect(self._look)
        self._strip = CallStrip(self._desk.engine, self._subject.archive)
        self._strip.hide()
        self._strip.ended.connect(self._take_pruned)
        self._buttons = QDialogButtonBox()
        self._delete = QPushButton(tr("&Delete for ever"))
        self._delete.setObjectName("delete-now")
        self._delete.setAutoDefault(False)
        self._delete.setEnabled(False)
        self._delete.clicked.connect(self._begin)
        self._buttons.addButton(
            self._delete, QDialogButtonBox.ButtonRole.ActionRole
        )
        close = self._buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        assert close is not None
        close.setObjectName("keep")
        close.setText(tr("&Keep them"))
        close.setDefault(True)
        self._close = close
        self._buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for each in (self._title, self._said, self._list, self._typed):
            column.addWidget(each)
        column.addWidget(self._strip)
        column.addWidget(self._buttons)

    # What would go

    def _ask_next(self) -> None:
        if self._asked:
            words = self._asked.pop(0).words(
                self._subject.archive, dry_run=True
            )
            self._ask(words, self._take_dry_run)
        elif self._measured:
            words = command_lines.unique_sizes(
                self._subject.archive, *self._measured[0]
            )
            self._ask(words, self._take_unique)
        else:
            self._show_consequences()

    def _ask(
        self, words: command_lines.Words, then: Callable[[Outcome], None]
    ) -> None:
        archive = self._subject.archive
        keyed_call(self._desk.engine, archive, words, self, then)

    def _take_dry_run(self, outcome: Outcome) -> None:
        if not outcome.good:
            self._said.setText(tr("What would go could not be found out."))
            show_problem(outcome, tr("Nothing was deleted"), self)
            return
        self._reports.append(outcome.report("pruned"))
        self._ask_next()

    def _take_unique(self, outcome: Outcome) -> None:
        named = self._measured.pop(0)
        for row in rows_of(outcome.report("sessions"), "sessions"):
            if text_of(row, "session") == named[1]:
                self._unique[named] = maybe_number(row, "unique")
        self._ask_next()

    def _show_consequences(self) -> None:
        found = consequences(self._reports, self._chosen, self._unique)
        if found.strange:
            # The archive is not what the window shows: nothing is risked.
            self._said.setText(
                tr(
                    "Others than the chosen sessions would go: nothing is"
                    " deleted. Refresh the window and choose again."
                )
            )
            return
        for volume, session in found.goes:
            self._list.addItem(
                tr("Goes: {0} of {1}").format(shown(session), shown(volume))
            )
        for volume, session, why in found.stays:
            self._list.addItem(
                tr("Stays: {0} of {1} – {2}").format(
                    shown(session), shown(volume), why_text(why)
                )
            )
        self._said.setText(freed_text(found))
        self._typed.setEnabled(bool(found.goes))
        self._look()

    def _look(self) -> None:
        ready = self._typed.isEnabled() and self._typed.is_right
        self._delete.setEnabled(ready and not self._strip.is_running)

    # It goes

    def _begin(self) -> None:
        if not self._typed.is_right or self._strip.is_running:
            return
        self._typed.setEnabled(False)
        self._asked = list(self._ranges)
        self._strip.show()
        self._prune_next()

    def _prune_next(self) -> None:
        if not self._asked:
            self.deleted.emit()
            self.accept()
            return
        words = self._asked.pop(0).words(self._subject.archive, dry_run=False)
        self._strip.start(words, tr("Deleting…"))
        self._look()

    def _take_pruned(self, outcome: Outcome) -> None:
        if outcome.good:
            self._prune_next()
            return
        self.deleted.emit()
        self._strip.hide()
        self._said.setText(
            tr("Cancelled: what is listed may be gone in part.")
            if outcome.cancelled
            else tr("It failed: what is listed may be gone in part.")
        )
        self._close.setText(tr("&Close"))
        show_problem(outcome, tr("Not all was deleted"), self)


def why_text(why: str) -> str:
    """Why a session stays, in words of a window."""
    return {
        "protected": tr("it is protected; take that away first"),
        "newest": tr("the newest session of a volume always stays"),
        "": tr("the newest session of a volume always stays"),
    }.get(why, shown(why))


def freed_text(found: Consequences) -> str:
    """What deleting does, in a sentence or two."""
    if not found.goes:
        return tr("None of them can go.")
    lasting = tr("This can't be undone. All other sessions stay whole.")
    if found.freed is None:
        freed = tr("How much that gives back is not known beforehand.")
    else:
        freed = tr(
            "Nothing else holds {0} of it, before compression: about that"
            " much is given back."
        ).format(size(found.freed))
    return f"{lasting}\n{freed}"
