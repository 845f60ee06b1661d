# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard for a new archive, page by page."""

from typing import Optional

from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import command_lines, setup_lines
from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.problem import show_problem
from wyng_dom0.applet.reading import flag_of, rows_of, text_of
from wyng_dom0.applet.wizard.assistant import Assistant
from wyng_dom0.applet.wizard.choice_pages import (
    KeepPage,
    SchedulePage,
    SummaryPage,
)
from wyng_dom0.applet.wizard.doing_page import DoingPage
from wyng_dom0.applet.wizard.passphrase_pages import PassphrasePage, ProofPage
from wyng_dom0.applet.wizard.plan import DOM0, Plan
from wyng_dom0.applet.wizard.sheet_page import EndPage, SheetPage
from wyng_dom0.applet.wizard.what_page import WhatPage
from wyng_dom0.applet.wizard.where_page import WherePage
from wyng_dom0.applet.wording import tr


class ArchiveWizard(Assistant):
    """Gathers a plan, carries it out, and proves that it works."""

    def __init__(self, desk: Desk, parent: Optional[QWidget] = None) -> None:
        super().__init__("archive-wizard", tr("A new archive"), parent)
        self._desk = desk
        self.plan = Plan()
        self.where = WherePage(desk, self.plan)
        self.what = WhatPage(desk, self.plan)
        self.passphrase = PassphrasePage(self.plan)
        self.proof = ProofPage(self.plan, self.passphrase)
        self.when = SchedulePage(self.plan)
        self.keep = KeepPage(self.plan)
        self.doing = DoingPage(desk, self.plan)
        self.sheet = SheetPage(self.plan)
        self.end = EndPage(self.plan, self.doing)
        for page in (
            self.where,
            self.what,
            self.passphrase,
            self.proof,
            self.when,
            self.keep,
            SummaryPage(self.plan, self.keep),
            self.doing,
            self.sheet,
            self.end,
        ):
            self.add_page(page)
        self.finished.connect(self._forget)
        self.start()
        desk.engine.call(setup_lines.probe()).ended.connect(self._see_qubes)

    def already_true(self) -> str:
        """What closing now leaves behind."""
        if self.page is self.end:
            return ""
        said = self.doing.what_is_true()
        if said and self.plan.code and not self.sheet.is_complete():
            said += " " + tr("The recovery code is not shown again.")
        return said

    def finish(self) -> None:
        """Start the first whole backup when it is wanted."""
        if self.end.send_now.isChecked():
            self._send()
        super().finish()

    def _send(self) -> None:
        """Nobody is told of its end where the window is gone by then."""
        engine, window = self._desk.engine, self.parentWidget()
        words, secret = command_lines.send(self.plan.name), self.plan.secret
        if window is None:
            engine.call(words, secret or None)
            return
        told = window
        Asking(
            engine, words, told, lambda each: _tell(each, told), secret or None
        )

    def _see_qubes(self, outcome: Outcome) -> None:
        report = outcome.report("probe")
        self.plan.has_qubes = flag_of(report, "qubes")
        self.plan.has_timers = flag_of(report, "timers")
        row = report.get("source")
        found = rows_of(row, "volumes") if isinstance(row, dict) else []
        names = {text_of(each, "name").partition(":")[0] for each in found}
        qubes = sorted(names - {DOM0}) if self.plan.has_qubes else None
        self.where.fields.offer_qubes(qubes)

    def _forget(self) -> None:
        self.plan.forget_secret()
        self.passphrase.forget()
        self.proof.forget()
        self.sheet.view.forget()
        self._desk.refresh_soon()


def _tell(outcome: Outcome, window: QWidget) -> None:
    if not outcome.good:
        show_problem(outcome, tr("The first backup"), window)
