# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast, how long and how full: the limits of an archive."""

from typing import Dict, Optional

from PyQt6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
)

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.archive_options import (
    ArchiveOptions,
    differing,
    options_in,
)
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.inputs import button, line_edit
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.wording import shown, tr


class LimitsTab(SettingsTab):
    """A field for each; an empty one is the default, which it shows."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "tab-limits")
        self.title = tr("&Limits")
        self._set: Optional[ArchiveOptions] = None
        self._fields: Dict[str, QLineEdit] = {}
        form = QFormLayout()
        for key, label, unit in (
            ("limit-rate", tr("At most this &fast:"), tr("bytes a second, 2M")),
            ("session-limit", tr("End what takes &longer than:"), tr("hours")),
            ("timeout", tr("Wait for an a&nswer for:"), tr("seconds")),
            (
                "guard-data",
                tr("No snapshots in a pool &over:"),
                tr("% of data"),
            ),
            (
                "guard-metadata",
                tr("No snapshots in a pool o&ver:"),
                tr("% of metadata"),
            ),
        ):
            edit = line_edit(key, f"{label} {unit}")
            edit.textChanged.connect(lambda _: self.enable())
            self._fields[key] = edit
            row = QHBoxLayout()
            row.addWidget(edit, 1)
            row.addWidget(plain_label(unit), 1)
            heading = QLabel(label)
            heading.setBuddy(edit)
            form.addRow(heading, row)
        self._note = plain_label(name="limits-note")
        self._apply = button("apply-limits", tr("&Apply"))
        self._undo = button("undo-limits", tr("&Undo"))
        self._apply.clicked.connect(self._change)
        self._undo.clicked.connect(self._show)
        row = QHBoxLayout()
        row.addWidget(self._apply)
        row.addWidget(self._undo)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._note)
        layout.addStretch()
        layout.addLayout(row)
        layout.addWidget(self.said)
        self.enable()

    def show_archive(self, archive: str) -> None:
        """Ask what is set."""
        super().show_archive(archive)
        self._set = None
        self.said.setText("")
        self.enable()
        if archive:
            self.ask(setup_lines.configure(archive), self._take)

    def enable(self) -> None:
        """Apply only what differs."""
        known = self._set
        ready = known is not None and not self.is_busy
        fixed = known.fixed if known is not None else ()
        for key, edit in self._fields.items():
            edit.setEnabled(ready and key not in fixed)
        differs = ready and bool(self._wanted())
        self._apply.setEnabled(differs)
        self._undo.setEnabled(differs)

    def _wanted(self) -> Dict[str, str]:
        known = self._set
        if known is None:
            return {}
        typed = {
            key: edit.text().strip()
            for key, edit in self._fields.items()
            if key not in known.fixed
        }
        return differing(typed, known.stored)

    def _take(self, outcome: Outcome) -> None:
        if not outcome.good:
            self.said.show_failure(outcome)
            self.enable()
            return
        self._set = options_in(outcome.report("configure"))
        self._show()

    def _show(self) -> None:
        known = self._set
        if known is None:
            return
        for key, edit in self._fields.items():
            default = known.defaults.get(key, "")
            edit.setPlaceholderText(shown(default) or tr("no limit"))
            source = known.values if key in known.fixed else known.stored
            edit.setText(source.get(key, ""))
        fixed = [key for key in known.fixed if key in self._fields]
        said = tr("Set in the configuration file, which goes before: {0}")
        self._note.setText(
            said.format(shown(", ".join(fixed))) if fixed else ""
        )
        self.enable()

    def _change(self) -> None:
        self.change(
            setup_lines.configure(self.archive, self._wanted()),
            tr("The limits were not changed"),
            self._changed,
            done=tr("The limits are set."),
        )

    def _changed(self, outcome: Outcome) -> None:
        if outcome.good:
            self._take(outcome)
