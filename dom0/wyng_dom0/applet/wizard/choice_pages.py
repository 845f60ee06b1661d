# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When backups run, what is kept of them, and all of it once more."""

from PyQt6.QtWidgets import QFormLayout, QLabel, QVBoxLayout

from wyng_dom0.applet.keep_fields import KeepFields
from wyng_dom0.applet.keep_picture import summary
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.schedule_fields import (
    DAILY,
    HOURLY,
    OFF,
    WEEKLY,
    ScheduleFields,
)
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.plan import QUBES, Plan
from wyng_dom0.applet.wording import counted, shown, size, tr


class SchedulePage(Page):
    """How often."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "page-schedule",
            tr("When"),
            tr(
                "A backup costs what has changed since the last one, so it"
                " may run often."
            ),
        )
        self._plan = plan
        self.fields = ScheduleFields()
        layout = QVBoxLayout(self)
        self._why = plain_label(
            tr(
                "The program can't set timers here: they are root's and"
                " systemd's. Let something else start"
                " “qvm-wyng --unattended send”."
            ),
            name="no-timers",
        )
        layout.addWidget(self.fields)
        layout.addWidget(self._why)
        layout.addStretch()

    def enter(self) -> None:
        """Where no timer can be set nothing is promised."""
        timers = self._plan.has_timers
        if not timers:
            self.fields.show_schedule(OFF, False)
        self.fields.setEnabled(timers)
        self._why.setVisible(not timers)

    def leave(self, go: Go, stay: Stay) -> None:
        """Nothing can be wrong."""
        self._plan.every = self.fields.every
        self._plan.on_battery = self.fields.on_battery
        go()


class KeepPage(Page):
    """How long."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "page-keep",
            tr("How long"),
            tr(
                "Older points in time make room for new ones. The newest of a"
                " volume always stays, and so does what you protect."
            ),
        )
        self._plan = plan
        self.fields = KeepFields()
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addStretch()

    def enter(self) -> None:
        """The picture is of the schedule that was chosen."""
        self.fields.show_every(self._plan.every)

    def leave(self, go: Go, stay: Stay) -> None:
        """Nothing can be wrong."""
        self._plan.counts = self.fields.counts
        go()


class SummaryPage(Page):
    """What will be done; nothing was done until here."""

    def __init__(self, plan: Plan, keep: KeepPage) -> None:
        super().__init__(
            "page-summary",
            tr("Summary"),
            tr("Nothing was made until now. This is what will be:"),
        )
        self.next_text = tr("&Make the archive")
        self._plan, self._keep = plan, keep
        self._form = QFormLayout()
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addStretch()

    def enter(self) -> None:
        """Show the plan as it stands now."""
        while self._form.rowCount():
            self._form.removeRow(0)
        for title, text in self._rows():
            value = plain_label(text)
            heading = QLabel(title)
            value.setAccessibleName(f"{title} {text}")
            self._form.addRow(heading, value)

    def _rows(self) -> "list[tuple[str, str]]":
        plan = self._plan
        return [
            (tr("Archive:"), shown(plan.name)),
            (tr("Where:"), shown(plan.made_at)),
            (tr("What:"), self._what()),
            (tr("Passphrase:"), tr("as chosen; a recovery code is made, too")),
            (tr("When:"), self._when()),
            (tr("Kept:"), self._kept()),
            (tr("Then:"), self._then()),
        ]

    def _what(self) -> str:
        plan = self._plan
        wanted = {*plan.chosen}
        total = sum(v.size for v in plan.volumes if v.name in wanted)
        if plan.source == QUBES:
            qubes = {v.qube for v in plan.volumes if v.name in wanted}
            said = counted(len(qubes), "{0} qube", "{0} qubes")
        else:
            count = len(plan.chosen)
            said = counted(count, "{0} volume", "{0} volumes")
            said = tr("{0} of {1}").format(said, shown(plan.source))
        return tr("{0}, {1} at most").format(said, size(total))

    def _when(self) -> str:
        when = {
            HOURLY: tr("every hour"),
            DAILY: tr("every day"),
            WEEKLY: tr("every week"),
            OFF: tr("only when you start it"),
        }[self._plan.every]
        if self._plan.every == OFF:
            return when
        if self._plan.on_battery:
            return tr("{0}, on battery, too").format(when)
        return tr("{0}, not on battery").format(when)

    def _kept(self) -> str:
        return summary(self._keep.fields.ages, not self._plan.counts)

    def _then(self) -> str:
        return tr(
            "{0}, the smallest, is backed up and read back, to see that all"
            " of it works."
        ).format(shown(self._plan.smallest()))
