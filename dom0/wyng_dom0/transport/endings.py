# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a call ended before it was answered: one sentence for each way.

Pure. What the far side wrote only chooses among sentences of ours; it is
untrusted, and whoever shows it has escaped and cut it.
"""

import re

from wyng_common import loader
from wyng_dom0.errors import (
    DestinationError,
    Dom0Error,
    NotAllowed,
    ProgramMissing,
)
from wyng_dom0.transport.destination import (
    INTERNAL,
    QUBES_SSH,
    SSH,
    Destination,
)

_BAD_INPUT = 9
_PROBLEM, _REFUSED, _MISSING, _LOST = 125, 126, 127, 255
_SSH_SIGNS = (
    ("Host key verification failed", "its host key is not the one ssh knows"),
    ("Permission denied", "it does not let us in"),
    ("Could not resolve hostname", "ssh does not know that name"),
    ("Connection refused", "it refuses connections"),
    ("timed out", "it does not answer"),
    ("No route to host", "there is no way to it"),
    ("Network is unreachable", "the network can't be reached"),
)
_KEPT = "what was sent so far is kept, and the command can be repeated"


def ending(
    destination: Destination, code: int, untrusted_words: str
) -> Dom0Error | None:
    """The error of a call whose process ended with `code`, as subprocess
    has it; None when there is nothing more to say than that it ended."""
    if code < 0:
        return _killed(destination, -code)
    if destination.scheme == SSH:
        return _of_ssh(destination, code, untrusted_words)
    if destination.vm:
        return _of_qrexec(destination, code, untrusted_words)
    return None


def bootstrap_ending(
    destination: Destination, code: int, untrusted_words: str
) -> Dom0Error | None:
    """The same for a host that the store was to be sent to."""
    host = destination.host.shown if destination.host else ""
    if code == _MISSING:
        return DestinationError(f"there is no python3 on {host}")
    if code == loader.TOO_OLD:
        return DestinationError(f"the Python of {host} is older than 3.9")
    if code == loader.BAD_BYTES:
        return DestinationError(f"the store did not arrive whole on {host}")
    return _of_ssh(destination, code, untrusted_words)


def _of_ssh(
    destination: Destination, code: int, untrusted_words: str
) -> Dom0Error | None:
    host = destination.host.shown if destination.host else ""
    if code == _MISSING:
        return ProgramMissing(
            f"wyng-store is not installed on {host}: install it there, or let"
            " --bootstrap send it"
        )
    if code == _LOST:
        return DestinationError(
            f"ssh can't reach {host}, or lost it: {_sign(untrusted_words)}",
            about=destination.url,
        )
    return _ended_early(host, code) if code == 0 else None


def _killed(destination: Destination, signal: int) -> DestinationError:
    """On this machine: by somebody, or for want of memory."""
    what = {INTERNAL: "the store", SSH: "ssh"}.get(destination.scheme, "qrexec")
    return DestinationError(
        f"{what} was killed on this machine by signal {signal}; {_KEPT}"
    )


def _sign(untrusted_words: str) -> str:
    for part, meaning in _SSH_SIGNS:
        if part in untrusted_words:
            return meaning
    return "the connection broke"


def _of_qrexec(
    destination: Destination, code: int, untrusted_words: str
) -> Dom0Error | None:
    vm = f"the qube {destination.vm}"
    if code == _REFUSED:
        return NotAllowed(
            f"{vm} was not allowed to be asked: refused by policy, or by its"
            " own configuration"
        )
    if code == _MISSING and destination.scheme == QUBES_SSH:
        return ProgramMissing(
            f"{vm} has no service wyng.Ssh, or the host has no wyng-store"
        )
    if code == _MISSING:
        return ProgramMissing(
            f"{vm} has no such service: install qvm-wyng-vm in its template"
        )
    if code == _BAD_INPUT:
        return DestinationError(
            f"{vm} can't use that name, or its configuration has a fault"
        )
    if code == _LOST and destination.scheme == QUBES_SSH:
        return DestinationError(
            f"{vm} can't reach the host by ssh, or lost it:"
            f" {_sign(untrusted_words)}"
        )
    if code in (_LOST, _PROBLEM, 1) and _is_down(untrusted_words):
        return DestinationError(f"{vm} is not running: start it and repeat")
    if code == _LOST:
        return DestinationError(f"the stream to {vm} was lost; {_KEPT}")
    if code == _PROBLEM:
        return DestinationError(f"qrexec failed to start a store in {vm}")
    return _ended_early(vm, code) if code == 0 or code > 128 else None


def _is_down(untrusted_words: str) -> bool:
    """qrexec-client finds nobody listening for that qube.

    It speaks of a connection, too, where one breaks off.
    """
    words = re.findall(r"[a-z_]+", untrusted_words)
    return "connect" in words and "qrexec" in words


def _ended_early(who: str, code: int) -> DestinationError:
    how = "without an error" if code == 0 else f"by signal {code - 128}"
    return DestinationError(f"the store in {who} ended early {how}; {_KEPT}")
