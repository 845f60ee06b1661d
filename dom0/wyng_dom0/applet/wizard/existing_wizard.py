# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard for an archive that is there already, as on a bare machine."""

from typing import Optional

from PyQt6.QtWidgets import QWidget

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.reading import flag_of, rows_of, text_of
from wyng_dom0.applet.wizard.assistant import Assistant
from wyng_dom0.applet.wizard.found_pages import FindPage, FreshPage, OpenPage
from wyng_dom0.applet.wizard.plan import DOM0, Plan
from wyng_dom0.applet.wizard.restore_pages import PickPage, RestoringPage
from wyng_dom0.applet.wording import tr


class ExistingArchiveWizard(Assistant):
    """Finds it, opens it, says how new it is, and restores from it."""

    def __init__(self, desk: Desk, parent: Optional[QWidget] = None) -> None:
        super().__init__("existing-wizard", tr("An existing archive"), parent)
        self._desk = desk
        self.plan = Plan()
        self.where = FindPage(desk, self.plan)
        self.open_page = OpenPage(desk, self.plan)
        self.pick = PickPage(desk, self.plan)
        self.restoring = RestoringPage(desk, self.plan)
        for page in (
            self.where,
            self.open_page,
            FreshPage(self.plan),
            self.pick,
            self.restoring,
        ):
            self.add_page(page)
        self.finished.connect(self._forget)
        self.start()
        desk.engine.call(setup_lines.probe()).ended.connect(self._see_qubes)

    def already_true(self) -> str:
        """What closing now leaves behind."""
        if self.restoring.is_complete():
            return ""
        said = self.restoring.what_is_true()
        if said and self.restoring.steps.runs:
            said += " " + tr("The restore goes on without this window.")
        return said

    def _see_qubes(self, outcome: Outcome) -> None:
        report = outcome.report("probe")
        self.plan.has_qubes = flag_of(report, "qubes")
        row = report.get("source")
        found = rows_of(row, "volumes") if isinstance(row, dict) else []
        names = {text_of(each, "name").partition(":")[0] for each in found}
        qubes = sorted(names - {DOM0}) if self.plan.has_qubes else None
        self.where.fields.offer_qubes(qubes)

    def _forget(self) -> None:
        self.plan.forget_secret()
        self.open_page.forget()
        self._desk.refresh_soon()
