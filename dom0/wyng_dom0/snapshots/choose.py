# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver snapshots a volume: the best that works where it lies."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from wyng_dom0.snapshots.plain import PlainDriver
from wyng_dom0.snapshots.reflink import CannotClone, ReflinkDriver
from wyng_dom0.snapshots.snapshot import Driver, Snapshot

# Best first; the last one works everywhere.
DRIVERS: Sequence[Driver] = (ReflinkDriver(), PlainDriver())


@contextmanager
def take_snapshot(
    name: str, fd: int, folder: str, drivers: Sequence[Driver] = DRIVERS
) -> Iterator[Snapshot]:
    """Snapshot the volume open at `fd` with the first driver that can.

    `folder` is where the volume lies, links resolved; `fd` stays the
    caller's. Raises SourceError when a driver fails for another reason than
    not being able to.
    """
    with ExitStack() as stack:
        yield _first_that_can(name, fd, folder, drivers, stack)


def _first_that_can(
    name: str, fd: int, folder: str, drivers: Sequence[Driver], stack: ExitStack
) -> Snapshot:
    for driver in drivers[:-1]:
        try:
            return stack.enter_context(driver.snapshot(name, fd, folder))
        except CannotClone:
            continue
    return stack.enter_context(drivers[-1].snapshot(name, fd, folder))
