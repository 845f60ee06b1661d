# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of archives, qubes and SSH hosts, and how OpenSSH is called.

Both sides start `ssh`: dom0 itself, and a qube on behalf of dom0. What may
become a word of a command line is checked here; nothing is started here.
"""

import re
from dataclasses import dataclass
from typing import List

from wyng_common.errors import NameFault

# What runs at the other end of ssh. A constant: everything that varies goes
# into HELLO, so that no shell there ever sees it.
REMOTE_COMMAND = (
    "wyng-store serve --allow init --allow prune --allow verify --root /"
)
DOM0 = "dom0"

_ARCHIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_QUBE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,30}")
_NO_QUBES = ("dom0", "Domain-0", "none", "default")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SSH_OPTIONS = (
    *("BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=30"),
    *("ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no"),
    *("PermitLocalCommand=no", "RequestTTY=no", "EscapeChar=none"),
)


@dataclass(frozen=True)
class SshHost:
    """Whom ssh shall call; "" and 0 where its own configuration decides."""

    host: str
    user: str = ""
    port: int = 0

    @property
    def shown(self) -> str:
        """As it stands in a URL: [user@]host[:port]."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{user}{host}" + (f":{self.port}" if self.port else "")

    @property
    def argument(self) -> str:
        """As the argument of the service wyng.Ssh: user+host+port."""
        return f"{self.user}+{self.host}+{self.port or ''}"


def check_archive_argument(name: str) -> str:
    """The name of an archive as a service's argument; raises NameFault."""
    if len(name) > 64:
        raise NameFault("an archive's name has at most 64 characters")
    if not _ARCHIVE.fullmatch(name):
        raise NameFault(
            "an archive's name begins with a letter or digit and has only"
            " letters, digits, '_', '.' and '-'"
        )
    return name


def check_qube(name: str) -> str:
    """The name of a qube that is not dom0; raises NameFault."""
    bad = name in _NO_QUBES or name.endswith("-dm")
    if bad or not _QUBE.fullmatch(name):
        raise NameFault("that is not a qube's name")
    return name


def check_caller(name: str) -> str:
    """Who calls a service, as qrexec says it: a qube, or dom0."""
    return name if name == DOM0 else check_qube(name)


def parse_ssh_host(text: str) -> SshHost:
    """Read [user@]host[:port]; an IPv6 address stands in brackets.

    Raises NameFault for whatever ssh could take for something else.
    """
    user, at, rest = text.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise NameFault("that is not a user's name")
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or not _IPV6.fullmatch(host):
            raise NameFault("that is not an IPv6 address in brackets")
        if port and not port.startswith(":"):
            raise NameFault("that is not a port")
        return SshHost(host, user, _port(port[1:], bool(port)))
    host, colon, port = rest.partition(":")
    if not _HOST.fullmatch(host):
        raise NameFault("that is not a host's name")
    return SshHost(host, user, _port(port, bool(colon)))


def parse_ssh_argument(text: str) -> SshHost:
    """Read what SshHost.argument made; raises NameFault."""
    parts = text.split("+")
    if len(text) > 200 or len(parts) != 3:
        raise NameFault("the argument is not of the form user+host+port")
    user, host, port = parts
    if user and not _USER.fullmatch(user):
        raise NameFault("that is not a user's name")
    if not _HOST.fullmatch(host):
        raise NameFault("that is not a host's name")
    return SshHost(host, user, _port(port, bool(port)))


def ssh_command(host: SshHost, remote_command: str) -> List[str]:
    """The words that start OpenSSH's own client, with the user's own
    configuration, keys and known hosts; it never asks anything."""
    words = ["ssh", "-T"]
    for option in _SSH_OPTIONS:
        words += ["-o", option]
    if host.user:
        words += ["-l", host.user]
    if host.port:
        words += ["-p", str(host.port)]
    return [*words, "--", host.host, remote_command]


def _port(text: str, given: bool) -> int:
    if not given:
        return 0
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise NameFault("that is not a port")
    return int(text)
