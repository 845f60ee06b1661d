# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the archive, and proves that it works, step by step."""

from typing import Dict, List

from PyQt6.QtWidgets import QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.archive_options import rules_change
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import number_of, text_of, texts_of
from wyng_dom0.applet.schedule_fields import WEEKLY
from wyng_dom0.applet.sheet_facts import facts_in, slots_in
from wyng_dom0.applet.wizard.assistant import Page
from wyng_dom0.applet.wizard.plan import Plan
from wyng_dom0.applet.wizard.steps import FAILED, Step, StepList
from wyng_dom0.applet.wording import shown, size, tr

MAKE, CODE, ADD, TICK, UNTICK = "make", "code", "add", "tick", "untick"
KEEP, WHEN, SEND, READ, SHEET = "keep", "when", "send", "read", "sheet"


class DoingPage(Page):
    """Every step, how it stands, and what is true already."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-doing",
            tr("Making it"),
            tr("This takes as long as the smallest volume takes to back up."),
        )
        self._desk, self._plan = desk, plan
        self.steps = StepList(desk.engine)
        self._true = plain_label(name="what-is-true")
        self._started = False
        layout = QVBoxLayout(self)
        layout.addWidget(self.steps)
        layout.addWidget(self._true)
        self.steps.changed.connect(self._say)
        self.steps.failed.connect(self._look_after_failure)
        self.steps.ended.connect(self._desk.refresh_soon)

    def enter(self) -> None:
        """Begin; whoever comes back finds it as it was left."""
        if not self._started:
            self._started = True
            self.steps.start(self._list())
        elif self.steps.states.get(MAKE) == FAILED:
            self.steps.retry.click()

    def is_complete(self) -> bool:
        """All is done or left out."""
        return self.steps.is_over

    def may_go_back(self) -> bool:
        """Only while there is no archive."""
        return not self.is_made and not self.steps.runs

    @property
    def is_made(self) -> bool:
        """True once the engine said that the archive is there."""
        return self.steps.is_done(MAKE)

    @property
    def is_proven(self) -> bool:
        """True when the test run was read back and was whole."""
        return self.steps.is_done(READ)

    def what_is_true(self) -> str:
        """What was made until now, in a few sentences; "" for nothing."""
        plan = self._plan
        if not self._started or (not self.is_made and not self.steps.runs):
            return self._half_made
        if not self.is_made:
            return tr(
                "The archive is being made. If you close now, it may be there"
                " or not: see the list of archives."
            )
        said = [
            tr("The archive {0} is made, at {1}.").format(
                shown(plan.name), shown(plan.made_at)
            )
        ]
        missing = [
            title
            for name, title in (
                (CODE, tr("a recovery code")),
                (ADD, tr("which volumes belong to it")),
                (KEEP, tr("what is kept")),
                (WHEN, tr("when backups run")),
                (SEND, tr("a first backup")),
                (READ, tr("the proof that it can be read back")),
            )
            if name in self.steps.states and not self.steps.is_done(name)
        ]
        if missing:
            said.append(tr("Not yet there: {0}.").format(", ".join(missing)))
            said.append(tr("The settings and the main window do that, too."))
        return " ".join(said)

    _half_made = ""

    def _list(self) -> List[Step]:
        plan = self._plan

        def secret() -> bytes:
            return plan.secret

        steps = [
            Step(
                MAKE,
                tr("Make the archive"),
                lambda: setup_lines.make_archive(
                    plan.name,
                    plan.place.url,
                    plan.source,
                    remember=plan.is_unattended,
                    bootstrap=plan.place.bootstrap,
                ),
                secret,
                self._made,
                needed=True,
            ),
            Step(
                CODE,
                tr("Make a recovery code"),
                lambda: setup_lines.add_recovery_code(plan.name),
                secret,
                self._coded,
            ),
            Step(
                ADD,
                tr("Note what belongs to it"),
                lambda: setup_lines.add_volumes(plan.name, plan.chosen),
                secret,
                needed=True,
            ),
            *self._settings(),
            Step(
                SEND,
                tr("Back up {0}, the smallest").format(shown(plan.smallest())),
                lambda: setup_lines.send_smallest(plan.name, plan.smallest()),
                secret,
                self._sent,
            ),
            Step(
                READ,
                tr("Read it back and compare every id"),
                lambda: setup_lines.verify_newest(plan.name, plan.smallest()),
                secret,
                self._was_read,
            ),
            Step(
                SHEET,
                tr("Gather what belongs on the recovery sheet"),
                lambda: setup_lines.recovery_sheet(plan.name),
                secret,
                self._gathered,
            ),
        ]
        return steps

    def _settings(self) -> List[Step]:
        plan = self._plan
        steps = []
        if plan.newly_ticked or plan.unticked:
            steps = [
                Step(
                    TICK,
                    tr("Tick in Qubes what is backed up"),
                    lambda: setup_lines.include(plan.name, plan.newly_ticked),
                    lambda: b"",
                ),
                Step(
                    UNTICK,
                    tr("Untick in Qubes what is not"),
                    lambda: setup_lines.exclude(plan.name, plan.unticked),
                    lambda: b"",
                ),
            ]
        steps.append(
            Step(
                KEEP,
                tr("Set what is kept"),
                lambda: setup_lines.configure(plan.name, _options(plan)),
                lambda: b"",
            )
        )
        if plan.is_unattended:
            steps.append(
                Step(
                    WHEN,
                    tr("Set when backups run"),
                    lambda: setup_lines.set_schedule(
                        plan.name,
                        plan.every,
                        on_battery=plan.on_battery,
                        monitor=True,
                    ),
                    lambda: b"",
                )
            )
        return steps

    def _made(self, outcome: Outcome) -> str:
        report = outcome.report("arch-init")
        self._plan.archive_id = text_of(report, "id")
        self._plan.made_at = text_of(report, "destination")
        self._plan.head_code = text_of(report, "head_code")
        self._half_made = ""
        return ""

    def _coded(self, outcome: Outcome) -> str:
        code = texts_of(outcome.report("key"), "recovery_code")
        self._plan.code = tuple(code)
        return tr("It stands on the recovery sheet, on the next page.")

    def _sent(self, outcome: Outcome) -> str:
        done = self.steps.run_done
        code = text_of(done, "head_code")
        self._plan.head_code = code or self._plan.head_code
        return tr("{0} were sent.").format(size(number_of(done, "sent_bytes")))

    def _was_read(self, outcome: Outcome) -> str:
        report = outcome.report("verify")
        return tr(
            "All of {0} was fetched, opened and found to be what was sent: {1}."
        ).format(
            shown(text_of(report, "volume")),
            size(number_of(report, "bytes")),
        )

    def _gathered(self, outcome: Outcome) -> str:
        lines = texts_of(outcome.report("sheet"), "sheet")
        self._plan.slots = slots_in(lines)
        code = facts_in(lines).get("head code", "")
        self._plan.head_code = code or self._plan.head_code
        return ""

    def _look_after_failure(self, step: Step, outcome: Outcome) -> None:
        """What did a making that failed leave behind?"""
        if step.name != MAKE:
            return
        place = self._plan.place
        call = self._desk.engine.call(
            setup_lines.probe(place.url, bootstrap=place.bootstrap)
        )
        call.ended.connect(self._tell_half_made)

    def _tell_half_made(self, outcome: Outcome) -> None:
        row = outcome.report("probe").get("destination")
        found: Object = row if isinstance(row, dict) else {}
        state = text_of(found, "state")
        where = shown(self._plan.made_at)
        if state == "free" and not text_of(found, "known_as"):
            said = tr("Nothing was made at {0}.").format(where)
            self._half_made = ""
        else:
            said = self._half_made = tr(
                "The making of the archive broke off; something of it may lie"
                " at {0}. “Try again” goes on from there."
            ).format(where)
        self._true.setText(said)
        self._true.setVisible(True)

    def _say(self) -> None:
        made = self.is_made and not self.steps.is_over
        self._true.setText(self.what_is_true() if made else "")
        self._true.setVisible(made and not self.steps.runs)
        self.changed.emit()


def _options(plan: Plan) -> Dict[str, str]:
    """What is kept, and how late a backup is late."""
    found = rules_change(plan.counts, "full" if plan.counts else "off")
    if plan.every == WEEKLY:
        found["every"] = "1w"
    return {key: value for key, value in found.items() if value}
