# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One ledger: what it says after each step, and that damage says everything."""

import os
from pathlib import Path

import pytest

from wyng_common.ids import ArchiveId, BlobId
from wyng_dom0.state import durable, ledgers
from wyng_dom0.state.changed import EVERYTHING, NOTHING, chunk_set
from wyng_dom0.state.ledgers import Flight, Ledger, Mark

ARCHIVE = ArchiveId(bytes(range(16)))
VOLUME = bytes(16)
OLD = Mark(BlobId(b"o" * 32), 10)
NEW = Mark(BlobId(b"n" * 32), 10)
ONE, TWO = chunk_set([(1, 1)]), chunk_set([(2, 1)])


def a_ledger(**values: object) -> Ledger:
    given = {"since": OLD, "current": ONE, **values}
    return Ledger(ARCHIVE, VOLUME, 65536, **given)  # type: ignore[arg-type]


def test_committed_flight_is_gone_and_later_changes_stay() -> None:
    sent = a_ledger().set_aside().about_to_commit(NEW).with_changes(TWO)
    after = sent.resolved(NEW)
    assert (after.since, after.current, after.flight) == (NEW, TWO, None)
    assert sent.settled(NEW) == after


def test_failed_flight_comes_back() -> None:
    sent = a_ledger().set_aside().about_to_commit(NEW).with_changes(TWO)
    assert sent.resolved(OLD).current == ONE | TWO
    assert a_ledger().set_aside().with_changes(TWO).resolved(OLD) == (
        a_ledger(current=ONE | TWO)
    )


@pytest.mark.parametrize(
    "newest", [None, NEW, Mark(None, 10), Mark(OLD.root, 11)]
)
def test_other_newest_session_means_everything(newest: "Mark | None") -> None:
    for ledger in (a_ledger(), a_ledger().set_aside()):
        found = ledger.resolved(newest)
        assert (found.current, found.flight) == (EVERYTHING, None)
        assert found.since == newest


def test_flight_without_a_root_is_never_committed() -> None:
    """Killed before it said what it would make: both are None."""
    first = a_ledger(since=None, current=EVERYTHING).set_aside()
    assert first.resolved(None).current == EVERYTHING


def test_forgetting_spares_what_is_being_sent() -> None:
    sent = a_ledger().set_aside().forgetful().about_to_commit(NEW)
    assert sent.resolved(NEW).current == EVERYTHING
    assert sent.flight == Flight(ONE, NEW)


def test_nothing_to_send_is_no_flight() -> None:
    ledger = a_ledger(current=NOTHING)
    assert ledger.set_aside() is ledger


@pytest.mark.parametrize("newest", [OLD, NEW])
def test_stepping_back_is_true_of_both_sessions(newest: Mark) -> None:
    found = a_ledger(since=NEW).stepped_back(TWO, OLD).resolved(newest)
    assert found == a_ledger(since=newest, current=ONE | TWO)


SOME = [
    a_ledger(),
    a_ledger(since=None, current=EVERYTHING),
    a_ledger(since=Mark(None, 1 << 50)).set_aside(),
    a_ledger().set_aside().about_to_commit(NEW).with_changes(TWO),
]


@pytest.mark.parametrize("ledger", SOME)
def test_ledger_comes_back_from_its_file(
    tmp_path: Path, ledger: Ledger
) -> None:
    ledgers.save(tmp_path, ledger)
    found = ledgers.read_ledger(tmp_path, ARCHIVE, VOLUME, 65536)
    assert found == ledger
    assert ledgers.list_ledgers(tmp_path) == [ledger]


def test_every_flipped_byte_and_every_cut_means_everything(
    tmp_path: Path,
) -> None:
    ledgers.save(tmp_path, SOME[-1])
    path = ledgers.path_in(tmp_path, ARCHIVE)
    whole = path.read_bytes()
    damaged = [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        for at in range(len(whole))
    ] + [whole[:at] for at in range(len(whole))]
    for each in damaged:
        path.write_bytes(each)
        found = ledgers.read_ledger(tmp_path, ARCHIVE, VOLUME, 65536)
        assert (found.since, found.unsent) == (None, EVERYTHING)
        (listed,) = ledgers.list_ledgers(tmp_path)
        assert listed.unsent == EVERYTHING


def test_ledger_of_another_volume_or_size_says_nothing(tmp_path: Path) -> None:
    ledgers.save(tmp_path, a_ledger())
    for volume, size in ((b"x" * 16, 65536), (VOLUME, 131072)):
        found = ledgers.read_ledger(tmp_path, ARCHIVE, volume, size)
        assert found.current == EVERYTHING
    moved = ledgers.path_in(tmp_path, ArchiveId(b"y" * 16))
    os.rename(ledgers.path_in(tmp_path, ARCHIVE), moved)
    (listed,) = ledgers.list_ledgers(tmp_path)
    assert listed.current == EVERYTHING


def test_same_ledger_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.save(tmp_path, a_ledger())

    def refuse(path: Path, data: bytes) -> None:
        raise AssertionError("written")

    monkeypatch.setattr(durable, "write_private", refuse)
    ledgers.save(tmp_path, a_ledger())
    with pytest.raises(AssertionError, match="written"):
        ledgers.save(tmp_path, a_ledger(current=TWO))
