# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is backed up: qubes, or the volumes of a directory or a pool."""

from typing import Dict, Optional

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.icons import label_icon
from wyng_dom0.applet.inputs import PathField, button
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import number_of, rows_of, text_of
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.plan import QUBES, Plan, Volume
from wyng_dom0.applet.wizard.volume_choice import VolumeChoice
from wyng_dom0.applet.wording import shown, tr


class WhatPage(Page):
    """A source, and which of its volumes are meant."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-what",
            tr("What"),
            tr(
                "What shall be backed up? Take away what you could lose. New"
                " ones are yours to add in the main window."
            ),
        )
        self._desk, self._plan = desk, plan
        self._asking: Optional[Asking] = None
        self._looked_at: Optional[str] = None
        self.source = PathField(
            "source",
            tr("Directory of disk images, or pool"),
            tr("as /var/lib/images, or vg/pool of LVM"),
        )
        self._look_button = button("look", tr("&Look"))
        self._look_button.clicked.connect(self.look)
        self.choice = VolumeChoice(tr("Back up"))
        self._said = plain_label(name="what-said")
        row = QHBoxLayout()
        row.addWidget(self.source, 1)
        row.addWidget(self._look_button)
        form = QFormLayout()
        self._label = QLabel(tr("&Directory or pool:"))
        self._label.setBuddy(self.source.edit)
        form.addRow(self._label, row)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._said)
        layout.addWidget(self.choice, 1)
        self.choice.changed.connect(self.changed)
        self.source.changed.connect(self._source_changed)
        self.source.edit.editingFinished.connect(self.look)
        # Who types does not want to press a button.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(700)
        self._soon.timeout.connect(self.look)

    def enter(self) -> None:
        """On Qubes OS there is nothing to type."""
        qubes = self._plan.has_qubes
        for each in (self.source, self._look_button, self._label):
            each.setVisible(not qubes)
        self.choice.show_qubes(qubes)
        self.choice.show_labels(qube_icons(self._desk.status))
        if qubes and self._looked_at is None:
            self.look()

    def is_complete(self) -> bool:
        """Something is chosen of the source that stands there."""
        return bool(self.choice.chosen()) and self._is_fresh()

    def leave(self, go: Go, stay: Stay) -> None:
        """Nothing more to ask."""
        self._plan.volumes = self.choice.volumes
        self._plan.chosen = self.choice.chosen()
        go()

    def look(self) -> None:
        """Ask the engine which volumes there are."""
        self._soon.stop()
        wanted = self._wanted()
        if not wanted or wanted == self._looked_at:
            return
        if self._asking is not None:
            self._asking.stop()
        self._looked_at = wanted
        self._said.setText(tr("Looking…"))
        self._asking = Asking(
            self._desk.engine,
            setup_lines.probe(local=wanted),
            self,
            lambda outcome: self._take(wanted, outcome),
        )

    def _wanted(self) -> str:
        return QUBES if self._plan.has_qubes else self.source.text.strip()

    def _is_fresh(self) -> bool:
        return self._looked_at == self._wanted()

    def _source_changed(self) -> None:
        if not self._is_fresh():
            self._looked_at = None
            self.choice.show_volumes(())
            self._said.setText("")
            self._soon.start()
        self.changed.emit()

    def _take(self, wanted: str, outcome: Outcome) -> None:
        if wanted != self._looked_at:
            return
        self._asking = None
        row = outcome.report("probe").get("source")
        found: Object = row if isinstance(row, dict) else {}
        volumes = tuple(
            Volume(
                text_of(each, "name"),
                number_of(each, "size"),
                each.get("included") is not False,
            )
            for each in rows_of(found, "volumes")
        )
        self._plan.source = text_of(found, "source") or self._wanted()
        self.choice.show_volumes(volumes)
        if not outcome.good:
            self._said.setText("⚠  " + shown(outcome.error))
            self._looked_at = None if not volumes else self._looked_at
        else:
            self._said.setText("")
        self.changed.emit()


def qube_icons(status: Object) -> Dict[str, QIcon]:
    """The qubes of an overview, each in its label's colour."""
    return {
        text_of(each, "qube"): label_icon(
            text_of(each, "label"), text_of(each, "color")
        )
        for each in rows_of(status, "qubes")
    }
