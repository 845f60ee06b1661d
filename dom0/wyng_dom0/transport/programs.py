# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line that starts the store of each kind of destination.

Words only: nothing is started here. No word is made of anything that
`destination` or a closed set has not checked.
"""

import os
import shutil
import sys

from wyng_common.hosts import REMOTE_COMMAND, ssh_command
from wyng_common.messages import Capability
from wyng_dom0.errors import DestinationError
from wyng_dom0.transport.destination import (
    INTERNAL,
    QUBES_SSH,
    SSH,
    Destination,
)

# Where Qubes has it in dom0, which is not on the PATH.
_QREXEC_FOLDER = "/usr/lib/qubes"
_SERVICES = {
    Capability.GET: "wyng.Get",
    Capability.PUT: "wyng.Put",
    Capability.PRUNE: "wyng.Prune",
    Capability.VERIFY: "wyng.Verify",
    Capability.INIT: "wyng.Init",
}
_SSH_SERVICE = "wyng.Ssh"


def command_of(destination: Destination, capability: Capability) -> list[str]:
    """What starts the store of a destination with one capability.

    Raises DestinationError when the program isn't on this machine.
    """
    if destination.scheme == INTERNAL:
        allow = capability.name.lower()
        words = [*store_program(), "serve", "--allow", allow, "--"]
        return [*words, destination.path]
    if destination.scheme == SSH:
        return remote_command(destination, REMOTE_COMMAND)
    return _qrexec(destination.vm, service_of(destination, capability))


def remote_command(destination: Destination, remote: str) -> list[str]:
    """What runs a constant command line on a host."""
    assert destination.host is not None
    program, *words = ssh_command(destination.host, remote)
    return [_found(program, "OpenSSH's client"), *words]


def service_of(destination: Destination, capability: Capability) -> str:
    """The service to be called in the qube, with its argument."""
    service, argument = _SERVICES[capability], destination.archive
    if destination.scheme == QUBES_SSH:
        assert destination.host is not None
        service, argument = _SSH_SERVICE, destination.host.argument
    return f"{service}+{argument}" if argument else service


def store_program() -> list[str]:
    """The store's program: beside ours, else on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "wyng-store")
    if os.access(beside, os.X_OK):
        return [beside]
    return [_found("wyng-store", "the store")]


def _qrexec(vm: str, service: str) -> list[str]:
    """dom0's way, as vm.run_service has it, else that of a qube."""
    client = shutil.which("qrexec-client", path=_QREXEC_FOLDER)
    client = client or shutil.which("qrexec-client")
    if client is not None:
        return [client, "-d", vm, f"DEFAULT:QUBESRPC {service} dom0"]
    return [_found("qrexec-client-vm", "Qubes' qrexec"), "--", vm, service]


def _found(program: str, what: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise DestinationError(
            f"{what} ({program}) is not installed on this machine"
        )
    return found
