# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What of an archive that was found is restored, and how that goes."""

from typing import List, Set

from PyQt6.QtWidgets import QFormLayout, QLabel, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Object, Outcome
from wyng_dom0.applet.inputs import PathField, line_edit
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.reading import rows_of, text_of, texts_of
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.plan import QUBES, Plan
from wyng_dom0.applet.wizard.steps import FAILED, Step, StepList
from wyng_dom0.applet.wizard.volume_choice import VolumeChoice
from wyng_dom0.applet.wording import shown, tr
from wyng_dom0.errors import BadInput
from wyng_dom0.names import check_archive_name

ADOPT, RESTORE = "adopt", "restore"
_FAILURES_SHOWN = 20


class PickPage(Page):
    """The archive's name here, where to restore to, and what."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-pick",
            tr("What"),
            tr(
                "Choose what to restore, as it was when it was last backed up."
                " Nothing that is here already is overwritten."
            ),
        )
        self._desk, self._plan = desk, plan
        self.next_text = tr("&Restore")
        self._filled = False
        self.name = line_edit("found-name", tr("Name of the archive here"))
        self.name.setText(tr("backup"))
        self._target = PathField(
            "target",
            tr("Directory to restore to, or pool"),
            tr("as /var/lib/images, or vg/pool of LVM"),
        )
        self._target_label = QLabel(tr("&Directory or pool to restore to:"))
        self._target_label.setBuddy(self._target.edit)
        self._fault_label = plain_label(name="pick-fault")
        self.choice = VolumeChoice(tr("Restore"))
        form = QFormLayout()
        form.addRow(tr("&Name of the archive here:"), self.name)
        form.addRow(self._target_label, self._target)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._fault_label)
        layout.addWidget(self.choice, 1)
        self.name.textChanged.connect(self._look)
        self._target.changed.connect(self._look)
        self.choice.changed.connect(self.changed)

    def enter(self) -> None:
        """Show what is there; the ticks stay when somebody comes back."""
        qubes = self._plan.has_qubes
        self.name.setEnabled(not self._plan.is_known)
        self._target.setEnabled(not self._plan.is_known)
        self._target.setVisible(not qubes)
        self._target_label.setVisible(not qubes)
        if not self._filled or self.choice.volumes != self._plan.volumes:
            self._filled = True
            self.choice.show_qubes(qubes)
            self.choice.show_volumes(self._plan.volumes)
        self._look()

    def is_complete(self) -> bool:
        """A name, a place, and something to restore."""
        placed = self._plan.has_qubes or bool(self._target.text.strip())
        return placed and not self._fault() and bool(self.choice.chosen())

    def leave(self, go: Go, stay: Stay) -> None:
        """Nothing more to ask."""
        plan = self._plan
        plan.name = self.name.text()
        plan.source = QUBES if plan.has_qubes else self._target.text.strip()
        plan.chosen = self.choice.chosen_groups()
        go()

    def may_go_back(self) -> bool:
        """Not once the archive is known here."""
        return not self._plan.is_known

    def _fault(self) -> str:
        if self._plan.is_known:
            return ""
        try:
            name = check_archive_name(self.name.text())
        except BadInput as error:
            return shown(str(error))
        known = rows_of(self._desk.status, "archives")
        if name in {text_of(each, "name") for each in known}:
            return tr("An archive of that name is known here already.")
        return ""

    def _look(self) -> None:
        fault = self._fault()
        self._fault_label.setText(fault and "⚠  " + fault)
        self._fault_label.setVisible(bool(fault))
        self.changed.emit()


class RestoringPage(Page):
    """Makes the archive known, and restores what was chosen."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-restoring",
            tr("Restoring"),
            tr("The main window shows it, too, and can pause it."),
        )
        self.next_text = tr("&Finish")
        self._desk, self._plan = desk, plan
        self._restored: Set[str] = set()
        self._not_set: List[str] = []
        self.steps = StepList(desk.engine)
        self._said = plain_label(name="restored-said")
        self._started = False
        layout = QVBoxLayout(self)
        layout.addWidget(self.steps)
        layout.addWidget(self._said)
        self.steps.changed.connect(self._say)
        self.steps.ended.connect(desk.refresh_soon)

    def enter(self) -> None:
        """Begin; whoever comes back tries again what failed."""
        if not self._started:
            self._started = True
            self.steps.start(self._list())
        elif FAILED in self.steps.states.values():
            self.steps.retry.click()

    def is_complete(self) -> bool:
        """All is done or left out."""
        return self.steps.is_over

    def may_go_back(self) -> bool:
        """To choose otherwise, where something failed."""
        return not self.steps.runs and not self.steps.is_over

    def what_is_true(self) -> str:
        """What is known and restored by now, in words; "" for nothing."""
        if not self._started or not self.steps.is_done(ADOPT):
            return ""
        said = [
            tr("The archive is known here as {0}.").format(
                shown(self._plan.name)
            ),
            tr("Restored: {0} of {1}.").format(
                len(self._restored), len(self._plan.chosen)
            ),
        ]
        if self._not_set:
            shown_ones = [shown(t) for t in self._not_set[:_FAILURES_SHOWN]]
            said.append(tr("Not set: {0}.").format("; ".join(shown_ones)))
        return " ".join(said)

    def left(self) -> "tuple[str, ...]":
        """What was chosen and is not restored yet."""
        return tuple(n for n in self._plan.chosen if n not in self._restored)

    def _list(self) -> List[Step]:
        plan = self._plan
        return [
            Step(
                ADOPT,
                tr("Make the archive known here"),
                lambda: setup_lines.adopt_archive(
                    plan.name,
                    plan.place.url,
                    plan.source,
                    slots_from=plan.slots_from,
                    bootstrap=plan.place.bootstrap,
                ),
                lambda: plan.secret,
                self._adopted,
                needed=True,
            ),
            Step(
                RESTORE,
                tr("Restore"),
                lambda: setup_lines.restore_all(plan.name, self.left()),
                lambda: plan.secret,
                self._tell,
                hear=self._hear,
            ),
        ]

    def _adopted(self, _: Outcome) -> str:
        self._plan.is_known = True
        return ""

    def _hear(self, said: Object) -> None:
        if said.get("kind") != "receive":
            return
        self._restored.add(text_of(said, "of") or text_of(said, "volume"))
        for each in texts_of(said, "failed") + texts_of(said, "withheld"):
            self._not_set.append(f"{text_of(said, 'qube')}: {each}")

    def _tell(self, outcome: Outcome) -> str:
        if self._plan.source == QUBES:
            return ""
        return tr("They are in {0}.").format(shown(self._plan.source))

    def _say(self) -> None:
        self._said.setText(self.what_is_true())
        self.changed.emit()
