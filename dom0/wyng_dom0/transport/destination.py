# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an archive lies, as a URL says it.

What a URL holds ends up in command lines and HELLOs: everything is matched
against a closed pattern here, and nothing is looked up.
"""

from dataclasses import dataclass

from wyng_common.errors import NameFault
from wyng_common.hosts import (
    SshHost,
    check_archive_argument,
    check_qube,
    parse_ssh_argument,
    parse_ssh_host,
)
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.transport.reach import Reach

INTERNAL, SSH, QUBES, QUBES_SSH = "internal", "ssh", "qubes", "qubes-ssh"
# Places that others keep: only sealed archives may go there.
UNTRUSTED = (QUBES, QUBES_SSH)
_FORMS = {
    INTERNAL: "internal:/path",
    SSH: "ssh://user@host[:port]/path",
    QUBES: "qubes://vm/archive or qubes://vm/path/archive",
    QUBES_SSH: "qubes-ssh://vm:user@host[:port]/path",
}


@dataclass(frozen=True)
class Destination:
    """A parsed destination.

    `path` is absolute and normal, "" where `archive` names the archive to
    the qube `vm`. `host` is whom ssh calls, here or in `vm`.
    """

    scheme: str
    path: str
    vm: str = ""
    archive: str = ""
    host: SshHost | None = None
    reach: Reach = Reach()

    @property
    def url(self) -> str:
        """The one spelling of this destination."""
        if self.scheme == INTERNAL:
            return f"{self.scheme}:{self.path}"
        place = self.path or f"/{self.archive}"
        host = self.host.shown if self.host else ""
        between = ":" if self.vm and host else ""
        return f"{self.scheme}://{self.vm}{between}{host}{place}"

    @property
    def hello_path(self) -> bytes:
        """What HELLO says of the place; nothing where the store was told."""
        if self.scheme == INTERNAL:
            return b""
        return self.path.encode("utf-8", "surrogateescape")


def parse_destination(url: str, subdir: str = "") -> Destination:
    """Read a destination's URL; raises BadInput.

    `subdir` is a relative path below it. `file:` is accepted for
    `internal:`, as newer wyng spells it.
    """
    scheme, colon, rest = url.partition(":")
    scheme = INTERNAL if scheme == "file" else scheme
    if scheme == "s3":
        raise BadInput("destinations of kind 's3' are not supported yet")
    if not colon or scheme not in _FORMS:
        raise BadInput(
            f"destination {quote(url)} is not of the form"
            f" {', '.join(_FORMS.values())}"
        )
    if scheme == INTERNAL:
        return Destination(INTERNAL, _path(url, rest, subdir))
    if not rest.startswith("//"):
        raise _fault(url, scheme, "'//' is missing")
    authority, slash, path = rest[2:].partition("/")
    try:
        return _elsewhere(scheme, url, authority, slash + path, subdir)
    except NameFault as error:
        raise _fault(url, scheme, str(error)) from None


def _elsewhere(
    scheme: str, url: str, authority: str, path: str, subdir: str
) -> Destination:
    """Raises NameFault, BadInput."""
    if scheme == SSH:
        host = parse_ssh_host(authority)
        return Destination(SSH, _path(url, path, subdir), host=host)
    if scheme == QUBES_SSH:
        vm, _, address = authority.partition(":")
        host = parse_ssh_host(address)
        # It travels as the argument of a service.
        parse_ssh_argument(host.argument)
        place = _path(url, path, subdir)
        return Destination(QUBES_SSH, place, check_qube(vm), host=host)
    vm = check_qube(authority)
    if path.strip("/").count("/"):
        return Destination(QUBES, _path(url, path, subdir), vm)
    if subdir:
        raise BadInput(
            f"--subdir goes with a path, not with the archive {quote(url)}"
        )
    return Destination(QUBES, "", vm, check_archive_argument(path.strip("/")))


def _fault(url: str, scheme: str, why: str) -> BadInput:
    return BadInput(
        f"destination {quote(url)} is not of the form {_FORMS[scheme]}: {why}"
    )


def _path(url: str, path: str, subdir: str) -> str:
    if not path.startswith("/"):
        raise BadInput(f"destination {quote(url)} needs an absolute path")
    if subdir:
        _check_subdir(subdir)
        path = f"{path}/{subdir}"
    path = _normal(url, path)
    if path == "/" and not url.startswith((INTERNAL, "file")):
        raise BadInput(f"destination {quote(url)} names no directory")
    return path


def _check_subdir(subdir: str) -> None:
    if subdir.startswith("/") or ".." in subdir.split("/"):
        raise BadInput(
            f"--subdir {quote(subdir)} is no path below the destination"
        )


def _normal(url: str, path: str) -> str:
    if len(path.encode("utf-8", "surrogateescape")) > 4000:
        raise BadInput("the destination's path is longer than 4000 bytes")
    if any(ord(each) < 32 or ord(each) == 127 for each in path):
        raise BadInput(f"destination {quote(url)} has control characters")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadInput(f"destination {quote(url)} has '..' in its path")
    return "/" + "/".join(parts)
