# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the archive shall be, tried before going on."""

from typing import Optional

from PyQt6.QtWidgets import QFormLayout, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.inputs import line_edit
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import rows_of, text_of
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.place_fields import PlaceFields
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wording import shown, tr
from wyng_dom0.errors import BadInput
from wyng_dom0.names import check_archive_name


class WherePage(Page):
    """The archive's name here, and its place."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-where",
            tr("Where"),
            tr(
                "Where shall the backups be kept? Whoever keeps them sees"
                " only sealed data, and can't read it."
            ),
        )
        self._desk, self._plan = desk, plan
        self._asking: Optional[Asking] = None
        self.fields = PlaceFields()
        self.name = line_edit("archive-name", tr("Name"))
        self.name.setText(tr("backup"))
        self.name.setMaxLength(64)
        self._name_fault = plain_label(name="name-fault")
        self._note = plain_label(
            tr("Going on tries the place: nothing is written yet."),
            name="where-note",
        )
        form = QFormLayout()
        form.addRow(tr("&Name of the archive here:"), self.name)
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addLayout(form)
        layout.addWidget(self._name_fault)
        layout.addStretch()
        layout.addWidget(self._note)
        self.fields.changed.connect(self.changed)
        self.name.textChanged.connect(self._check_name)
        self._check_name()

    def is_complete(self) -> bool:
        """Everything is filled in, and the name can be one."""
        return self.fields.place.is_filled and not self._fault()

    def leave(self, go: Go, stay: Stay) -> None:
        """Go on when a new archive can be made there."""
        place = self.fields.place
        words = setup_lines.probe(place.url, bootstrap=place.bootstrap)
        self._asking = Asking(
            self._desk.engine,
            words,
            self,
            lambda each: self._judge(each, go, stay),
        )

    def stop(self) -> None:
        """Nobody waits for the probe."""
        if self._asking is not None:
            self._asking.stop()

    def _judge(
        self,
        outcome: Outcome,
        go: Go,
        stay: Stay,
    ) -> None:
        self._asking = None
        row = outcome.report("probe").get("destination")
        found = row if isinstance(row, dict) else {}
        state = text_of(found, "state")
        if not outcome.good:
            stay(shown(outcome.error))
        elif state == "archive":
            stay(self._is_archive(text_of(found, "known_as")))
        elif state != "free":
            stay(tr("It can't be told what is there."))
        else:
            self._plan.name = self.name.text()
            self._plan.place = self.fields.place
            self._plan.made_at = text_of(found, "url")
            go()

    def _is_archive(self, known_as: str) -> str:
        if known_as:
            return tr(
                "There is an archive already; it is known here as {0}."
            ).format(shown(known_as))
        return tr(
            "There is an archive already. To go on with it, choose"
            " “Open an archive” in the menu."
        )

    def _fault(self) -> str:
        try:
            name = check_archive_name(self.name.text())
        except BadInput as error:
            return shown(str(error))
        known = rows_of(self._desk.status, "archives")
        if name in {text_of(each, "name") for each in known}:
            return tr("An archive of that name is known here already.")
        return ""

    def _check_name(self) -> None:
        fault = self._fault() if self.name.text() else ""
        self._name_fault.setText(fault and "⚠  " + fault)
        self._name_fault.setVisible(bool(fault))
        self.changed.emit()
