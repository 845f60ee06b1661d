# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The program as it is started: once, with PyQt6, or with a plain sentence."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from product.machine import OFF, START, Machine
from wyng_dom0.applet.single_instance import SingleInstance, make_private
from wyng_dom0.runs.run_files import list_runs
from wyng_dom0.state.places import Places

RUN = "import sys; from wyng_dom0.applet.program import main; sys.exit(main())"
WITHOUT = "import sys; sys.modules['PyQt6'] = None; "


def environ(tmp_path: Path, **more: str) -> "dict[str, str]":
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_RUNTIME_DIR": str(runtime),
        **more,
    }


def ended(
    tmp_path: Path, start: str, *words: str, **more: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", start, *words],
        env=environ(tmp_path, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "start, words, code, part",
    [
        (WITHOUT + RUN, [], 1, "install the package python3-pyqt6"),
        (RUN, ["--nonsense"], 9, "--nonsense"),
    ],
)
def test_what_keeps_it_from_starting_is_one_sentence(
    tmp_path: Path, start: str, words: "list[str]", code: int, part: str
) -> None:
    done = ended(tmp_path, start, *words)
    assert done.returncode == code and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("qubes-wyng-manager: ") and part in line


def test_without_a_screen_it_says_so(tmp_path: Path) -> None:
    done = ended(
        tmp_path, RUN, QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY=""
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no screen" in line


def test_version_and_help_need_neither_screen_nor_pyqt(tmp_path: Path) -> None:
    for word in ("--version", "--help"):
        done = ended(tmp_path, WITHOUT + RUN, word)
        assert done.returncode == 0 and "qubes-wyng-manager" in done.stdout


# Slow enough to be still there when the program is gone.
SLOWLY = "import sys; 'send' in sys.argv and sys.argv.insert(1, '{0}'); "
ENGINE = SLOWLY.format("--limit-rate=20M") + START
QUITS = f"""
import sys
from wyng_dom0.applet import application, program

start = application.Manager.start

def begin(self, **options):
    start(self, **options)
    self.desk.engine.called.connect(listen)
    self.window.doing.back_up("a", ["a"])

def listen(call):
    call.said.connect(quit_when_it_runs)

def quit_when_it_runs(said):
    if said.get("event") == "run-started":
        application.QApplication.quit()

def engine(state):
    return [sys.executable, "-c", {ENGINE!r}, "--meta-dir=" + state]

application.Manager.start = begin
application.engine_program = engine
sys.exit(program.main())
"""


def test_run_goes_on_when_the_program_is_ended(
    tmp_path: Path, machine: Machine
) -> None:
    machine.init(*OFF)
    machine.write("a", os.urandom(100_000_000))
    done = ended(tmp_path, QUITS, f"--meta-dir={machine.state}")
    assert done.returncode == 0, done.stderr
    runs = list_runs(Places(machine.state))
    assert [each.command for each in runs] == ["send"]
    end = time.monotonic() + 60
    while list_runs(Places(machine.state)) and time.monotonic() < end:
        time.sleep(0.1)
    assert list_runs(Places(machine.state)) == []
    assert machine.volumes() == {"a": 1}


@contextmanager
def one(folder: Path, state: str = "") -> Iterator[SingleInstance]:
    made = SingleInstance(folder, state, None)
    yield made
    made.close()


def test_second_start_raises_the_first(
    tmp_path: Path, machine: Machine, qtbot: QtBot
) -> None:
    folder = tmp_path / "runtime" / "qubes-wyng-manager"
    environ(tmp_path)
    with one(folder, str(machine.state)) as first:
        assert first.begin()
        assert folder.stat().st_mode & 0o777 == 0o700
        words = [sys.executable, "-c", RUN, f"--meta-dir={machine.state}"]
        with qtbot.waitSignal(first.raised, timeout=WAIT):
            second = subprocess.Popen(words, env=environ(tmp_path))
        assert second.wait(60) == 0


def test_other_state_is_another_program(tmp_path: Path, qapp: object) -> None:
    with one(tmp_path / "r", "a") as first, one(tmp_path / "r", "b") as other:
        assert first.begin() and other.begin()


def test_place_of_one_that_was_killed_is_taken(
    tmp_path: Path, qapp: object
) -> None:
    folder = tmp_path / "r"
    start = (
        "import os, sys, signal; from pathlib import Path\n"
        "from PyQt6.QtCore import QCoreApplication\n"
        "from wyng_dom0.applet.single_instance import SingleInstance\n"
        "app = QCoreApplication([])\n"
        f"one = SingleInstance(Path({str(folder)!r}), '', None)\n"
        "assert one.begin()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert ended(tmp_path, start).returncode == -9
    assert any(each.is_socket() for each in folder.iterdir())
    with one(folder) as next_one:
        assert next_one.begin()


def test_folder_of_others_is_not_used(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir(mode=0o777)
    wide.chmod(0o777)
    make_private(wide)
    assert wide.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(wide)
    with pytest.raises(PermissionError):
        make_private(link)
