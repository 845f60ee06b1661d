# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which directory a HELLO means, and what may be done there.

A store is started for one directory, or for all below some roots. Nothing is
created here, and links are followed before anything is compared.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, FrozenSet, Sequence

from wyng_common.messages import Capability, Hello
from wyng_store.errors import NotReady, Outside
from wyng_store.filesystem import is_mounted, locate
from wyng_store.layout import Layout
from wyng_store.policy import Policy


@dataclass(frozen=True)
class Place:
    """A directory with what a connection may do there.

    With `needs_parent` a new archive's directory must lie in one that is
    there already: one that isn't is most often a disk that is not mounted.
    """

    layout: Layout
    granted: FrozenSet[Capability]
    policy: Policy = Policy()
    needs_parent: bool = False


# Path of HELLO -> place. Raises Outside.
Resolve = Callable[[bytes], Place]


def fixed(place: Place) -> Resolve:
    """One place; a HELLO may name it, but no other."""

    def resolve(untrusted_path: bytes) -> Place:
        if untrusted_path:
            named = _resolved(untrusted_path)
            if named != place.layout.root.resolve():
                raise Outside("this store was started for another directory")
        return place

    return resolve


def below(
    roots: Sequence[Path], granted: FrozenSet[Capability], policy: Policy
) -> Resolve:
    """Every directory below one of the roots."""

    def resolve(untrusted_path: bytes) -> Place:
        directory = find_below(roots, untrusted_path)
        return Place(locate(directory), granted, policy, needs_parent=True)

    return resolve


def find_below(roots: Sequence[Path], untrusted_path: bytes) -> Path:
    """The directory that a path names, links resolved; raises Outside when
    it is not below one of the roots."""
    if not untrusted_path:
        raise Outside("no directory was named")
    named = _resolved(untrusted_path)
    for root in roots:
        if root.resolve() in named.parents:
            return named
    raise Outside(f"{named} is not below {' or '.join(map(str, roots))}")


def check_there(place: Place, hello: Hello) -> None:
    """Raises NotReady when the disk of the archive is not mounted."""
    root = place.layout.root
    if hello.mount_depth and not is_mounted(root, hello.mount_depth):
        raise NotReady(f"the disk of {root} is not mounted")
    founds = hello.capability is Capability.INIT and place.needs_parent
    if founds and not root.parent.is_dir():
        raise NotReady(f"there is no directory {root.parent}")


def _resolved(untrusted_path: bytes) -> Path:
    path = Path(os.fsdecode(untrusted_path))
    if b"\0" in untrusted_path or not path.is_absolute() or ".." in path.parts:
        raise Outside("the directory must have an absolute path without '..'")
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        # Links in a circle, or a name that is too long.
        raise Outside("the directory can't be found") from None
