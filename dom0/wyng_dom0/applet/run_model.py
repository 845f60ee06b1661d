# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The volumes of one run for a view: what each does, and why it failed."""

from typing import Any, List, Optional

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from wyng_dom0.applet.icons import BAD, BUSY, GOOD, MUTED, WARN, glyph, tone
from wyng_dom0.applet.runs import Run, VolumeRun
from wyng_dom0.applet.wording import percent, shown, size, tip, tr

VOLUME, STATE, DONE, SENT, WHY = range(5)
# Written into the bar of column DONE by the delegate: 0 to 100, or None.
PERCENT_ROLE = int(Qt.ItemDataRole.UserRole)
_Role = Qt.ItemDataRole
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ORDER = {"running": 0, "failed": 1, "skipped": 2, "waiting": 3, "done": 4}


def in_order(run: Run) -> List[VolumeRun]:
    """What works now first, then what needs a look, then the rest."""
    return sorted(
        run.volumes.values(), key=lambda each: _ORDER.get(each.state, 9)
    )


def state_words(state: str) -> "tuple[str, str, int]":
    """A volume's state in a run: its word, sign and tone."""
    return {
        "waiting": (tr("Waiting"), "waiting", MUTED),
        "running": (tr("Working"), "busy", BUSY),
        "done": (tr("Done"), "ok", GOOD),
        "failed": (tr("Failed"), "alarm", BAD),
        "skipped": (tr("Skipped"), "out", WARN),
    }.get(state, (shown(state), "waiting", MUTED))


class RunModel(QAbstractTableModel):
    """One row for each volume of a run."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._volumes: List[VolumeRun] = []
        self._titles = (
            tr("Volume"),
            tr("State"),
            tr("Done"),
            tr("Sent"),
            tr("Why"),
        )

    def show_run(self, run: Run) -> None:
        """Show how this run stands."""
        given = in_order(run)
        if len(given) != len(self._volumes):
            self.beginResetModel()
            self._volumes = given
            self.endResetModel()
            return
        old, self._volumes = self._volumes, given
        for number, (one, other) in enumerate(zip(old, given, strict=True)):
            if one != other:
                self.dataChanged.emit(
                    self.index(number, 0), self.index(number, WHY)
                )

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self._volumes)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """See Qt."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = _Role.DisplayRole,
    ) -> Any:
        """See Qt."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == _Role.DisplayRole:
            return self._titles[section]
        return None

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """See Qt."""
        volume, column = self._volumes[index.row()], index.column()
        word, sign, kind = state_words(volume.state)
        if role == _Role.DisplayRole:
            return _text(volume, column, word)
        if role == _Role.DecorationRole and column == STATE:
            return glyph(sign, kind)
        if role == _Role.ForegroundRole and column in (STATE, WHY):
            return tone(kind)
        if role == _Role.TextAlignmentRole and column == SENT:
            return _RIGHT
        if role == _Role.ToolTipRole and column in (VOLUME, WHY):
            return tip(volume.why if column == WHY else volume.name) or None
        if role == PERCENT_ROLE:
            return _percent(volume)
        return None


def _text(volume: VolumeRun, column: int, word: str) -> str:
    if column == VOLUME:
        return shown(volume.name)
    if column == STATE:
        return word
    if column == DONE:
        if volume.total_bytes and volume.state in ("running", "done"):
            part = min(1.0, volume.done_bytes / volume.total_bytes)
            return tr("{0} of {1}").format(
                percent(part), size(volume.total_bytes)
            )
        return ""
    if column == SENT:
        return size(volume.sent_bytes) if volume.sent_bytes else ""
    return shown(volume.why)


def _percent(volume: VolumeRun) -> Optional[int]:
    if volume.state == "done":
        return 100
    if volume.state != "running" or not volume.total_bytes:
        return None
    return min(100, 100 * volume.done_bytes // volume.total_bytes)
