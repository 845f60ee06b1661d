# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a comparison found, as values, words and rows. Sizes are bytes."""

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from PyQt6.QtCore import QAbstractTableModel, QLocale, QModelIndex, Qt

from wyng_dom0.applet.reading import flag_of, number_of
from wyng_dom0.applet.wording import size, tr

# As many as the engine tells; no table needs more.
RANGES_MOST = 10_000
_NO_INDEX = QModelIndex()


@dataclass(frozen=True)
class Differences:
    """The two sizes, and the first of `count` (offset, length) ranges.

    With `whole_chunks` they are chunks in which anything differs.
    """

    sizes: Tuple[int, int]
    same: bool
    bytes: int
    count: int
    whole_chunks: bool
    ranges: Tuple[Tuple[int, int], ...]


def differences_of(report: Mapping[str, Any]) -> Differences:
    """A `diff` report."""
    given = report.get("ranges")
    ranges = [_range(each) for each in given or [] if isinstance(each, list)]
    return Differences(
        sizes=(
            number_of(report, "older_size"),
            number_of(report, "newer_size"),
        ),
        same=flag_of(report, "same"),
        bytes=number_of(report, "different_bytes"),
        count=number_of(report, "different_ranges"),
        whole_chunks=flag_of(report, "whole_chunks"),
        ranges=tuple(each for each in ranges if each)[:RANGES_MOST],
    )


def _range(given: List[Any]) -> Optional[Tuple[int, int]]:
    if len(given) != 2 or not all(type(each) is int for each in given):
        return None
    offset, length = given
    return (offset, length) if offset >= 0 and length > 0 else None


def summary(found: Differences) -> str:
    """What was found, in a few sentences."""
    if found.same:
        return tr("They are the same.")
    said = [
        tr("They differ in {0}, in {1} range(s).").format(
            size(found.bytes), QLocale().toString(found.count)
        )
    ]
    if found.whole_chunks:
        said.append(
            tr("Whole chunks are counted: fewer bytes of them may differ.")
        )
    if found.sizes[0] != found.sizes[1]:
        said.append(
            tr("The sizes are {0} and {1}.").format(
                size(found.sizes[0]), size(found.sizes[1])
            )
        )
    if found.count > len(found.ranges):
        said.append(
            tr("The first {0} ranges are listed.").format(
                QLocale().toString(len(found.ranges))
            )
        )
    return "\n".join(said)


class RangesModel(QAbstractTableModel):
    """Ranges as rows: where, and how long."""

    def __init__(self) -> None:
        super().__init__()
        self._ranges: Tuple[Tuple[int, int], ...] = ()

    def show(self, found: Differences) -> None:
        """These from now on."""
        self.beginResetModel()
        self._ranges = found.ranges
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._ranges)

    def columnCount(self, parent: QModelIndex = _NO_INDEX) -> int:
        return 0 if parent.isValid() else 3

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        return (tr("From byte"), tr("Bytes"), tr("Size"))[section]

    def data(
        self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if not index.isValid() or index.row() >= len(self._ranges):
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            return int(right)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        offset, length = self._ranges[index.row()]
        locale = QLocale()
        return (
            locale.toString(offset),
            locale.toString(length),
            size(length),
        )[index.column()]
