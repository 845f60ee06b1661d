# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`arch-check` names what is hurt, and the next send mends it."""

import os
import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from product.machine import OFF, Machine, Template
from wyng_common.frames import BlobType
from wyng_store.packs import read_pack

CHUNK = 128 << 10
OLD = random.Random(1).randbytes(40 * CHUNK)
NEW = OLD[: 30 * CHUNK] + random.Random(2).randbytes(10 * CHUNK)
Ranges = List[Tuple[int, int]]


@pytest.fixture(scope="session")
def _two(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("two") / "m"
    return Template(
        root, *OFF, sends=[{"a": OLD, "b": OLD[:CHUNK]}, {"a": NEW}]
    )


@pytest.fixture
def two(_two: Template) -> Machine:
    """Volume a with two sessions that share three quarters; b with one."""
    return _two.fresh()


def checked(machine: Machine, *words: str, code: int = 0) -> Dict[str, Any]:
    out = machine.run("--json", "arch-check", *words, code=code)
    lines = [line for line in out.splitlines() if '"kind"' in line]
    return machine.parsed("\n".join(lines), "check")


def hurt(report: Dict[str, Any]) -> "Dict[Tuple[str, str], Ranges]":
    return {
        (each["volume"], each["session"]): [(o, n) for o, n in each["ranges"]]
        for each in report["hurt"]
    }


def rot(machine: Machine, data: bytes, *places: int) -> None:
    """Change the stored bytes of some chunks; noise is stored as it is."""
    for place in places:
        piece = data[place * CHUNK + 100 : place * CHUNK + 200]
        (path,) = [p for p in packs(machine) if piece in p.read_bytes()]
        found = path.read_bytes()
        path.write_bytes(found.replace(piece, bytes(100)))


def packs(machine: Machine) -> List[Path]:
    return sorted((machine.backup / "a" / "packs").rglob("*.pack"))


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["quick", "full"])
def test_whole_archive_is_told_so(
    two: Machine, words: "Tuple[str, ...]"
) -> None:
    report = checked(two, *words)
    assert report["whole"] and not report["hurt"] and not report["problems"]
    assert (report["volumes"], report["sessions"]) == (2, 3)
    # Each distinct chunk once: b's is a's, and the sessions of a share.
    assert report["chunks"] in (50, 51)
    assert "Nothing is hurt" in two.run("arch-check", *words)


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["quick", "full"])
def test_exactly_what_is_hurt_is_named(
    two: Machine, words: "Tuple[str, ...]"
) -> None:
    rot(two, OLD, 0, 5, 6, 7, 35)
    rot(two, NEW, 39)
    old, new = two.sessions("a")
    (only,) = two.sessions("b")
    shared = [(0, CHUNK), (5 * CHUNK, 3 * CHUNK)]
    found = hurt(checked(two, *words, code=4))
    assert (
        found
        == {
            ("a", new): [*shared, (39 * CHUNK, CHUNK)],
            ("a", old): [*shared, (35 * CHUNK, CHUNK)],
            ("b", only): [(0, CHUNK)],
        }
        or old == new
    )
    newest = hurt(checked(two, *words, "--session=newest", "b", code=4))
    assert newest == {("b", only): [(0, CHUNK)]}


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["quick", "full"])
def test_next_send_mends_what_was_found(
    two: Machine, words: "Tuple[str, ...]"
) -> None:
    rot(two, NEW, 3, 39)
    checked(two, *words, code=4)
    two.run("send", "a")
    assert checked(two, "--full")["whole"]
    assert two.restored("a") == NEW


def test_missing_pack_is_found_by_both(two: Machine) -> None:
    largest = max(packs(two), key=lambda path: path.stat().st_size)
    largest.unlink()
    for words in ((), ("--full",)):
        report = checked(two, *words, code=4)
        assert report["hurt"] and not report["whole"]
    two.run("send", "a")
    assert two.restored("a") == NEW


def test_lost_tree_names_all_that_lies_below(two: Machine) -> None:
    for path in packs(two):
        with open(path, "r+b") as file:
            for entry in read_pack(file.fileno()).entries:
                if entry.type == BlobType.NODE:
                    file.seek(entry.offset)
                    file.write(bytes(entry.length))
    old, new = two.sessions("a")
    (only,) = two.sessions("b")
    for words in ((), ("--full",)):
        assert hurt(checked(two, *words, code=4)) == {
            ("a", new): [(0, len(NEW))],
            ("a", old): [(0, len(OLD))],
            ("b", only): [(0, CHUNK)],
        }
    two.run("send", "a")
    assert two.restored("a") == NEW


def test_full_check_proves_every_session(two: Machine) -> None:
    checked(two, "--full", "a")
    (listed,) = two.objects("list", "a")
    assert {each["proven_by"] for each in listed["sessions"]} == {"arch-check"}
    (other,) = two.objects("list", "b")
    assert other["sessions"][0]["proven"] is None


def test_quick_check_proves_nothing(two: Machine) -> None:
    checked(two)
    (listed,) = two.objects("list", "a")
    assert all(each["proven"] is None for each in listed["sessions"])


def test_session_means_it_and_all_older_ones(two: Machine) -> None:
    old, new = two.sessions("a")
    assert checked(two, f"--session={old}", "a")["sessions"] == 1
    assert checked(two, f"--session={new}", "a")["sessions"] == 2
    assert checked(two, "--session=newest", "a")["sessions"] == 1


def test_nonsense_is_refused(two: Machine) -> None:
    old, new = two.sessions("a")
    two.fails(9, f"--session={old},{new}", "arch-check")
    two.fails(6, "arch-check", "nothing")


def test_listing_in_a_terminal_is_bounded(two: Machine) -> None:
    rot(two, NEW, *range(0, 30, 2))
    shown = two.run("arch-check", "a", "--full", code=4)
    assert "ranges more" in shown and "FAILED" not in shown
    assert all(len(line) < 300 for line in shown.splitlines())


def test_damage_found_on_a_machine_that_knows_nothing(two: Machine) -> None:
    rot(two, NEW, 3)
    done = two.bare(
        f"--meta-dir={two.root}/new", f"--from={two.dest()}", "arch-check"
    )
    assert done.returncode == 4, done.stderr
    assert not os.path.exists(two.root / "new" / "proven")
