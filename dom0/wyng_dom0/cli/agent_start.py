# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting the key agent: --authmin.

The key goes to it through a pipe, never through its arguments.
"""

import subprocess
import sys

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import Dom0Error
from wyng_dom0.state.places import Places


def start_agent(
    places: Places, archive: ArchiveId, key: bytes, minutes: int
) -> None:
    """Start an agent that holds the key; it can be asked on return.

    Raises Dom0Error when it does not start.
    """
    try:
        # `with` would wait for its end.
        agent = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "wyng_dom0.agent",
                str(places.root),
                archive.hex(),
                str(minutes),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise _failed(error.strerror or "it can't be run") from None
    assert agent.stdin is not None and agent.stdout is not None
    try:
        agent.stdin.write(key)
        agent.stdin.close()
        if agent.stdout.readline() != b"ready\n":
            raise _failed("it ended at once")
    except OSError as error:
        raise _failed(error.strerror or "it ended at once") from None
    finally:
        agent.stdout.close()
    # It outlives this program, which so has nobody to wait for.
    agent.returncode = 0


def _failed(why: str) -> Dom0Error:
    return Dom0Error(f"the agent that is to hold the key can't start: {why}")
