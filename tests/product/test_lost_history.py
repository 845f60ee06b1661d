# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume of which not all can be read any more can still go."""

from typing import NoReturn

import pytest

from product.machine import OFF, Machine
from wyng_dom0.cli import main as cli
from wyng_dom0.errors import IntegrityError


def lost(*_: object) -> NoReturn:
    raise IntegrityError("blob 00 is missing in the store")


def test_volume_whose_history_is_lost_can_be_deleted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.init(*OFF)
    machine.write("a", b"a")
    machine.write("b", b"b")
    machine.run("send", "a", "b")
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("wyng_dom0.archive.page.sessions_of", lost)
    words = (f"--meta-dir={machine.state}", "delete", "a", "--force")
    assert cli.main(words) == 0
    monkeypatch.undo()
    assert [v["name"] for v in machine.objects("list")[0]["volumes"]] == ["b"]
