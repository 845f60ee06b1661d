# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept of an archive, and when the rest is removed."""

from typing import Dict, Optional

from PyQt6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.archive_options import (
    ArchiveOptions,
    differing,
    options_in,
    rules_change,
)
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.inputs import button, line_edit
from wyng_dom0.applet.keep_fields import KeepFields
from wyng_dom0.applet.keeping_rules import words_of
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import rows_of, texts_of
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.wording import shown, tr

OFF, ON, FULL = "off", "on", "full"


class KeepTab(SettingsTab):
    """Rules, their picture, what they would remove now, and Apply."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "tab-keep")
        self.title = tr("&What is kept")
        self._set: Optional[ArchiveOptions] = None
        self.fields = KeepFields()
        self._prune = QComboBox()
        self._prune.setObjectName("autoprune")
        self._prune.setAccessibleName(tr("Remove the rest"))
        for value, text in (
            (FULL, tr("with every backup")),
            (ON, tr("when less than this is free:")),
            (OFF, tr("only when I say so")),
        ):
            self._prune.addItem(text, value)
        self._free = line_edit("min-free-space", tr("Free space"), tr("as 20G"))
        self._note = plain_label(name="keep-note")
        self._try = button("try-rules", tr("&What would go now?"))
        self._apply = button("apply-rules", tr("&Apply"))
        self._undo = button("undo-rules", tr("&Undo"))
        self._try.clicked.connect(self._look)
        self._apply.clicked.connect(self._change)
        self._undo.clicked.connect(self._show)
        row = QHBoxLayout()
        for each in (self._apply, self._undo, self._try):
            row.addWidget(each)
        row.addStretch()
        beside = QHBoxLayout()
        beside.addWidget(self._prune)
        beside.addWidget(self._free, 1)
        form = QFormLayout()
        form.addRow(tr("Remove the rest:"), beside)
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addLayout(form)
        layout.addWidget(self._note)
        layout.addStretch()
        layout.addLayout(row)
        layout.addWidget(self.said)
        self.fields.changed.connect(self.enable)
        self._prune.currentIndexChanged.connect(lambda _: self.enable())
        self._free.textChanged.connect(lambda _: self.enable())
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
        ours = ready and known is not None and not known.rules_in_config
        self.fields.setEnabled(ours)
        self._prune.setEnabled(ready)
        self._free.setEnabled(ready and self._autoprune() == ON)
        differs = ready and bool(self._wanted())
        self._apply.setEnabled(differs)
        self._undo.setEnabled(differs)
        self._try.setEnabled(ours)

    def _autoprune(self) -> str:
        return str(self._prune.currentData())

    def _wanted(self) -> Dict[str, str]:
        known = self._set
        if known is None:
            return {}
        free = self._free.text().strip() if self._autoprune() == ON else ""
        wanted = rules_change(self.fields.counts, self._autoprune())
        wanted["min-free-space"] = free
        if known.rules_in_config:
            wanted = {"autoprune": wanted["autoprune"], "min-free-space": free}
        # What is not set is as its default.
        set_now = {
            key: known.stored.get(key) or self._as_default(known, key)
            for key in wanted
        }
        return differing(wanted, set_now)

    def _as_default(self, known: ArchiveOptions, key: str) -> str:
        return known.defaults.get(key, "")

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
        # Of rules that stand elsewhere no picture can be drawn.
        self.fields.setVisible(not known.rules_in_config)
        self.fields.show_counts(known.counts)
        autoprune = known.values.get("autoprune", OFF)
        self._prune.setCurrentIndex(max(self._prune.findData(autoprune), 0))
        self._free.setText(known.values.get("min-free-space", ""))
        self._note.setText(self._noted(known))
        self.enable()

    def _noted(self, known: ArchiveOptions) -> str:
        if known.rules_in_config:
            return tr(
                "The configuration file has rules of its own, which go before"
                " all that is set here."
            )
        if known.other_rules:
            said = tr("There are other rules, too: {0}")
            return said.format(shown(", ".join(known.other_rules)))
        if not known.has_rules:
            return tr(
                "No rules are set yet: a prune by hand leaves two a day of"
                " what is older than 62 days."
            )
        return ""

    def _look(self) -> None:
        self.change(
            setup_lines.try_rules(self.archive, words_of(self.fields.counts)),
            tr("It can't be told what would go"),
            self._tell,
        )

    def _tell(self, outcome: Outcome) -> None:
        if not outcome.good:
            return
        report = outcome.report("pruned")
        gone, kept = rows_of(report, "removed"), rows_of(report, "kept")
        said = tr("{0} of {1} sessions would be removed now.").format(
            len(gone), len(gone) + len(kept)
        )
        alarms = texts_of(report, "alarms")
        if alarms:
            said += "\n⚠  " + shown("; ".join(alarms))
        self.said.setText(said)

    def _change(self) -> None:
        self.change(
            setup_lines.configure(self.archive, self._wanted()),
            tr("What is kept was not changed"),
            self._changed,
            done=tr("That is what is kept from now on."),
        )

    def _changed(self, outcome: Outcome) -> None:
        if outcome.good:
            self._take(outcome)
