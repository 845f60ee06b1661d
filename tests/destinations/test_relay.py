# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Over SSH through a qube: the relay's own rules, and a real sshd behind."""

import shutil
from pathlib import Path

import pytest

from destinations.ssh_server import SshServer
from destinations.test_qubes import EVERY, Dom0
from product.machine import DATA, Machine
from qrexec_stand_in.qubes import Qube, Qubes


@pytest.fixture
def url(
    ssh_server: SshServer, backup: Qube, tmp_path: Path, qubes: Qubes
) -> str:
    """An archive's place at the server, through the qube."""
    shutil.copy(ssh_server.bin / "ssh", backup.bin / "ssh")
    (ssh_server.archives / tmp_path.name).mkdir()
    return f"qubes-ssh://backup:store{ssh_server.archives}/{tmp_path.name}/a"


@pytest.fixture
def dom0(machine: Machine, qubes: Qubes, backup: Qube) -> Dom0:
    return Dom0(machine, qubes)


def test_archive_through_a_qube_is_capped_by_the_qube(
    dom0: Dom0, backup: Qube, url: str
) -> None:
    backup.rw.write_text("[ssh store]\ncallers = dom0: put init\n")
    dom0.init(url)
    dom0.send()
    dom0.send(DATA[::-1])
    assert dom0.restored() == DATA[::-1]
    assert set(dom0.qubes.calls()) == {"wyng.Ssh++store+"}
    assert "does not allow" in dom0.fails(1, *EVERY)
    backup.rw.write_text("[ssh store]\ncallers = dom0: prune\n")
    dom0.run(*EVERY)
    assert dom0.restored() == DATA[::-1]


@pytest.mark.parametrize(
    "text, code, part",
    [
        ("", 1, "was not allowed to be asked"),
        ("[ssh other]\n", 1, "was not allowed to be asked"),
        ("[store]\nany_host = no\n", 1, "was not allowed to be asked"),
        ("[ssh store]\ncallers = work: put\n", 1, "was not allowed"),
        ("[store]\nany_host = maybe\n", 5, "its configuration has a fault"),
    ],
)
def test_host_that_the_qube_does_not_list_is_refused(
    dom0: Dom0, backup: Qube, url: str, text: str, code: int, part: str
) -> None:
    backup.rw.write_text(text)
    assert part in dom0.fails(code, *dom0.init_words(url))


def test_host_that_prints_at_login_is_told(
    dom0: Dom0, backup: Qube, url: str
) -> None:
    backup.etc.write_text("[store]\nany_host = yes\n")
    chatty = url.replace("backup:store", "backup:chatty")
    told = dom0.fails(5, *dom0.init_words(chatty))
    assert 'it said "Welcome ?[2J to chatty" in place of an answer' in told
    assert "~/.profile" in told and len(told.splitlines()) == 1


def test_any_host_is_for_dom0_that_asks(
    dom0: Dom0, backup: Qube, url: str, ssh_server: SshServer
) -> None:
    backup.etc.write_text("[store]\nany_host = yes\n")
    dom0.init(url)
    changed = url.replace("backup:store", "backup:changed")
    told = dom0.fails(5, *dom0.init_words(changed), "--archive=b")
    assert "its host key is not the one ssh knows" in told
