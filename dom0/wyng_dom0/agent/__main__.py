# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m wyng_dom0.agent STATE ARCHIVE MINUTES`, the key on stdin.

Says `ready` on standard output when it can be asked, then lets go of every
stream it was started with.
"""

import os
import sys

from wyng_common.ids import ArchiveId
from wyng_dom0.agent.holding import Holder, guard_memory, listen
from wyng_dom0.state.key_agent import KEY_SIZE
from wyng_dom0.state.places import find_places


def main() -> int:
    """Hold the key until its time is over; the exit code."""
    state, archive_hex, minutes = sys.argv[1:]
    guard_memory()
    key = bytearray(os.read(0, KEY_SIZE))
    if len(key) != KEY_SIZE:
        return 1
    places = find_places(state, os.geteuid(), os.environ)
    archive = ArchiveId(bytes.fromhex(archive_hex))
    with listen(places, archive) as listener:
        os.write(1, b"ready\n")
        _let_go()
        Holder(key, 60.0 * int(minutes)).serve(listener)
    return 0


def _let_go() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main())
