# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every archive of a machine is read again once in a while, and told of."""

import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from store.client import Client, command, environment, tree
from store.local import directory, reader, save
from wyng_common.messages import Capability
from wyng_store import rounds
from wyng_store.configuration import ArchiveSection, Configuration
from wyng_store.errors import Busy

WEEK = 7 * 24 * 3600
NOW = 1_800_000_000.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


@pytest.fixture
def archive(home: Path) -> Iterator[Path]:
    """Several packs, so that a step ends before the archive does."""
    with directory() as root:
        for number in range(4):
            payload = os.urandom(50_000)
            save(root, tree([payload], b"v%d" % number))
        yield root


def rot(root: Path) -> None:
    """Flip a byte in the middle of the largest pack."""
    pack = max(root.glob("packs/*/*"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)


def test_archive_is_due_until_it_was_read_whole(archive: Path) -> None:
    assert rounds.is_due(archive, WEEK, NOW)
    rounds.note_round(archive, NOW)
    assert not rounds.is_due(archive, WEEK, NOW)
    assert not rounds.is_due(archive, WEEK, NOW + WEEK - 1)
    assert rounds.is_due(archive, WEEK, NOW + WEEK)
    # Noted by a clock that ran ahead.
    assert rounds.is_due(archive, WEEK, NOW - 10)


def test_steps_read_all_there_is(archive: Path) -> None:
    whole = rounds.make_round(archive)
    assert whole.is_whole and whole.frames > 8
    assert rounds.make_round(archive, 1).frames == whole.frames


def test_round_goes_on_where_it_was_cut_off(archive: Path) -> None:
    whole = rounds.make_round(archive).frames
    steps = rounds._steps(archive, 1)
    first = next(steps).frames
    steps.close()  # type: ignore[attr-defined]
    with reader(archive) as opened:
        assert opened.index.load_state().cursor != bytes(16)
    assert rounds.make_round(archive, 1).frames == whole - first


def test_round_finds_rot_in_any_step(archive: Path) -> None:
    rot(archive)
    assert not rounds.make_round(archive, 1).is_whole
    # Marked now; told again until a send has healed it.
    assert not rounds.make_round(archive).is_whole


def test_writer_is_let_alone(archive: Path) -> None:
    with Client(archive, Capability.PUT) as client:
        client.greet()
        with pytest.raises(Busy, match="goes on later"):
            rounds.make_round(archive, 1)
        # One step for all has no place to note.
        assert rounds.make_round(archive).is_whole
        assert client.bye() == 0


def test_configured_and_home_archives_are_listed_once(
    home: Path, archive: Path
) -> None:
    (home / "wyng").mkdir()
    (home / "wyng" / "linked").symlink_to(archive)
    (home / "wyng" / "empty").mkdir()
    (home / "wyng" / "note.txt").write_text("no archive")
    sections = {
        "there": ArchiveSection(archive),
        "unplugged": ArchiveSection(home / "nowhere"),
    }
    configuration = Configuration(home / "wyng", (), archives=sections)
    assert rounds.list_archives(configuration) == [archive]
    assert rounds.list_archives(Configuration(home / "no", ())) == []


def scrub_due(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("scrub-due", *words),
        env={**environment(), "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )


def test_command_reads_each_archive_once_a_week(
    home: Path, archive: Path
) -> None:
    (home / "wyng").mkdir()
    (home / "wyng" / "a").symlink_to(archive)
    done = scrub_due(home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{archive}: whole, ")
    assert scrub_due(home).stdout == ""
    assert scrub_due(home, "--days", "0").stdout != ""


def test_damage_is_told_every_day(home: Path, archive: Path) -> None:
    (home / "wyng").mkdir()
    (home / "wyng" / "a").symlink_to(archive)
    rot(archive)
    for _ in range(2):
        done = scrub_due(home)
        assert done.returncode == 4
        assert done.stderr.startswith(f"{archive}: DAMAGED: ")


def test_one_bad_archive_keeps_none_from_its_turn(
    home: Path, archive: Path
) -> None:
    (home / "wyng" / "a").mkdir(parents=True)
    (home / "wyng" / "a" / "format").write_bytes(b"no format at all")
    (home / "wyng" / "b").symlink_to(archive)
    done = scrub_due(home)
    assert done.returncode != 0
    assert f"{archive}: whole" in done.stdout
