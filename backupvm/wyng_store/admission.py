# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may call which service with which argument: decided before reading.

Pure but for following links. dom0's calls pass no policy, and a policy can
be wrong: the qube that keeps the archive decides for itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet

from wyng_common.errors import NameFault
from wyng_common.hosts import (
    DOM0,
    SshHost,
    check_archive_argument,
    check_caller,
    parse_ssh_argument,
)
from wyng_common.messages import Capability
from wyng_store import rights
from wyng_store.configuration import (
    ArchiveSection,
    Callers,
    Configuration,
)
from wyng_store.errors import BadInput, Refused
from wyng_store.filesystem import locate
from wyng_store.places import Place, Resolve, find_below, fixed


@dataclass(frozen=True)
class Call:
    """What qrexec says of a call; nothing in it is to be trusted yet."""

    untrusted_caller: str
    untrusted_argument: str


def admit(
    configuration: Configuration, call: Call, capability: Capability
) -> Resolve:
    """Where a call of one capability may go; raises BadInput, Refused.

    An argument is an archive's name. Without one the directory is in HELLO:
    for dom0 only, below the configured roots.
    """
    caller = _caller(call)
    if not call.untrusted_argument:
        if caller != DOM0:
            raise Refused(f"only dom0 may name a directory, not {caller}")
        return _anywhere(configuration, caller, capability)
    try:
        name = check_archive_argument(call.untrusted_argument)
    except NameFault as error:
        raise BadInput(str(error)) from None
    # One without a section is dom0's alone.
    section = configuration.archive(name)
    return fixed(_place(section, caller, capability))


def admit_ssh(
    configuration: Configuration, call: Call
) -> "tuple[SshHost, FrozenSet[Capability]]":
    """The host of a call of wyng.Ssh and what may be done there."""
    caller = _caller(call)
    try:
        host = parse_ssh_argument(call.untrusted_argument)
    except NameFault as error:
        raise BadInput(str(error)) from None
    if host.host in configuration.hosts:
        allowed = _allowed(configuration.hosts[host.host], caller)
    elif configuration.any_host and caller == DOM0:
        allowed = frozenset(Capability)
    else:
        allowed = frozenset()
    if not allowed:
        raise Refused(f"{caller} may not use ssh to that host")
    return host, allowed


def _anywhere(
    configuration: Configuration, caller: str, capability: Capability
) -> Resolve:
    def resolve(untrusted_path: bytes) -> Place:
        directory = find_below(configuration.roots, untrusted_path)
        # An archive that has a section is bound by it, however it is named.
        for section in configuration.archives.values():
            if section.directory.resolve() == directory:
                return _place(section, caller, capability)
        section = ArchiveSection(directory)
        place = _place(section, caller, capability)
        return Place(place.layout, place.granted, needs_parent=True)

    return resolve


def _place(
    section: ArchiveSection, caller: str, capability: Capability
) -> Place:
    if capability not in _allowed(section.callers, caller):
        raise Refused(f"{caller} may not {capability.name.lower()} there")
    granted = frozenset({capability})
    return Place(locate(Path(section.directory)), granted, section.policy)


def _allowed(callers: Callers, caller: str) -> FrozenSet[Capability]:
    return rights.allowed(callers.get(caller, frozenset()))


def _caller(call: Call) -> str:
    try:
        return check_caller(call.untrusted_caller)
    except NameFault:
        raise Refused("nobody who may call has that name") from None
