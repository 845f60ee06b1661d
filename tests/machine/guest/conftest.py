# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests in the virtual machine: volume groups on loops."""

from collections.abc import Iterator

import pytest

from machine.lvm import Group, make_group
from machine.lvm_host import LvmHost, hosted
from machine.thin_qubes import ThinQubes


@pytest.fixture(scope="session")
def group() -> Iterator[Group]:
    """A volume group with a pool of 64 KiB blocks, and others."""
    with make_group("g-1", megabytes=900) as made:
        made.make_pool("pool", megabytes=400)
        made.make_pool("large", megabytes=200, chunk=1024)
        made.make_pool("dirty", megabytes=100, words=("-Zn",))
        yield made


@pytest.fixture
def host(group: Group) -> Iterator[LvmHost]:
    """Backs up the pool of 64 KiB blocks."""
    with hosted(group, "pool") as made:
        yield made


@pytest.fixture
def qubes(group: Group, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThinQubes]:
    """A dom0 with the qube `work`, whose volume is in that pool."""
    monkeypatch.setenv("QUBES_STAND_IN", "")
    with hosted(group, "pool") as host:
        made = ThinQubes(host, host.machine.root / "qubes")
        made.add("work")
        yield made
