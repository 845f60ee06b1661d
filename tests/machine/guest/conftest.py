# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests in the virtual machine: volume groups on loops."""

from collections.abc import Iterator

import pytest

from machine.lvm import Group, make_group


@pytest.fixture(scope="session")
def group() -> Iterator[Group]:
    """A volume group `g-1` with a pool `pool` of 64 KiB blocks."""
    with make_group("g-1", megabytes=500) as made:
        made.make_pool("pool", megabytes=400)
        yield made
