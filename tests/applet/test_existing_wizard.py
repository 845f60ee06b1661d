# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard for an archive that is there already, over the real engine."""

import shutil
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.wizard_hand import WizardHand
from product.machine import DATA, PASSPHRASE, Machine
from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.wizard import ExistingArchiveWizard
from wyng_dom0.applet.wizard.found_pages import freshness

OTHER = b"other" * 5000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that made an archive and is lost; its place is not."""
    machine = Machine(tmp_path_factory.mktemp("lost") / "m")
    machine.write("a.img", DATA)
    machine.write("b.img", OTHER)
    machine.init(machine.passcmd)
    machine.run("--remember", machine.passcmd, "send", "a.img", "b.img")
    return machine


@pytest.fixture
def wizard(
    archive: Machine, machine: Machine, desk: Desk, window: QWidget
) -> ExistingArchiveWizard:
    shutil.copytree(archive.backup / "a", machine.backup / "a")
    return ExistingArchiveWizard(desk, window)


@pytest.fixture
def hand(qtbot: QtBot, wizard: ExistingArchiveWizard) -> WizardHand:
    return WizardHand(qtbot, wizard)


def head_code(archive: Machine) -> str:
    (listed,) = archive.objects("--verbose", "list")
    return str(listed["head_code"])


def open_it(hand: WizardHand, machine: Machine, secret: str) -> None:
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/a")
    hand.on("page-open")
    hand.type("open-secret", secret)


def test_everything_is_restored_bit_for_bit_on_a_bare_machine(
    hand: WizardHand,
    wizard: ExistingArchiveWizard,
    machine: Machine,
    archive: Machine,
) -> None:
    open_it(hand, machine, PASSPHRASE)
    hand.type("open-head", head_code(archive))
    hand.on("page-fresh")
    assert "As new as your sheet" in hand.text("fresh-said")
    hand.on("page-pick")
    assert not wizard.next_button.isEnabled()
    hand.type("target", str(machine.images))
    hand.on("page-restoring")
    hand.until(wizard.restoring.is_complete)
    assert (machine.images / "a.img").read_bytes() == DATA
    assert (machine.images / "b.img").read_bytes() == OTHER
    assert "Restored: 2 of 2" in hand.text("restored-said")
    hand.press("next")
    hand.until(hand.is_gone)
    assert machine.volumes(machine.passcmd) == {"a.img": 1, "b.img": 1}
    assert wizard.plan.secret == b""


def test_recovery_code_opens_it_in_place_of_the_passphrase(
    hand: WizardHand, machine: Machine, archive: Machine
) -> None:
    said = archive.objects("--recovery", "key", "add")
    shutil.copytree(
        archive.backup / "a", machine.backup / "a", dirs_exist_ok=True
    )
    code = said[-1]["recovery_code"]
    open_it(hand, machine, " ".join(code))
    hand.on("page-fresh")


def test_wrong_passphrase_is_said_and_can_be_typed_again(
    hand: WizardHand, machine: Machine
) -> None:
    open_it(hand, machine, "not it at all")
    assert "did not open" in hand.refused()
    hand.type("open-secret", PASSPHRASE)
    hand.on("page-fresh")
    assert "Without the one on your sheet" in hand.text("fresh-said")


def test_older_archive_than_the_sheet_is_a_warning(
    hand: WizardHand, wizard: ExistingArchiveWizard, machine: Machine
) -> None:
    open_it(hand, machine, PASSPHRASE)
    hand.type("open-head", "9000-abcd-efgh")
    hand.on("page-fresh")
    assert "Older than your sheet" in hand.text("fresh-said")
    assert wizard.next_button.text() == "Go on &all the same"
    assert wizard.back_button.isDefault()
    assert not wizard.next_button.isDefault()


@pytest.mark.parametrize(
    "paper, found, good",
    [
        ("", "5-ab-cd", True),
        ("5-ab-cd", "5-ab-cd", True),
        (" 5-AB-CD ", "5-ab-cd", True),
        ("4-xx-yy", "5-ab-cd", True),
        ("6-xx-yy", "5-ab-cd", False),
        ("5-xx-yy", "5-ab-cd", False),
        ("nonsense", "5-ab-cd", False),
        ("<b>5</b>", "5-ab-cd", False),
        ("9" * 4000, "5-ab-cd", False),
    ],
)
def test_freshness_is_judged_by_the_number(
    paper: str, found: str, good: bool
) -> None:
    is_good, said = freshness(paper, found)
    assert is_good is good and len(said) < 400


@pytest.mark.parametrize(
    "path, why", [("free", "no archive there"), ("x/y/z", "disk mounted")]
)
def test_place_without_an_archive_is_said(
    hand: WizardHand, machine: Machine, path: str, why: str
) -> None:
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/{path}")
    assert why in hand.refused()


def test_archive_that_is_known_here_is_said(
    hand: WizardHand, machine: Machine
) -> None:
    machine.write("x", b"x")
    machine.init("--encrypt=off", name="mine")
    hand.tick("kind-internal")
    hand.type("directory", f"{machine.backup}/mine")
    assert "known here already, as mine" in hand.refused()


def test_nothing_is_overwritten_and_the_rest_goes_on(
    hand: WizardHand,
    wizard: ExistingArchiveWizard,
    machine: Machine,
    engine: Engine,
) -> None:
    (machine.images / "a.img").write_bytes(b"mine")
    open_it(hand, machine, PASSPHRASE)
    for page in ("fresh", "pick"):
        hand.on(f"page-{page}")
    hand.type("target", str(machine.images))
    hand.on("page-restoring")
    hand.until(hand.find("retry", QAbstractButton).isVisible)
    assert "a.img" in hand.text("step-problem")
    assert (machine.images / "a.img").read_bytes() == b"mine"
    hand.press("back")
    assert not wizard.back_button.isEnabled(), "it is known here by now"
    hand.type("volume-filter", "a.img")
    hand.press("tick-none")
    hand.on("page-restoring")
    hand.until(wizard.restoring.is_complete)
    assert (machine.images / "b.img").read_bytes() == OTHER
    assert (machine.images / "a.img").read_bytes() == b"mine"


def test_closing_in_the_middle_says_that_it_is_known(
    hand: WizardHand,
    wizard: ExistingArchiveWizard,
    machine: Machine,
    qtbot: QtBot,
) -> None:
    (machine.images / "a.img").write_bytes(b"mine")
    open_it(hand, machine, PASSPHRASE)
    for page in ("fresh", "pick"):
        hand.on(f"page-{page}")
    hand.type("target", str(machine.images))
    hand.on("page-restoring")
    hand.until(hand.find("retry", QAbstractButton).isVisible)
    wizard.reject()
    assert "known here as backup" in hand.box().text()
    leave = hand.box().findChild(QAbstractButton, "close-all-the-same")
    assert isinstance(leave, QAbstractButton)
    leave.click()
    qtbot.waitUntil(hand.is_gone, timeout=WAIT)


def test_passphrase_is_in_no_argument_and_no_file(
    hand: WizardHand, machine: Machine, engine: Engine
) -> None:
    words: "list[str]" = []
    engine.called.connect(lambda call: words.extend(call.words))
    open_it(hand, machine, PASSPHRASE)
    for page in ("fresh", "pick"):
        hand.on(f"page-{page}")
    assert not [word for word in words if PASSPHRASE in word]
    (machine.root / "passphrase").unlink()
    assert files_with(machine.root, PASSPHRASE) == []


def files_with(root: Path, text: str) -> "list[Path]":
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and text.encode() in path.read_bytes()
    ]
