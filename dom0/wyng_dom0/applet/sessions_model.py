# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of points in time, for a view; texts are made when looked at.

Sorts and filters by itself: a proxy would ask Python for every comparison,
and with twenty thousand sessions that is felt.
"""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt

from wyng_dom0.applet.points import (
    ALL,
    CLEAN,
    LIVE,
    MIXED,
    NONE,
    NOT_STILL,
    Point,
    Subject,
)
from wyng_dom0.applet.wording import point, shown, size, tip, tr

POINT_ROLE = int(Qt.ItemDataRole.UserRole)

(
    TIME,
    SESSION,
    VOLUMES,
    SIZE,
    CHANGED,
    STATE,
    TAGS,
    PINNED,
    PROVEN,
    UNIQUE,
    SHARED,
) = range(11)
_NUMBERS = (SIZE, CHANGED, UNIQUE, SHARED)
_NO_INDEX = QModelIndex()


def titles() -> Tuple[str, ...]:
    """The columns' names, in order."""
    return (
        tr("Time"),
        tr("Session"),
        tr("Volumes"),
        tr("Size"),
        tr("Changed"),
        tr("State"),
        tr("Tags"),
        tr("Protected"),
        tr("Last proven"),
        tr("Only here"),
        tr("Shared"),
    )


def state_text(state: str) -> str:
    """How still the volume was when it was backed up, in a word."""
    return {
        CLEAN: tr("clean"),
        LIVE: tr("live"),
        NOT_STILL: tr("not at rest"),
        MIXED: tr("mixed"),
    }.get(state, shown(state))


def pin_text(pinned: str) -> str:
    """Whether a point is protected, in a word; "" for not."""
    if pinned == NONE:
        return ""
    return tr("protected") if pinned == ALL else tr("in part")


def tags_text(of: Point) -> str:
    """The names of its tags."""
    return ", ".join(shown(name) for name, _ in of.tags)


def described(of: Point) -> str:
    """A point in full, as tooltips and screen readers have it; plain text."""
    lines = [
        tr("{0}, session {1}").format(point(of.time), shown(of.session)),
        tr("Size {0}, changed {1}, {2}").format(
            size(of.size), size(of.changed), state_text(of.state)
        ),
        (
            tr("Last proven {0}").format(point(of.proven))
            if of.proven
            else tr("Not proven on this machine")
        ),
    ]
    if of.pinned != NONE:
        lines.append(tr("Protected: {0}").format(pin_text(of.pinned)))
    for name, text in of.tags:
        lines.append(tr("Tag {0} {1}").format(shown(name), shown(text)).strip())
    return "\n".join(lines)


class SessionsModel(QAbstractTableModel):
    """Points as rows, the newest first until sorted otherwise."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject
        self._all: List[Point] = []
        self._rows: List[Point] = []
        self._place: Dict[int, int] = {}
        self._titles = titles()
        self._wanted = ""
        self._column, self._descending = TIME, True

    # What is shown

    def show(self, subject: Subject, points: Sequence[Point]) -> None:
        """These, oldest first, from now on."""
        self._subject = subject
        self._all = list(points)
        self._lay_out()

    def show_only(self, words: str) -> None:
        """Those that have these words in time, session, tags or state."""
        self._wanted = words.casefold().strip()
        self._lay_out()

    @property
    def rows(self) -> Sequence[Point]:
        """The points as they are shown."""
        return self._rows

    def row_of(self, of: Point) -> int:
        """The row of a point; -1 where it is not shown."""
        return self._place.get(id(of), -1)

    def _lay_out(self) -> None:
        self.beginResetModel()
        self._rows = [each for each in self._all if self._is_wanted(each)]
        self._order()
        self.endResetModel()

    def _is_wanted(self, of: Point) -> bool:
        if not self._wanted:
            return True
        # Not as the locale has it: that takes a second of so many.
        when = of.time.astimezone().isoformat(" ", "minutes")[:16]
        texts = [of.session, when, state_text(of.state)]
        texts += [text for tag in of.tags for text in tag]
        texts += [pin_text(of.pinned), *of.volumes]
        return any(self._wanted in each.casefold() for each in texts)

    def _order(self) -> None:
        if self._column != TIME:
            self._rows.sort(
                key=self._key(self._column), reverse=self._descending
            )
        elif self._descending:
            # As they were made, and not by a clock that may have gone back.
            self._rows.reverse()
        self._place = {id(each): at for at, each in enumerate(self._rows)}

    def _key(self, column: int) -> Callable[[Point], Any]:
        keys: Dict[int, Callable[[Point], Any]] = {
            SESSION: lambda each: each.session,
            VOLUMES: lambda each: each.volumes,
            SIZE: lambda each: each.size,
            CHANGED: lambda each: each.changed,
            STATE: lambda each: each.state,
            TAGS: tags_text,
            PINNED: lambda each: each.pinned,
            PROVEN: lambda each: each.proven.timestamp() if each.proven else 0,
            UNIQUE: lambda each: -1 if each.unique is None else each.unique,
            SHARED: lambda each: -1 if each.shared is None else each.shared,
        }
        return keys[column]

    # QAbstractTableModel

    def rowCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._titles)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in _NUMBERS:
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _meaning(section)
        return None

    def data(
        self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        of = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(of, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() in _NUMBERS else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(described(of))
        if role == POINT_ROLE:
            return of
        return None

    def sort(
        self,
        column: int,
        order: Qt.SortOrder = Qt.SortOrder.AscendingOrder,
    ) -> None:
        """By a column; by time it is the order in which they were made."""
        self._column = column
        self._descending = order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        held = [self._rows[each.row()] for each in kept]
        self._rows = [each for each in self._all if self._is_wanted(each)]
        self._order()
        for old, of in zip(kept, held, strict=True):
            new = self.index(self.row_of(of), old.column())
            self.changePersistentIndex(old, new)
        self.layoutChanged.emit()

    def _text(self, of: Point, column: int) -> str:
        if column == TIME:
            return point(of.time)
        if column == SESSION:
            return shown(of.session)
        if column == VOLUMES:
            short = self._subject.short
            return ", ".join(shown(short(each)) for each in of.volumes)
        if column == STATE:
            return state_text(of.state)
        if column == TAGS:
            return tags_text(of)
        if column == PINNED:
            return pin_text(of.pinned)
        if column == PROVEN:
            return point(of.proven)
        return size((of.size, of.changed, of.unique, of.shared)[_at(column)])


_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def _at(column: int) -> int:
    return _NUMBERS.index(column)


def _meaning(column: int) -> Optional[str]:
    found = {
        CHANGED: tr("What was sent as different from the session before."),
        STATE: tr(
            "Clean: as it was when shut down. Live: while it ran, as if the"
            " power had been cut. Not at rest: read while it was written to."
        ),
        PROVEN: tr("When all of it was last read back and was whole."),
        UNIQUE: tr(
            "What no neighbouring session holds, before compression: about"
            " what deleting it alone gives back."
        ),
        SHARED: tr("The rest of its size, which other sessions need, too."),
        PINNED: tr("Protected sessions are never removed by rules."),
    }.get(column)
    return tip(found) if found else None
