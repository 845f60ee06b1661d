# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""On Qubes OS: the same command again as root, whom the state belongs to.

Owns the one way to more rights there is: dom0's own `sudo -n`, which asks
nothing. Elsewhere each user has a state of their own.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wyng_dom0.commands.context import Options
from wyng_dom0.errors import Refused

# dom0 has it, and no other Linux.
RELEASE = Path("/etc/qubes-release")
_STATELESS = frozenset({"version"})
_SUDO = ("sudo", "-n", "--")
_SECONDS = 30


def become_root(options: Options, words: Sequence[str]) -> None:
    """Does not return where the command must run as root and can.

    Raises Refused where sudo doesn't let us. A state that was named by
    --meta-dir is whose it is.
    """
    if os.geteuid() == 0 or options.meta_dir is not None:
        return
    if options.command in _STATELESS or not RELEASE.exists():
        return
    _try_sudo()
    program = os.path.abspath(sys.argv[0])
    os.execvp(_SUDO[0], [*_SUDO, program, *words])


def _try_sudo() -> None:
    """Once sudo has become the command nobody could say what it meant."""
    try:
        done = subprocess.run(
            [*_SUDO, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
        works = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        works = False
    if not works:
        raise Refused(
            "what qvm-wyng keeps on Qubes OS belongs to root, and sudo -n"
            " does not work here: run it as root"
        )
