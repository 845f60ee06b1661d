# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is let go of one name of an archive is kept for its others."""

import shutil

import pytest

from product.machine import DATA, Machine


@pytest.fixture
def twice(machine: Machine) -> Machine:
    """An archive whose key slots are here alone, and a copy of it as b."""
    machine.write("a", DATA)
    words = ("--remember", machine.passcmd, "--no-slot-upload")
    machine.init(*words)
    machine.run("send", "a")
    shutil.copytree(machine.backup / "a", machine.backup / "b")
    sheet = machine.root / "sheet"
    machine.run(f"--save-to={sheet}", "key", "export")
    machine.run(
        f"--slots-from={sheet}",
        machine.passcmd,
        "--archive=b",
        "arch-init",
        f"--from={machine.dest('b')}",
        f"--local={machine.images}",
    )
    machine.run("--archive=a", "configure", "keep-daily=7")
    machine.run("exclude", "x")
    machine.run("--archive=b", "send", "--remap")
    return machine


@pytest.mark.parametrize("how", [(), ("--clean",)])
@pytest.mark.parametrize("gone, left", [("a", "b"), ("b", "a")])
def test_copy_stays_usable_when_the_other_goes(
    twice: Machine, gone: str, left: str, how: "tuple[str, ...]"
) -> None:
    twice.run(f"--archive={gone}", "arch-delete", "--force", *how)
    assert f"'{gone}' is known" in twice.fails(6, f"--archive={gone}", "list")
    # The key, its slots, the options and the choices are of both.
    words = (f"--archive={left}",)
    assert twice.restored("a", "newest", *words) == DATA
    twice.write("a", b"changed")
    twice.run(*words, "send")
    twice.run(*words, "verify", twice.passcmd)
    twice.run(*words, "forget")
    assert twice.volumes(*words, twice.passcmd) == {"a": 2}
    assert "7" in twice.run(*words, "configure")
    # With the last one all of it goes.
    twice.run(*words, "arch-delete", "--clean", "--force")
    files = [each for each in twice.state.rglob("*") if each.is_file()]
    assert {each.parent.name for each in files} <= {"locks"}, files


def test_name_of_the_same_place_leaves_its_head(twice: Machine) -> None:
    older = twice.root / "older"
    shutil.copytree(twice.backup / "a", older)
    words = (f"--slots-from={twice.root / 'sheet'}", twice.passcmd)
    twice.run(*words, "--archive=c", "arch-init", f"--from={twice.dest('a')}")
    twice.write("a", b"changed")
    twice.run("--archive=a", "send")
    twice.run("--archive=c", "arch-delete", "--clean", "--force")
    shutil.rmtree(twice.backup / "a")
    older.rename(twice.backup / "a")
    assert "older copy" in twice.fails(4, "--archive=a", "send")
