# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizards on Qubes OS: qubes are picked, backed up and made again."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtWidgets import QAbstractButton, QWidget  # noqa: E402
from pytestqt.qtbot import QtBot  # noqa: E402
from qubesadmin import daemon  # noqa: E402

from applet.ending import end_calls  # noqa: E402
from applet.wizard_hand import WizardHand, without_a_timer  # noqa: E402
from product.machine import PASSPHRASE, START, Machine  # noqa: E402
from qubes.dom0 import Dom0  # noqa: E402
from wyng_dom0.applet.desk import Desk  # noqa: E402
from wyng_dom0.applet.engine import Engine  # noqa: E402
from wyng_dom0.applet.wizard import (  # noqa: E402
    ArchiveWizard,
    ExistingArchiveWizard,
)


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def desk(
    dom0: Dom0, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """The real engine, which sees the Qubes system of the test."""
    for name, value in dom0.env.items():
        monkeypatch.setenv(name, value)
    state = dom0.machine.state
    made = Desk(Engine([sys.executable, "-c", START, f"--meta-dir={state}"]))
    yield made
    made.close()
    end_calls(made.engine)


def included(dom0: Dom0) -> "set[str]":
    report = dom0.machine.parsed(dom0.run("--json", "overview"), "overview")
    return {each["qube"] for each in report["qubes"] if each["included"]}


def sent(dom0: Dom0, *words: str) -> "dict[str, Any]":
    out = dom0.run("--json", "--archive=laptop", *words, "list")
    report = dom0.machine.parsed(out, "volumes")
    return {each["name"]: each["sessions"] for each in report["volumes"]}


def make(hand: WizardHand, wizard: ArchiveWizard, machine: Machine) -> None:
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/laptop")
    hand.type("archive-name", "laptop")
    hand.on("page-what")
    hand.until(lambda: bool(wizard.what.choice.volumes))


def open_to_doing(hand: WizardHand) -> None:
    hand.on("page-passphrase")
    hand.tick("own-passphrase")
    hand.type("own-first", PASSPHRASE)
    hand.type("own-second", PASSPHRASE)
    hand.tick("take-weak")
    hand.on("page-schedule")
    without_a_timer(hand)
    hand.on("page-summary")
    hand.on("page-doing")


def test_qubes_are_ticked_as_qubes_has_them_and_backed_up(
    dom0: Dom0, desk: Desk, qtbot: QtBot, window: QWidget
) -> None:
    wizard = ArchiveWizard(desk, window)
    hand = WizardHand(qtbot, wizard)
    hand.until(lambda: wizard.plan.has_qubes)
    assert hand.find("kind-qubes", QAbstractButton).isVisible()
    make(hand, wizard, dom0.machine)
    groups = set(wizard.what.choice.chosen_groups())
    assert {"work", "alone", "fedora"} <= groups and "vault" not in groups
    hand.press("tick-none")
    for name in ("work", "vault"):
        hand.type("volume-filter", name)
        hand.press("tick-all")
    open_to_doing(hand)
    hand.until(wizard.doing.is_complete)
    assert wizard.doing.is_proven
    assert included(dom0) == {"work", "vault"}
    secret = dom0.machine.passcmd
    assert set(sent(dom0, secret)) == {"work:private", "vault:private"}
    hand.on("page-sheet")
    hand.tick("have-sheet")
    hand.on("page-end")
    hand.press("next")
    hand.until(
        lambda: sent(dom0, secret)
        == dict.fromkeys(("work:private", "vault:private"), 1)
    )


def test_qube_that_is_lost_is_made_again(
    dom0: Dom0, desk: Desk, qtbot: QtBot, window: QWidget
) -> None:
    dom0.sent("work", "alone")
    state = dom0.machine.state
    os.rename(state, Path(f"{state}-lost"))
    daemon.call("work", "admin.vm.Remove")
    wizard = ExistingArchiveWizard(desk, window)
    hand = WizardHand(qtbot, wizard)
    hand.until(lambda: wizard.plan.has_qubes)
    hand.tick("kind-internal")
    hand.type("directory", f"{dom0.machine.backup}/a")
    hand.on("page-open")
    hand.type("open-secret", "none is needed")
    hand.on("page-fresh")
    hand.on("page-pick")
    hand.press("tick-none")
    hand.type("volume-filter", "work")
    hand.press("tick-all")
    hand.on("page-restoring")
    hand.until(wizard.restoring.is_complete)
    assert "Restored: 1 of 1" in hand.text("restored-said")
    assert dom0.system.read("work", "private")[:13] == b"work at first"
