# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two open files that share blocks.

Owns which way of reading extents is right for a file system, and what must
be true before they are read. How maps are compared is in extent_maps.
"""

import os
from collections.abc import Iterator

from wyng_dom0.snapshots.btrfs_tree import BtrfsTree, may_search
from wyng_dom0.snapshots.driver import CannotTell
from wyng_dom0.snapshots.extent_maps import ExtentMap, changed_ranges
from wyng_dom0.snapshots.fiemap import Fiemap
from wyng_dom0.snapshots.filesystem import FileSystem, Kind, filesystem_of
from wyng_dom0.snapshots.snapshot import Range
from wyng_dom0.state import durable


def changes_between(before: int, after: int) -> Iterator[Range]:
    """Ascending, disjoint ranges in which two files may differ.

    Neither may be written meanwhile, or, if only one is, only an answer that
    nothing differs means something; both descriptors stay the caller's.
    Raises CannotTell, also while it goes on, and OSError.
    """
    home = filesystem_of(before)
    if home != filesystem_of(after):
        raise CannotTell("the two snapshots lie on different file systems")
    # A page that was not written out has no extent yet, or an old one.
    durable.sync_file(before)
    durable.sync_file(after)
    old, new = _extent_maps(home, before, after)
    sizes = os.fstat(before).st_size, os.fstat(after).st_size
    yield from changed_ranges(old, new, *sizes)


def _extent_maps(
    home: FileSystem, before: int, after: int
) -> tuple[ExtentMap, ExtentMap]:
    """How the two are read: both in the same way.

    Without the right to search btrfs' tree FIEMAP serves, for what it calls
    compressed counts as changed.
    """
    if home.kind is Kind.OTHER:
        raise CannotTell("this file system is not known to tell true extents")
    if home.kind is Kind.BTRFS and may_search(before):
        return BtrfsTree(before), BtrfsTree(after)
    return Fiemap(before), Fiemap(after)
