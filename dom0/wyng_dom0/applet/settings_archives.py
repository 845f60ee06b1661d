# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The archives that are known here: new ones, and the end of one."""

from typing import List, Tuple

from PyQt6.QtCore import QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import QHBoxLayout, QTreeView, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.command_lines import Words
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.inputs import button
from wyng_dom0.applet.reading import (
    flag_of,
    moment_of,
    rows_of,
    text_of,
)
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.typed_dialog import TypedDialog
from wyng_dom0.applet.wizard import ArchiveWizard, ExistingArchiveWizard
from wyng_dom0.applet.wording import point, shown, tr

_NAME = Qt.ItemDataRole.UserRole + 1


class ArchivesTab(SettingsTab):
    """`chosen` gives the name of the archive that is clicked."""

    chosen = pyqtSignal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "tab-archives")
        self.title = tr("A&rchives")
        self._default = ""
        self._model = QStandardItemModel(self)
        self.view = QTreeView()
        self.view.setObjectName("archives")
        self.view.setAccessibleName(tr("Archives"))
        self.view.setModel(self._model)
        self.view.setRootIsDecorated(False)
        self.view.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.view.clicked.connect(self._click)
        self._new = button("new-archive", tr("&New…"))
        self._found = button("use-existing", tr("&Open an existing one…"))
        self._use = button("default-archive", tr("&Use as default"))
        self._forget = button("forget-archive", tr("&Forget here…"))
        self._delete = button("delete-archive", tr("&Delete for ever…"))
        self._new.clicked.connect(self._make)
        self._found.clicked.connect(self._find)
        self._use.clicked.connect(self._make_default)
        self._forget.clicked.connect(self._ask_forget)
        self._delete.clicked.connect(self._ask_delete)
        row = QHBoxLayout()
        buttons = (self._new, self._found, self._use)
        for each in (*buttons, self._forget, self._delete):
            row.addWidget(each)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addLayout(row)
        layout.addWidget(self.said)
        self.show_status(desk.status)

    def show_status(self, status: Object) -> None:
        """Fill the list, and say which is meant where none is named."""
        titles = [tr("Name"), tr("Where"), tr("What"), tr("Last backup")]
        self._model.clear()
        self._model.setHorizontalHeaderLabels(titles)
        self._default = ""
        for row in rows_of(status, "archives"):
            is_default = flag_of(row, "default")
            if is_default:
                self._default = text_of(row, "name")
            self._model.appendRow(_row(row, is_default))
        for column in range(len(titles) - 1):
            self.view.resizeColumnToContents(column)
        self._mark()
        self.enable()

    def show_archive(self, archive: str) -> None:
        """Mark it in the list."""
        super().show_archive(archive)
        self._mark()
        self.enable()

    def enable(self) -> None:
        """Nothing is deleted while something is."""
        for each in (self._forget, self._delete):
            each.setEnabled(bool(self.archive) and not self.is_busy)
        is_other = self.archive not in ("", self._default)
        self._use.setEnabled(is_other and not self.is_busy)

    def _mark(self) -> None:
        for number in range(self._model.rowCount()):
            index = self._model.index(number, 0)
            if index.data(_NAME) == self.archive:
                self.view.setCurrentIndex(index)

    def _click(self, index: QModelIndex) -> None:
        self.chosen.emit(str(index.siblingAtColumn(0).data(_NAME)))

    def _make(self) -> None:
        ArchiveWizard(self.desk, self.window()).open()

    def _find(self) -> None:
        ExistingArchiveWizard(self.desk, self.window()).open()

    def _make_default(self) -> None:
        self.change(
            setup_lines.configure(self.archive, {"default": "on"}),
            tr("The default archive was not changed"),
            self._ended,
            done=tr("The archive {0} is the default one now.").format(
                shown(self.archive)
            ),
        )

    def _ask_forget(self) -> None:
        name = shown(self.archive)
        self._ask(
            (tr("Forget here"), tr("&Forget")),
            tr(
                "The archive {0} stays where it lies, with all its backups."
                " This computer forgets it, with its key and its schedule."
                " The passphrase opens it again."
            ).format(name),
            setup_lines.forget_archive(self.archive),
            tr("The archive was not forgotten"),
            tr("The archive {0} is forgotten here.").format(name),
        )

    def _ask_delete(self) -> None:
        name = shown(self.archive)
        self._ask(
            (tr("Delete for ever"), tr("&Delete")),
            tr(
                "The archive {0} with all its backups is deleted where it"
                " lies, and forgotten here. Nothing brings it back."
            ).format(name),
            setup_lines.delete_archive(self.archive),
            tr("The archive was not deleted"),
            tr("The archive {0} is deleted.").format(name),
        )

    def _ask(
        self,
        titles: Tuple[str, str],
        text: str,
        words: Words,
        failed: str,
        done: str,
    ) -> None:
        """Have the archive's name typed, then do it; `titles` are those of
        the question and of its button."""
        name, (title, verb) = self.archive, titles

        def do() -> None:
            self.archive = name
            self.change(words, failed, self._ended, done=done)

        dialog = TypedDialog(name, title, text, verb, self.window())
        dialog.accepted.connect(do)
        dialog.open()

    def _ended(self, outcome: Outcome) -> None:
        self.desk.refresh()


def _row(row: Object, is_default: bool) -> List[QStandardItem]:
    name = text_of(row, "name")
    title = tr("{0} (default)") if is_default else "{0}"
    texts = [
        title.format(shown(name)),
        shown(text_of(row, "destination")),
        shown(text_of(row, "source")),
        point(moment_of(row, "last_send")),
    ]
    items = [QStandardItem(each) for each in texts]
    items[0].setData(name, _NAME)
    return items
