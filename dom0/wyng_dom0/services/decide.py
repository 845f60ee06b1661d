# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a qube's call: `decide restore|ready CALLER ARGUMENT`.

Started as root by the service's script, which answers the caller whatever
comes of it: nothing that is said or returned here leaves dom0. One process
for each caller at a time; a call that meets another one is lost, so that a
hundred at once cost little and file one request.
"""

import os
import resource
import signal
import sys
from collections.abc import Sequence
from datetime import datetime

from wyng_common.errors import NameFault, WyngError
from wyng_common.hosts import check_qube
from wyng_dom0.errors import BadInput, DestinationBusy
from wyng_dom0.state import locks
from wyng_dom0.state.grants import list_grants
from wyng_dom0.state.paces import STRANGERS
from wyng_dom0.state.places import SYSTEM_STATE, Places

# Of a name, a '+' and a session; qrexec itself allows 255 with the service.
ARGUMENT_MAX = 80
# Anything that takes longer hangs.
SECONDS = 60
_MEMORY = 1 << 30
_OPEN_FILES = 64


def main(
    words: Sequence[str] | None = None, places: Places = Places(SYSTEM_STATE)
) -> int:
    """The exit code: 0, or 1 with one sentence on standard error."""
    given = sys.argv[1:] if words is None else list(words)
    _bound()
    try:
        service, untrusted_caller, untrusted_argument = _words(given)
        caller = check_qube(untrusted_caller)
        if not places.grants.is_dir():
            # Nobody was ever allowed anything.
            return 0
        is_known = any(each.vm == caller for each in list_grants(places))
        with locks.hold_caller(places, caller if is_known else STRANGERS):
            _decide(places, service, caller, untrusted_argument)
    except DestinationBusy:
        return 0
    except (WyngError, NameFault, OSError) as error:
        sys.stderr.write(f"decide: {error}\n")
        return 1
    return 0


def _words(given: Sequence[str]) -> tuple[str, str, str]:
    if len(given) != 3 or given[0] not in ("restore", "ready"):
        raise BadInput("usage: decide restore|ready CALLER ARGUMENT")
    service, untrusted_caller, untrusted_argument = given
    # What is longer is nothing that is parsed, or kept.
    return service, untrusted_caller[:64], untrusted_argument[:ARGUMENT_MAX]


def _bound() -> None:
    """Whatever is wrong with a call, it ends and takes little along."""
    os.umask(0o077)
    os.nice(10)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def _decide(
    places: Places, service: str, caller: str, untrusted_argument: str
) -> None:
    # Only here: a call that is lost to another one must cost little.
    from wyng_dom0.services.deciding import Call, decide

    call = Call(places, caller, datetime.now().astimezone())
    decide(call, service, untrusted_argument)


if __name__ == "__main__":
    sys.exit(main())
