# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines whose archives are elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations.ssh_server import SshServer, is_installed
from product.machine import Machine
from qrexec_stand_in.qubes import Qube, Qubes


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that knows no archive."""
    return Machine(tmp_path / "machine")


@pytest.fixture(scope="session")
def ssh_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SshServer]:
    """A real sshd with hosts of several kinds."""
    if not is_installed():
        pytest.skip("OpenSSH's sshd is not installed")
    server = SshServer(tmp_path_factory.mktemp("ssh"))
    yield server
    server.stop()


@pytest.fixture
def qubes(tmp_path: Path) -> Qubes:
    """A dom0 with qrexec, and the running qube `backup`."""
    return Qubes(tmp_path / "qubes")


@pytest.fixture
def backup(qubes: Qubes) -> Qube:
    """The qube that keeps archives, with no configuration."""
    return qubes.add("backup")
