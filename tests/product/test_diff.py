# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`diff`, typed as a user types it."""

import os
import random

from product.machine import DATA, Machine

CHUNK = 128 << 10
SIZE = len(DATA)  # one whole chunk and a part of the second


def changed(*places: int) -> bytes:
    data = bytearray(DATA)
    for at in places:
        data[at] ^= 0xFF
    return bytes(data)


def diff(machine: Machine, *words: str, code: int = 0) -> "dict[str, object]":
    done = machine.bare(f"--meta-dir={machine.state}", "--json", "diff", *words)
    assert done.returncode == code, (done.stdout, done.stderr)
    return machine.parsed(done.stdout, "diff")


def test_volume_that_is_as_archived_is_the_same(kept: Machine) -> None:
    for words in (("a",), ("a", "--quick")):
        said = diff(kept, *words)
        assert (said["same"], said["different_bytes"]) == (True, 0)
    assert "are the same" in kept.run("diff", "a")


def test_every_differing_byte_and_range_is_counted(kept: Machine) -> None:
    kept.write("a", changed(0, 1, 2, 500, CHUNK - 1, CHUNK, SIZE - 1))
    said = diff(kept, "a", code=2)
    assert said["different_bytes"] == 7
    assert said["ranges"] == [[0, 3], [500, 1], [CHUNK - 1, 2], [SIZE - 1, 1]]
    assert said["different_ranges"] == 4 and not said["whole_chunks"]
    shown = kept.run("diff", "a", code=2)
    assert "7 bytes, in 4 ranges" in shown and "2 bytes at" in shown


def test_quick_counts_chunks_and_fetches_none(kept: Machine) -> None:
    kept.write("a", changed(SIZE - 1))
    data_packs = [
        path
        for path in (kept.backup / "a" / "packs").rglob("*.pack")
        if DATA[5000:5100] in path.read_bytes()
    ]
    assert data_packs
    for path in data_packs:
        path.unlink()
    said = diff(kept, "a", "--quick", code=2)
    assert said["ranges"] == [[CHUNK, SIZE - CHUNK]]
    assert said["whole_chunks"]
    diff_by_data = kept.fails(4, "diff", "a")
    assert "missing" in diff_by_data or "damaged" in diff_by_data


def test_sizes_that_differ_are_told(kept: Machine) -> None:
    path = kept.write("a", DATA[:-10])
    said = diff(kept, "a", code=2)
    assert (said["older_size"], said["newer_size"]) == (SIZE - 10, SIZE)
    assert said["different_bytes"] == 10 - DATA[-10:].count(0)
    path.write_bytes(DATA + bytes(3 * CHUNK))
    for words in (("a",), ("a", "--quick")):
        said = diff(kept, *words, code=2)
        assert said["different_bytes"] == 0, "zeros are no difference"
        assert said["older_size"] == SIZE + 3 * CHUNK
    path.write_bytes(DATA + bytes(CHUNK) + b"x")
    assert diff(kept, "a", code=2)["ranges"] == [[SIZE + CHUNK, 1]]
    assert "Sizes: " in kept.run("diff", "a", code=2)


def test_data_in_a_hole_of_the_session_is_found(clear: Machine) -> None:
    path = clear.write("a", b"")
    os.truncate(path, 10 * CHUNK)
    clear.run("send", "a")
    with open(path, "r+b") as file:
        os.pwrite(file.fileno(), b"abc", 5 * CHUNK - 1)
    assert diff(clear, "a", code=2)["ranges"] == [[5 * CHUNK - 1, 3]]
    said = diff(clear, "a", "--quick", code=2)
    assert said["ranges"] == [[4 * CHUNK, 2 * CHUNK]]


def test_two_sessions_are_compared_without_the_volume(clear: Machine) -> None:
    data = bytearray(random.Random(1).randbytes(10 * CHUNK))
    path = clear.write("a", bytes(data))
    clear.run("send", "a")
    data[3 * CHUNK] ^= 1
    data[9 * CHUNK :] = bytes(CHUNK)
    path.write_bytes(data)
    clear.run("send", "a")
    path.unlink()
    first, second = clear.sessions("a")
    both = f"--session={first},{second}"
    said = diff(clear, "a", both, code=2)
    assert said["ranges"] == [[3 * CHUNK, CHUNK], [9 * CHUNK, CHUNK]]
    assert diff(clear, "a", f"--session={second},newest")["same"]
    for word in ("--quick", f"--local={clear.images}"):
        assert "without it" in clear.fails(9, "diff", "a", both, word)


def test_what_is_not_there_is_said(kept: Machine) -> None:
    assert "no volume" in kept.fails(6, "diff", "b")
    (kept.images / "a").unlink()
    assert "no volume" in kept.fails(6, "diff", "a")
    assert "no session" in kept.fails(
        6, "diff", "a", "--session=20200101-000000"
    )


def test_thousands_of_ranges_are_counted_and_some_listed(
    kept: Machine,
) -> None:
    kept.write("a", changed(*range(0, SIZE, 4)))
    said = diff(kept, "a", code=2)
    assert said["different_ranges"] == said["different_bytes"] == SIZE // 4
    ranges = said["ranges"]
    assert isinstance(ranges, list) and len(ranges) == 10_000
    shown = kept.run("diff", "a", code=2)
    assert f"and {SIZE // 4 - 20} ranges more" in shown
    assert len(shown.splitlines()) < 30
