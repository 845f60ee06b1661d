# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet, and the end of the wizard."""

from datetime import datetime

from PyQt6.QtWidgets import QCheckBox, QVBoxLayout

from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.recovery_sheet import Sheet
from wyng_dom0.applet.sheet_view import SheetView
from wyng_dom0.applet.wizard.assistant import Page
from wyng_dom0.applet.wizard.doing_page import DoingPage
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wording import tr


class SheetPage(Page):
    """The code is shown here for the only time."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "page-sheet",
            tr("Recovery sheet"),
            tr(
                "Print it, or copy by hand the URL, the head code and the"
                " recovery code, which is shown only now. Whatever prints it"
                " can read it."
            ),
        )
        self._plan = plan
        self.view = SheetView()
        self._have_it = QCheckBox(tr("I &have it on paper, or saved"))
        self._have_it.setObjectName("have-sheet")
        self._have_it.toggled.connect(self.changed)
        self.view.kept.connect(lambda: self._have_it.setChecked(True))
        layout = QVBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._have_it)

    def enter(self) -> None:
        """Show what the archive was found to be."""
        self.view.show_sheet(sheet_of(self._plan))

    def is_complete(self) -> bool:
        """The user says so."""
        return self._have_it.isChecked()

    def may_go_back(self) -> bool:
        """To see what was done."""
        return True


def sheet_of(plan: Plan) -> Sheet:
    """The sheet of the archive that was made."""
    return Sheet(
        plan.name,
        plan.made_at,
        plan.archive_id,
        plan.head_code,
        plan.code,
        datetime.now().astimezone(),
        plan.slots,
    )


class EndPage(Page):
    """What is true now, and the first whole backup."""

    def __init__(self, plan: Plan, doing: DoingPage) -> None:
        super().__init__("page-end", tr("Ready"), "")
        self.next_text = tr("&Finish")
        self._doing = doing
        self._plan = plan
        self._true = plain_label(name="end-true")
        self.send_now = QCheckBox(tr("Back up &everything now"))
        self.send_now.setObjectName("send-now")
        self.send_now.setChecked(True)
        self._note = plain_label(
            tr(
                "The first backup reads everything; you can go on working,"
                " close the window, pause it, and end it: the next one goes on"
                " from there."
            )
        )
        layout = QVBoxLayout(self)
        layout.addWidget(self._true)
        layout.addSpacing(self.fontMetrics().height())
        layout.addWidget(self.send_now)
        layout.addWidget(self._note)
        layout.addStretch()

    def enter(self) -> None:
        """Say it in words."""
        said = [self._doing.what_is_true()]
        if self._doing.is_proven:
            said.append(
                tr(
                    "The test run worked: what was backed up was read back and"
                    " is the same, bit for bit."
                )
            )
        self._true.setText("\n\n".join(said))
