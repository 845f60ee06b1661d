# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive that is there already: where, what opens it, is it the newest."""

import re
from typing import Optional

from PyQt6.QtWidgets import QFormLayout, QVBoxLayout

from wyng_dom0.applet import setup_lines
from wyng_dom0.applet.asking import Asking
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Outcome
from wyng_dom0.applet.inputs import PathField, hidden_edit, line_edit, secret_of
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.reading import number_of, rows_of, text_of
from wyng_dom0.applet.wizard.assistant import Go, Page, Stay
from wyng_dom0.applet.wizard.place_fields import PlaceFields
from wyng_dom0.applet.wizard.plan import Plan, Volume
from wyng_dom0.applet.wording import shown, tr

_SEQUENCE = re.compile(r"\s*([0-9]{1,18})(?:-|\s*$)", re.ASCII)


def freshness(on_paper: str, found: str) -> "tuple[bool, str]":
    """Whether what was found is no older than the paper, and in words."""
    paper, here = _SEQUENCE.match(on_paper), _SEQUENCE.match(found)
    if not on_paper.strip():
        said = tr(
            "The head code is {0}. Without the one on your sheet nobody can"
            " tell whether this is the newest state of the archive."
        )
        return True, said.format(shown(found))
    if paper is None or here is None:
        said = tr("“{0}” is no head code: it begins with a number and “-”.")
        return False, said.format(shown(on_paper[:80]))
    older, newer = int(here[1]) < int(paper[1]), int(here[1]) > int(paper[1])
    if not (older or newer) and on_paper.strip().lower() != found.lower():
        said = tr(
            "The head code is {0} and not {1}, although it counts as many"
            " changes: one of them is mistyped, or this is another archive."
        )
        return False, said.format(shown(found), shown(on_paper[:80].strip()))
    if older:
        said = tr(
            "Older than your sheet: the head code is {0}, your sheet says"
            " {1}. Somebody may have put an old copy in its place."
        )
        return False, said.format(shown(found), shown(on_paper[:80].strip()))
    said = tr("As new as your sheet, or newer: the head code is {0}.")
    return True, said.format(shown(found))


class FindPage(Page):
    """Where it lies."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-find",
            tr("Where"),
            tr("Where are the backups? The recovery sheet has it as “URL”."),
        )
        self._desk, self._plan = desk, plan
        self._asking: Optional[Asking] = None
        self.fields = PlaceFields()
        self.fields.changed.connect(self.changed)
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addStretch()

    def is_complete(self) -> bool:
        """Everything is filled in."""
        return self.fields.place.is_filled

    def leave(self, go: Go, stay: Stay) -> None:
        """Go on when there is an archive that is not known here."""
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
        if text_of(found, "state") == "free":
            stay(tr("There is no archive there."))
        elif text_of(found, "state") != "archive":
            stay(shown(outcome.error) or tr("It can't be told what is there."))
        elif text_of(found, "known_as"):
            said = tr("It is known here already, as {0}: see the main window.")
            stay(said.format(shown(text_of(found, "known_as"))))
        else:
            self._plan.place = self.fields.place
            self._plan.made_at = text_of(found, "url")
            go()


class OpenPage(Page):
    """What opens it, and the head code of the sheet."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        super().__init__(
            "page-open",
            tr("Open it"),
            tr(
                "Type the passphrase, or the four lines of the recovery code"
                " one behind the other. An archive that is not sealed wants"
                " neither."
            ),
        )
        self._desk, self._plan = desk, plan
        self._asking: Optional[Asking] = None
        self._secret = hidden_edit("open-secret", tr("Passphrase or code"))
        self._head = line_edit(
            "open-head", tr("Head code on the sheet"), tr("if you have one")
        )
        self._slots = PathField(
            "open-slots",
            tr("File with key slots"),
            tr("only if the archive says that it has none"),
            file=True,
        )
        form = QFormLayout()
        form.addRow(tr("&Passphrase or code:"), self._secret)
        form.addRow(tr("&Head code on the sheet:"), self._head)
        form.addRow(tr("&File with key slots:"), self._slots)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addStretch()
        self._secret.textChanged.connect(self.changed)
        self._slots.changed.connect(self.changed)
        self._head.textChanged.connect(self.changed)

    def leave(self, go: Go, stay: Stay) -> None:
        """List what is there; that it opens is the proof of the passphrase."""
        secret = secret_of(self._secret)
        words = setup_lines.list_found(
            self._plan.place.url,
            slots_from=self._slots.text.strip(),
            bootstrap=self._plan.place.bootstrap,
        )
        self._asking = Asking(
            self._desk.engine,
            words,
            self,
            lambda each: self._judge(each, secret, go, stay),
            secret,
        )

    def stop(self) -> None:
        """Nobody waits for it."""
        if self._asking is not None:
            self._asking.stop()

    def forget(self) -> None:
        """Take it out of the field."""
        self._secret.clear()

    def _judge(
        self,
        outcome: Outcome,
        secret: bytes,
        go: Go,
        stay: Stay,
    ) -> None:
        self._asking = None
        if not outcome.good:
            said = tr("That did not open it: {0}")
            if outcome.code != AUTHENTICATION:
                said = "{0}"
            stay(said.format(shown(outcome.error)))
            return
        report, plan = outcome.report("volumes"), self._plan
        plan.secret = secret
        plan.slots_from = self._slots.text.strip()
        plan.head_code = text_of(report, "head_code")
        plan.paper_code = self._head.text()
        plan.volumes = tuple(
            Volume(
                text_of(each, "name"),
                number_of(each, "size"),
                # dom0's own are looked at before they are restored.
                not text_of(each, "name").startswith("dom0:"),
            )
            for each in rows_of(report, "volumes")
            if number_of(each, "sessions")
        )
        if plan.volumes:
            go()
        else:
            stay(tr("It opens, and holds no backups yet."))


class FreshPage(Page):
    """Whether it is the newest state, as far as that can be told."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "page-fresh",
            tr("Is it the newest?"),
            tr(
                "Whoever keeps the archive could show an old copy of it. The"
                " head code on your sheet tells."
            ),
        )
        self._plan = plan
        self._said = plain_label(name="fresh-said")
        self._question = plain_label(
            tr("Going on restores from what is there."), name="fresh-question"
        )
        layout = QVBoxLayout(self)
        layout.addWidget(self._said)
        layout.addWidget(self._question)
        layout.addStretch()

    def enter(self) -> None:
        """Compare, and say it in words."""
        plan = self._plan
        good, said = freshness(plan.paper_code, plan.head_code)
        self._said.setText(said if good else "⚠  " + said)
        self.next_text = tr("&Next") if good else tr("Go on &all the same")
        self._question.setVisible(not good)
        self.warns = not good
