# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls of the real engine, and of programs that behave badly."""

import sys

import pytest
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from product.machine import DATA, PASSPHRASE, Machine
from wyng_dom0.applet.engine import (
    LINE_BYTES_MAX,
    NOT_STARTED,
    Call,
    Engine,
    Outcome,
)


def ended(qtbot: QtBot, call: Call) -> Outcome:
    """How the call ended."""
    with qtbot.waitSignal(call.ended, timeout=WAIT) as waited:
        pass
    assert waited.args is not None
    outcome = waited.args[0]
    assert isinstance(outcome, Outcome)
    return outcome


def run(qtbot: QtBot, *program: str) -> Outcome:
    """How a call of another program than the engine ends."""
    engine = Engine(program)
    return ended(qtbot, engine.call([]))


def run_text(qtbot: QtBot, text: str) -> Outcome:
    return run(qtbot, sys.executable, "-c", text)


def test_report_of_the_engine_comes_whole(engine: Engine, qtbot: QtBot) -> None:
    outcome = ended(qtbot, engine.call(["status"]))
    assert outcome.good and outcome.error == ""
    assert outcome.report("status")["archives"] == []


def test_passphrase_goes_in_on_standard_input_alone(
    engine: Engine, machine: Machine, qtbot: QtBot
) -> None:
    (machine.images / "a").write_bytes(DATA)
    words = [f"--local={machine.images}", f"--dest={machine.dest()}"]
    made = engine.call([*words, "arch-init"], PASSPHRASE.encode())
    assert ended(qtbot, made).good
    refused = ended(qtbot, engine.call(["list"]))
    assert refused.code == 3 and "passphrase" in refused.error
    opened = ended(qtbot, engine.call(["list"], PASSPHRASE.encode()))
    assert opened.good and opened.report("volumes")["volumes"] == []
    assert PASSPHRASE not in made.words


def test_failure_has_its_sentence_and_its_details(
    engine: Engine, qtbot: QtBot
) -> None:
    outcome = ended(qtbot, engine.call(["--archive=none", "list"]))
    assert outcome.code == 6 and "none" in outcome.error
    assert "list" in outcome.details and outcome.error in outcome.details


def test_program_that_is_not_there_is_an_outcome(qtbot: QtBot) -> None:
    outcome = run(qtbot, "/nowhere/qvm-wyng")
    assert outcome.code == NOT_STARTED and outcome.error


@pytest.mark.parametrize("line", ["nonsense", "[1]", "{" * 5000, "\\xff"])
def test_line_that_is_no_object_is_passed_over(qtbot: QtBot, line: str) -> None:
    text = f"print('{line}'); print('{{\"kind\": \"x\"}}')"
    outcome = run_text(qtbot, text)
    assert outcome.good and outcome.reports == ({"kind": "x"},)


def test_line_without_end_is_cut_off(qtbot: QtBot) -> None:
    text = "import sys\n" "while True: sys.stdout.write('x' * 1048576)"
    outcome = run_text(qtbot, text)
    assert outcome.code == NOT_STARTED and LINE_BYTES_MAX < 1 << 30


def test_killed_program_is_an_outcome(qtbot: QtBot) -> None:
    text = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    outcome = run_text(qtbot, text)
    assert outcome.code == NOT_STARTED and outcome.error
