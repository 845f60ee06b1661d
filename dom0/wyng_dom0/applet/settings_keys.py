# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What opens an archive: passphrases, recovery codes, the key kept here."""

from datetime import datetime, timezone
from typing import List, Optional

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import QGridLayout, QTreeView, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.inputs import button
from wyng_dom0.applet.key_change import PassphraseChange
from wyng_dom0.applet.reading import (
    flag_of,
    maybe_number,
    rows_of,
    text_of,
    texts_of,
)
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.sheet_dialog import SheetMaking
from wyng_dom0.applet.typed_dialog import TypedDialog
from wyng_dom0.applet.wording import point, shown, tr

_NUMBER = Qt.ItemDataRole.UserRole + 1
_KIND = Qt.ItemDataRole.UserRole + 2
PASSPHRASE = "passphrase"


class KeysTab(SettingsTab):
    """The key slots, and what is done with them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "tab-keys")
        self.title = tr("&Keys")
        self._model = QStandardItemModel(self)
        self.view = QTreeView()
        self.view.setObjectName("key-slots")
        self.view.setAccessibleName(tr("What opens the archive"))
        self.view.setModel(self._model)
        self.view.setRootIsDecorated(False)
        self.view.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        selection = self.view.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(lambda *_: self.enable())
        self._buttons = {
            "change-passphrase": tr("&Change passphrase…"),
            "add-code": tr("&Add a recovery code"),
            "remove-key": tr("R&emove…"),
            "make-sheet": tr("Recovery &sheet without a code"),
            "keep-key": tr("&Keep the key here"),
            "forget-key": tr("&Forget the key here"),
        }
        does = (
            self._change_passphrase,
            self._add_code,
            self._ask_remove,
            self._make_sheet,
            self._keep,
            self._forget,
        )
        grid = QGridLayout()
        self._made = {}
        for number, ((name, text), do) in enumerate(
            zip(self._buttons.items(), does, strict=True)
        ):
            made = button(name, text)
            made.clicked.connect(do)
            self._made[name] = made
            grid.addWidget(made, number // 3, number % 3)
        layout = QVBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addLayout(grid)
        layout.addWidget(self.said)
        self._change: Optional[PassphraseChange] = None
        self.enable()

    def show_archive(self, archive: str) -> None:
        """Ask the archive for its slots."""
        super().show_archive(archive)
        self._model.clear()
        self.enable()
        if archive:
            self.said.setText(tr("Asking the archive…"))
            self.ask(setup_lines.list_keys(archive), self._take)

    def enable(self) -> None:
        """What can be done now."""
        ready = bool(self._model.rowCount()) and not self.is_busy
        for made in self._made.values():
            made.setEnabled(ready)
        kind, number = self._selected()
        fits = ready and kind == PASSPHRASE
        self._made["change-passphrase"].setEnabled(fits)
        more = self._model.rowCount() > 1
        self._made["remove-key"].setEnabled(ready and number >= 0 and more)

    def _take(self, outcome: Outcome) -> None:
        self._model.clear()
        if not outcome.good:
            self.said.show_failure(outcome)
            self.enable()
            return
        self.said.setText("")
        titles = [tr("Slot"), tr("What"), tr("Made"), tr("Where")]
        self._model.setHorizontalHeaderLabels(titles)
        for row in rows_of(outcome.report("keys"), "slots"):
            self._model.appendRow(_row(row))
        for column in range(len(titles)):
            self.view.resizeColumnToContents(column)
        self.view.setCurrentIndex(self._model.index(0, 0))
        self.enable()

    def _selected(self) -> "tuple[str, int]":
        index = self.view.currentIndex().siblingAtColumn(0)
        number = index.data(_NUMBER)
        return str(index.data(_KIND) or ""), -1 if number is None else number

    def _reload(self, outcome: Outcome) -> None:
        if not outcome.good:
            return
        said = self.said.text()

        def take(listed: Outcome) -> None:
            self._take(listed)
            if listed.good:
                self.said.setText(said)

        self.ask(setup_lines.list_keys(self.archive), take)

    def _change_passphrase(self) -> None:
        _, number = self._selected()
        change = PassphraseChange(self.desk.engine, self.archive, number, self)
        change.begun.connect(self.begin)
        change.ended.connect(self._changed)
        change.start()

    def _changed(self, outcome: Outcome) -> None:
        self.finish(
            outcome,
            tr("The passphrase was not changed"),
            tr(
                "The passphrase is changed. Whoever has an old copy of the"
                " archive can still open that with the old one."
            ),
        )
        self._reload(outcome)

    def _add_code(self) -> None:
        self.change(
            setup_lines.add_recovery_code(self.archive),
            tr("No recovery code was made"),
            self._show_code,
            done=tr("A recovery code was made."),
        )

    def _show_code(self, outcome: Outcome) -> None:
        if outcome.good:
            code = texts_of(outcome.report("key"), "recovery_code")
            making = SheetMaking(self.desk, self.archive, tuple(code), self)
            # One after the other: each has the archive's keys to itself.
            making.done.connect(lambda: self._reload(outcome))
            making.start()

    def _make_sheet(self) -> None:
        SheetMaking(self.desk, self.archive, (), self).start()

    def _ask_remove(self) -> None:
        kind, number = self._selected()
        dialog = TypedDialog(
            self.archive,
            tr("Remove a key"),
            tr(
                "Slot {0} ({1}) will not open the archive {2} any more."
                " Whoever has an old copy of the archive can still open that"
                " with it."
            ).format(number, shown(kind), shown(self.archive)),
            tr("&Remove"),
            self.window(),
        )
        dialog.accepted.connect(lambda: self._remove(number))
        dialog.open()

    def _remove(self, number: int) -> None:
        self.change(
            setup_lines.remove_key(self.archive, number),
            tr("The key was not removed"),
            self._reload,
            done=tr("Slot {0} is removed.").format(number),
        )

    def _keep(self) -> None:
        self.change(
            setup_lines.remember_key(self.archive),
            tr("The key is not kept"),
            lambda _: None,
            done=tr(
                "The key is kept on this machine: backups run without a"
                " passphrase, and whoever is root here can open the archive."
            ),
            holds=False,
        )

    def _forget(self) -> None:
        self.change(
            setup_lines.forget_key(self.archive),
            tr("The key was not forgotten"),
            lambda _: None,
            done=tr(
                "The key is not kept here any more: backups that run by"
                " themselves will fail."
            ),
        )


def _row(row: Object) -> List[QStandardItem]:
    kind, number = text_of(row, "kind"), maybe_number(row, "number")
    made = maybe_number(row, "made")
    moment = datetime.fromtimestamp(made, timezone.utc) if made else None
    here, there = flag_of(row, "here"), flag_of(row, "in_archive")
    where = tr("here and in the archive")
    if not (here and there):
        where = tr("only here") if here else tr("only in the archive")
    elif flag_of(row, "differs"):
        where = tr("here; another one in the archive")
    names = {
        PASSPHRASE: tr("Passphrase"),
        "recovery code": tr("Recovery code"),
        "key file": tr("Key file"),
        "": tr("Damaged"),
    }
    texts = [str(number), names.get(kind, shown(kind)), point(moment), where]
    items = [QStandardItem(each) for each in texts]
    items[0].setData(number, _NUMBER)
    items[0].setData(kind, _KIND)
    return items
