# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""When backups run by themselves: systemd's timer, through the engine."""

from typing import Optional

from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.archive_options import options_in
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.inputs import button
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import flag_of, moment_of, text_of
from wyng_dom0.applet.schedule_fields import OFF, WEEKLY, ScheduleFields
from wyng_dom0.applet.settings_tab import SettingsTab
from wyng_dom0.applet.wording import point, shown, tr


class ScheduleTab(SettingsTab):
    """The schedule as it counts, and Apply."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "tab-schedule")
        self.title = tr("&Schedule")
        self._set: Optional[Object] = None
        # How often it is due, as it is set; "" is once a day.
        self._every = ""
        self.fields = ScheduleFields(other=True)
        self._monitor = QCheckBox(
            tr("&Note changes in between, so that snapshots stay small")
        )
        self._monitor.setObjectName("monitor")
        self._next = plain_label(name="next-run")
        self._apply = button("apply-schedule", tr("&Apply"))
        self._undo = button("undo-schedule", tr("&Undo"))
        self._apply.clicked.connect(self._change)
        self._undo.clicked.connect(self._show)
        row = QHBoxLayout()
        row.addWidget(self._apply)
        row.addWidget(self._undo)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addWidget(self._monitor)
        layout.addWidget(self._next)
        layout.addStretch()
        layout.addLayout(row)
        layout.addWidget(self.said)
        self.fields.changed.connect(self.enable)
        self._monitor.toggled.connect(self.enable)
        self.enable()

    def show_archive(self, archive: str) -> None:
        """Ask how it is set."""
        super().show_archive(archive)
        self._set = None
        self.enable()
        if archive:
            self.ask(setup_lines.schedule(archive), self._take)
            self.ask(setup_lines.configure(archive), self._take_every)

    def enable(self) -> None:
        """Apply only what differs, where it can be set at all."""
        known = self._set or {}
        ready = flag_of(known, "available") and not self.is_busy
        for each in (self.fields, self._monitor):
            each.setEnabled(ready)
        differs = ready and self._wanted() != self._now()
        self._apply.setEnabled(differs and bool(self.fields.every))
        self._undo.setEnabled(differs)

    def _wanted(self) -> "tuple[str, bool, bool]":
        fields = self.fields
        if fields.every == OFF:
            return OFF, False, False
        return fields.every, fields.on_battery, self._monitor.isChecked()

    def _now(self) -> "tuple[str, bool, bool]":
        known = self._set or {}
        if not flag_of(known, "enabled"):
            return OFF, False, False
        return (
            text_of(known, "calendar"),
            flag_of(known, "on_battery"),
            flag_of(known, "monitor"),
        )

    def _take(self, outcome: Outcome) -> None:
        if not outcome.good:
            self.said.show_failure(outcome)
            self.enable()
            return
        self._set = outcome.report("schedule")
        self._show()

    def _show(self) -> None:
        known = self._set or {}
        calendar, on_battery, monitor = self._now()
        self.fields.show_schedule(calendar, on_battery)
        self._monitor.setChecked(monitor or calendar == OFF)
        if not flag_of(known, "available"):
            self._next.setText(
                tr(
                    "systemd does not run here: something else must start"
                    " qvm-wyng --archive={0} --unattended send"
                ).format(shown(self.archive))
            )
        elif not flag_of(known, "enabled"):
            self._next.setText("")
        elif not flag_of(known, "key_kept"):
            self._next.setText(
                tr(
                    "⚠  The key is not kept here, so that these backups fail:"
                    " see “Keys”."
                )
            )
        else:
            when = point(moment_of(known, "next_run"))
            self._next.setText(tr("The next one: {0}").format(when))
        self.enable()

    def _change(self) -> None:
        every, on_battery, monitor = self._wanted()
        self.change(
            setup_lines.set_schedule(
                self.archive, every, on_battery=on_battery, monitor=monitor
            ),
            tr("The schedule was not changed"),
            self._changed,
            done=tr("The schedule is set."),
        )

    def _changed(self, outcome: Outcome) -> None:
        if not outcome.good:
            return
        self._take(outcome)
        # A week between two is no delay where that is what was wanted.
        every = "1w" if text_of(self._set or {}, "calendar") == WEEKLY else ""
        if every != self._every:
            words = setup_lines.configure(self.archive, {"every": every})
            self.ask(words, self._take_every)

    def _take_every(self, outcome: Outcome) -> None:
        found = options_in(outcome.report("configure")).stored
        self._every = found.get("every", "")
