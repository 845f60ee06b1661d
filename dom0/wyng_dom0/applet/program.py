# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`qubes-wyng-manager`: from the command line to the event loop."""

import argparse
import shutil
import signal
import sys
from pathlib import Path
from typing import Optional, Sequence

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from wyng_dom0.applet.desk import Desk
from wyng_dom0.applet.engine import Engine
from wyng_dom0.applet.main_window import MainWindow

NAME = "qubes-wyng-manager"


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Show the window until it is closed; the exit code."""
    given = _parser().parse_args(argv)
    app = QApplication([NAME])
    app.setApplicationName(NAME)
    app.setApplicationDisplayName("Qubes Wyng Manager")
    app.setDesktopFileName(NAME)
    engine = Engine(engine_program(given.meta_dir))
    desk = Desk(engine)
    window = MainWindow(desk)
    window.show()
    desk.start()
    beat = let_signals_through(app)
    code = app.exec()
    beat.stop()
    desk.close()
    return code


def engine_program(meta_dir: Optional[str]) -> "list[str]":
    """What starts qvm-wyng: the one beside this program, or on the PATH."""
    beside = Path(sys.argv[0]).resolve().parent / "qvm-wyng"
    found = str(beside) if beside.is_file() else shutil.which("qvm-wyng")
    more = [f"--meta-dir={meta_dir}"] if meta_dir else []
    return [found or "qvm-wyng", *more]


def let_signals_through(app: QApplication) -> QTimer:
    """End in order at SIGINT and SIGTERM; Python sees them when it runs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    beat = QTimer()
    beat.timeout.connect(lambda: None)
    beat.start(500)
    return beat


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME, description="Shows and steers the backups of qvm-wyng."
    )
    parser.add_argument(
        "--meta-dir",
        metavar="DIR",
        help="where qvm-wyng keeps its state, if not at its usual place",
    )
    return parser
