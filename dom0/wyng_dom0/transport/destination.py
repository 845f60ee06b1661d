# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an archive lies, as a URL says it."""

from dataclasses import dataclass

from wyng_dom0.errors import BadInput

_LATER = ("ssh", "qubes", "qubes-ssh", "s3")


@dataclass(frozen=True)
class Destination:
    """A parsed destination; `path` is absolute and normal."""

    scheme: str
    path: str

    @property
    def url(self) -> str:
        """The one spelling of this destination."""
        return f"{self.scheme}:{self.path}"


def parse_destination(url: str, subdir: str = "") -> Destination:
    """Read a destination's URL; raises BadInput.

    `subdir` is a relative path below it. `file:` is accepted for
    `internal:`, as newer wyng spells it.
    """
    scheme, colon, path = url.partition(":")
    if colon and scheme in _LATER:
        raise BadInput(f"destinations of kind {scheme!r} are not supported yet")
    if not colon or scheme not in ("internal", "file"):
        raise BadInput(f"destination {url!r} is not of the form internal:/path")
    if not path.startswith("/"):
        raise BadInput(f"destination {url!r} needs an absolute path")
    if subdir:
        _check_subdir(subdir)
        path = f"{path}/{subdir}"
    return Destination("internal", _normal(url, path))


def _check_subdir(subdir: str) -> None:
    if subdir.startswith("/") or ".." in subdir.split("/"):
        raise BadInput(f"--subdir {subdir!r} is no path below the destination")


def _normal(url: str, path: str) -> str:
    if len(path.encode("utf-8", "surrogateescape")) > 4000:
        raise BadInput("the destination's path is longer than 4000 bytes")
    if any(ord(each) < 32 or ord(each) == 127 for each in path):
        raise BadInput(f"destination {url!r} has control characters")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadInput(f"destination {url!r} has '..' in its path")
    return "/" + "/".join(parts)
