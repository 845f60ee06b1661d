# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tags, descriptions, lists, deletions and imports, as a user types them."""

import os
import pty
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from product.machine import DATA, OFF, PASSPHRASE, START, Machine

CHUNK = 128 << 10


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def typed(machine: Machine, answer: bytes, *words: str) -> "Tuple[int, str]":
    """A command on a terminal where one answer is typed; b"" hangs up."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer or b"\x04")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                START,
                f"--meta-dir={machine.state}",
                *words,
            ],
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        return done.returncode, done.stdout + done.stderr
    finally:
        os.close(ours)
        os.close(theirs)


def test_tags_and_descriptions_are_kept_and_found(clear: Machine) -> None:
    for name in ("a", "b"):
        clear.write(name, b"1")
    clear.run("send", "a", "--tag=Work,before the move", "--tag=x")
    clear.run("send", "b", "--volume-desc=holiday photos")
    clear.write("a", b"2")
    clear.run("send", "a")
    (listed,) = clear.objects("list", "a")
    assert [s["tags"] for s in listed["sessions"]] == [["work", "x"], []]
    assert listed["sessions"][0]["descriptions"] == ["before the move", ""]
    assert clear.sessions("a", "--tag=work") == clear.sessions("a")[:1]
    assert clear.sessions("a", "--tag=all") == clear.sessions("a")[:1]
    assert clear.volumes("--tag=x") == {"a": 2}
    clear.fails(6, "list", "--tag=none")
    shown = clear.run("list")
    assert "holiday photos" in shown and "DESCRIPTION" in shown
    assert clear.restored("a", "^work") == b"1"
    old, new = clear.sessions("a")
    (across,) = clear.objects("list", f"--session={old}")
    # Two sends within one second give sessions of one name.
    having = [name for name in ("a", "b") if old in clear.sessions(name)]
    assert [v["name"] for v in across["volumes"]] == having
    clear.run("prune", f"--session={old},{new}", "--keep=^work", "a")
    assert clear.sessions("a") == [old, new]
    clear.run("prune", "--session=^x", "a")
    assert clear.sessions("a") == [new]


def test_unchanged_volumes_get_a_session_when_asked(kept: Machine) -> None:
    assert "no change" in kept.run("send")
    kept.run("send", "--send-unchanged", "--tag=weekly")
    assert len(kept.sessions("a")) == 2
    assert kept.restored("a", "^weekly") == DATA


def test_description_alone_is_written_without_a_session(kept: Machine) -> None:
    kept.run("send", "a", "--volume-desc=mine")
    (listed,) = kept.objects("list", "a")
    assert listed["description"] == "mine" and len(listed["sessions"]) == 1


def test_tag_that_no_session_got_is_told(kept: Machine) -> None:
    kept.write("b", DATA)
    told = kept.run("send", "a", "b", "--tag=release")
    assert "1 volume(s) did not change" in told and "--send-unchanged" in told
    assert kept.volumes("--tag=release") == {"b": 1}
    words = ("send", "--tag=release", "--send-unchanged")
    assert "did not change" not in kept.run(*words)
    assert kept.volumes("--tag=release") == {"a": 2, "b": 2}


def test_not_strict_takes_the_next_older_one(kept: Machine) -> None:
    target = kept.root / "out.img"
    late = ("--session=20991231-235959", f"--save-to={target}", "receive", "a")
    kept.fails(6, *late)
    told = kept.run(*late, "--session-strict=off")
    assert "the next older one" in told and target.read_bytes() == DATA
    early = "--session=19991231-235959"
    told = kept.fails(6, early, "verify", "a", "--session-strict=off")
    assert "nor an older one" in told


def test_unique_bytes_are_those_no_neighbour_has(clear: Machine) -> None:
    base = bytearray(noise(8 * CHUNK, 1))
    for number in range(3):
        base[number * CHUNK : number * CHUNK + 9] = b"change %d." % number
        clear.write("a", bytes(base))
        clear.run("send", "a")
    base[CHUNK : 3 * CHUNK] = noise(2 * CHUNK, 2)
    clear.write("a", bytes(base))
    clear.run("send", "a")
    (listed,) = clear.objects("list", "a", "--verbose")
    unique = [s["unique"] for s in listed["sessions"]]
    # The first loses chunk 1 to the second, that chunk 2 to the third. What
    # the second made of chunk 1 the third has too.
    assert unique == [CHUNK, 0, CHUNK, 2 * CHUNK]
    for each in listed["sessions"]:
        assert each["unique"] + each["shared"] == each["size"]
    (listed,) = clear.objects("list", "a")
    assert [s["unique"] for s in listed["sessions"]] == [None] * 4


def test_archive_in_numbers(clear: Machine) -> None:
    data = noise(8 * CHUNK, 1)
    for name in ("a", "b"):
        clear.write(name, data)
    clear.run("send", "a", "b")
    (listed,) = clear.objects("list", "-v")
    totals = listed["totals"]
    assert totals["sessions"] == 2 and totals["logical"] == 2 * len(data)
    assert 1.3 < totals["dedup_ratio"] <= 2
    assert len(data) < totals["stored"] < 2 * len(data)
    assert "deduplication, about" in clear.run("list", "-v")


def test_dedup_off_restores_and_stores_what_changed(clear: Machine) -> None:
    data = noise(4 * CHUNK, 1)
    for name, words in (("a", ["-d"]), ("b", ["--dedup=off"])):
        clear.write(name, data)
        (done,) = [
            each
            for each in clear.objects("send", name, *words)
            if each.get("event") == "volume-done"
        ]
        # The store has it all from the first, but is not asked.
        assert done["sent_bytes"] >= len(data)
    clear.write("b", data[:CHUNK] + noise(CHUNK, 2) + data[2 * CHUNK :])
    (done,) = [
        each
        for each in clear.objects("send", "b", "--testing-dedup=1")
        if each.get("event") == "volume-done"
    ]
    assert CHUNK <= done["sent_bytes"] < 2 * CHUNK
    clear.run("verify")
    assert clear.restored("a") == data


@pytest.mark.parametrize("answer", [b"y\n", b"b\n", b"\n", b""])
def test_delete_wants_the_name_typed(kept: Machine, answer: bytes) -> None:
    code, told = typed(kept, answer, "delete", "a")
    assert code == 1 and "Traceback" not in told
    assert kept.volumes() == {"a": 1}


def test_interrupted_question_changes_nothing(kept: Machine) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", START, f"--meta-dir={kept.state}"]
        + ["delete", "a"],
        stdin=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stderr is not None
    asked = b""
    while b"Type the name" not in asked:
        asked += os.read(process.stderr.fileno(), 1000)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1].decode()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 1 and "interrupted" in told, told
    assert "Traceback" not in told and kept.volumes() == {"a": 1}


def test_typed_name_deletes(kept: Machine) -> None:
    kept.run("protect", "a", "--session=newest")
    told = kept.run("delete", "a", "--dry-run")
    assert "with its 1 session(s), 1 of them protected" in told
    code, _ = typed(kept, b"a\n", "delete", "a")
    assert code == 0 and kept.volumes() == {}


def test_volume_is_deleted_by_its_id(kept: Machine) -> None:
    (listed,) = kept.objects("list")
    vid = listed["volumes"][0]["vid"]
    told = kept.run("delete", f"--vid={vid}", "--force")
    assert "'a'" in told and kept.volumes() == {}


def test_typed_word_prunes_more_than_half(kept: Machine) -> None:
    for number in range(3):
        kept.write("a", bytes([number]))
        kept.run("send")
    words = ("prune", "--keep-last=1")
    for answer in (b"y\n", b""):
        assert typed(kept, answer, *words)[0] == 1
        assert kept.volumes() == {"a": 4}
    assert typed(kept, b"yes\n", *words)[0] == 0
    assert kept.volumes() == {"a": 1}


def test_room_is_asked_for_once_and_told_as_done(kept: Machine) -> None:
    for number in range(3):
        kept.write("a", bytes([number]))
        kept.run("send")
    words = ("prune", "--keep-last=1", "--autoprune=on")
    code, told = typed(kept, b"yes\n", *words, "--min-free-space=900P")
    assert code == 0 and told.count("Type the word") == 1, told
    assert kept.volumes() == {"a": 1} and "Would ask" not in told


def test_archive_is_forgotten_here_and_opens_with_its_passphrase(
    sealed: Machine,
) -> None:
    sealed.write("a", DATA)
    sealed.run("send", "a")
    url = sealed.dest()
    words = ("arch-delete", "--clean")
    sealed.fails(1, *words)
    assert typed(sealed, b"b\n", *words)[0] == 1
    assert sealed.volumes() == {"a": 1}
    away = sealed.backup.with_name("away")
    sealed.backup.rename(away)
    # What can't be reached can be forgotten, and what is forgotten, opened.
    assert typed(sealed, b"a\n", *words)[0] == 0
    sealed.fails(6, "list")
    away.rename(sealed.backup)
    target = sealed.root / "restored"
    words = (f"--from={url}", f"--save-to={target}", sealed.passcmd)
    sealed.run(*words, "receive", "a")
    assert target.read_bytes() == DATA


def test_archive_is_deleted_when_its_name_was_typed(sealed: Machine) -> None:
    sealed.write("a", DATA)
    sealed.run("send", "a")
    sealed.fails(1, "arch-delete")
    assert typed(sealed, b"b\n", "arch-delete")[0] == 1
    assert sealed.volumes() == {"a": 1}
    assert typed(sealed, b"a\n", "arch-delete")[0] == 0
    left = [path for path in sealed.backup.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) == 0, left
    assert "no archive is known" in sealed.fails(6, "list")
    files = [path for path in sealed.state.rglob("*") if path.is_file()]
    kept = [path for path in files if path.parent.name != "locks"]
    # All that stays is what is kept of volumes, for other archives.
    assert not [path for path in kept if "volumes" not in path.parts], kept
    sealed.init(*OFF)
    assert sealed.volumes() == {}


def test_archive_that_is_gone_is_forgotten_with_force(kept: Machine) -> None:
    (kept.backup / "a").rename(kept.backup / "elsewhere")
    kept.fails(6, "arch-delete")
    kept.run("arch-delete", "--force")
    assert "no archive is known" in kept.fails(6, "list")
    assert (kept.backup / "elsewhere" / "format").exists()


def test_archive_is_imported_and_goes_on(sealed: Machine) -> None:
    sealed.write("a", DATA)
    sealed.run("send", "a")
    other = Machine(sealed.root / "other")
    other.write("a", b"of another machine")
    other.run(
        "arch-init",
        f"--from={sealed.dest()}",
        "--archive=theirs",
        f"--local={other.images}",
        sealed.passcmd,
    )
    assert other.volumes(sealed.passcmd) == {"a": 1}
    other.run("send", sealed.passcmd)
    assert other.restored("a", "newest", sealed.passcmd) == (
        b"of another machine"
    )
    assert len(sealed.sessions("a")) == 2
    told = other.fails(3, "list", "--passcmd=echo wrong")
    assert "passphrase" in told and PASSPHRASE not in told


def test_import_says_where_the_archive_will_be(kept: Machine) -> None:
    other = Machine(kept.root / "other")
    moved = kept.backup / "moved"
    words = ("arch-init", f"--from={kept.dest()}", f"--dest=internal:{moved}")
    other.run(*words)
    assert str(moved) in other.fails(6, "list")
    (kept.backup / "a").rename(moved)
    assert other.volumes() == {"a": 1}


def closed(machine: Machine, *words: str) -> "Tuple[int, List[str]]":
    """A command whose standard input is closed."""
    done = subprocess.run(
        ["sh", "-c", '"$0" "$@" <&-', sys.executable, "-c", START]
        + [f"--meta-dir={machine.state}", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    "words",
    [("delete", "a"), ("arch-delete",), ("receive", "a"), ("send", "--tag=")],
)
def test_closed_stdin_is_one_sentence(
    kept: Machine, words: "Tuple[str, ...]"
) -> None:
    code, lines = closed(kept, *words)
    assert code in (1, 9) and len(lines) == 1, lines
    assert kept.volumes() == {"a": 1}
    assert Path(kept.images / "a").read_bytes() == DATA
