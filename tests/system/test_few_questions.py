# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store far away answers late: what can be asked at once, is."""

import os
from pathlib import Path
from typing import Callable

import pytest

from system.machine import Machine
from wyng_common.messages import Op
from wyng_dom0.transport.connection import Connection

FEW, MANY = 3, 9
Asked = Callable[[], int]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """How often a GET was sent since the last call, however large."""
    fd = os.memfd_create("asked")
    ask = Connection.ask

    def noting(self: Connection, op: Op, *rest: object, **more: object):  # type: ignore[no-untyped-def]
        if op is Op.GET:
            os.write(fd, b"!")
        return ask(self, op, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "ask", noting)
    seen = 0

    def count() -> int:
        nonlocal seen
        before, seen = seen, os.fstat(fd).st_size
        return seen - before

    return count


def change(images: Path, count: int) -> None:
    """Some volumes of two chunks, all anew."""
    for number in range(count):
        (images / f"{number}.img").write_bytes(os.urandom(2 * 65536))


def machine_of(root: Path, count: int) -> Machine:
    machine = Machine(root / str(count))
    machine.init().check()
    change(machine.images, count)
    machine.send("--all").check()
    return machine


def test_one_more_volume_costs_a_send_one_more_question(
    tmp_path: Path, asked: Asked
) -> None:
    """That of its tree; a commit's and a sample's go together."""
    counts = []
    for count in (FEW, MANY):
        machine = machine_of(tmp_path, count)
        change(machine.images, count)
        asked()
        machine.send().check()
        counts.append(asked())
    assert counts[1] - counts[0] <= MANY - FEW


def test_histories_of_all_volumes_are_asked_for_together(
    tmp_path: Path, asked: Asked
) -> None:
    counts = []
    for count in (FEW, MANY):
        machine = machine_of(tmp_path, count)
        for _ in range(34):
            machine.wyng("send", "--send-unchanged").check()
        asked()
        machine.wyng("--json", "--verbose", "list").check()
        machine.wyng("-u", "--dry-run", "--keep-last=30", "prune").check()
        counts.append(asked())
    assert counts[1] == counts[0]


def test_a_check_asks_for_the_trees_of_many_sessions_together(
    tmp_path: Path, asked: Asked
) -> None:
    counts = []
    for sessions in (4, 12):
        machine = Machine(tmp_path / str(sessions))
        machine.init().check()
        for _ in range(sessions):
            change(machine.images, 1)
            machine.send("--all").check()
        asked()
        machine.wyng("arch-check").check()
        counts.append(asked())
    assert counts[1] == counts[0]
