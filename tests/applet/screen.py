# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A screen that nobody sees: Xvfb, for windows as they really are."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

SIZE = "1400x900x24"


def has_screen_program() -> bool:
    """True where Xvfb is installed."""
    return shutil.which("Xvfb") is not None


@contextmanager
def screen() -> Iterator[str]:
    """A new X display on no network; its name, as DISPLAY wants it."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as numbers:
        server = subprocess.Popen(
            [
                *("Xvfb", "-displayfd", str(write), "-screen", "0", SIZE),
                *("-nolisten", "tcp", "-noreset"),
            ],
            pass_fds=(write,),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        try:
            number = numbers.readline().decode("ascii").strip()
            assert number.isdigit(), "Xvfb did not start"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(60)
