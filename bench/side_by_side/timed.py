# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One command of ours as a process, timed on the wall."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Mapping, Sequence

_START = "import sys; from wyng_dom0.cli.main import main; sys.exit(main())"


def seconds_of(
    state: Path, words: Sequence[str], more: Mapping[str, str] = {}
) -> float:
    """Seconds of a command that must not fail; `more` of the environment."""
    # Byte code is there, as where packages installed the program.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _START, f"--meta-dir={state}", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environ,
        check=True,
    )
    return time.perf_counter() - begun
