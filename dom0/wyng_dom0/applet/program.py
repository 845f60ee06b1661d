# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`qubes-wyng-manager`: the command line, and that PyQt6 is there.

Imports nothing of PyQt6 at the top: a machine without it, or without a
screen, is told so in one sentence.
"""

import argparse
import os
import sys
from typing import NoReturn, Optional, Sequence

from wyng_common import __version__

NAME = "qubes-wyng-manager"
FAILED, BAD_INPUT = 1, 9


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Show the window until the program is ended; the exit code."""
    given = _parser().parse_args(argv)
    try:
        from wyng_dom0.applet.application import run
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "PyQt6":
            raise
        return _fail(
            "PyQt6 can't be loaded; install the package python3-pyqt6"
            f" ({error})"
        )
    if not _has_screen():
        return _fail("there is no screen to show a window on: set DISPLAY")
    try:
        code, busy = run(given.meta_dir, hidden=given.tray)
    except OSError as error:
        return _fail(f"the window can't be shown: {error}")
    if busy is not None:
        # Without a look back: what stands for a run would end it.
        os._exit(code)
    return code


def _has_screen() -> bool:
    """False where Qt would end the whole process for lack of a screen."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def _fail(sentence: str) -> int:
    print(f"{NAME}: {sentence}", file=sys.stderr)
    return FAILED


class _Parser(argparse.ArgumentParser):
    """Says one sentence of what is wrong, with the code of bad input."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{NAME}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=NAME, description="Shows and steers the backups of qvm-wyng."
    )
    parser.add_argument(
        "--meta-dir",
        metavar="DIR",
        help="where qvm-wyng keeps its state, if not at its usual place",
    )
    parser.add_argument(
        "--tray",
        action="store_true",
        help="start with the icon in the tray alone",
    )
    parser.add_argument(
        "--version", action="version", version=f"{NAME} {__version__}"
    )
    return parser
