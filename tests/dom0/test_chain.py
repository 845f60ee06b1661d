# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The newest good commit is found, and an older archive is noticed."""

from dataclasses import replace
from typing import Dict, List, Optional, Tuple

import pytest

from memory_archive import ARCHIVE, keys_of
from wyng_common import limits
from wyng_common.commits import Commit, hash_record
from wyng_common.ids import BlobId, CommitHash
from wyng_common.messages import Capability, Welcome
from wyng_dom0.engine.chain import ChainEnd, find_end
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.keys import MasterKey, Suite
from wyng_dom0.seal.records import sign
from wyng_dom0.state.heads import Head, Pin
from wyng_dom0.transport.remote_store import LoggedCommit

OURS = keys_of()
FORGER = keys_of(master=MasterKey(b"f" * 32))
ASKED_MOST = 200


class FakeStore:
    """Plain lists in place of a store; answers as it is told."""

    def __init__(self, records: List[LoggedCommit]) -> None:
        self.records = records
        head = Head(0, CommitHash.zero())
        if records:
            head = Head(records[-1].commit.sequence, records[-1].hash)
        self.asked: List[Tuple[int, int]] = []
        self.claim(head)

    def claim(self, head: Head) -> None:
        self.welcome: Optional[Welcome] = Welcome(
            1, Capability.GET, ARCHIVE, head.sequence, head.hash
        )

    def log(self, first: int, last: int) -> List[LoggedCommit]:
        assert len(self.asked) < ASKED_MOST, "the walk does not end"
        assert 1 <= first <= last < first + limits.LOG_RECORDS_MAX
        self.asked.append((first, last))
        return self.answer(first, last)

    def answer(self, first: int, last: int) -> List[LoggedCommit]:
        return [
            each
            for each in self.records
            if first <= each.commit.sequence <= last
        ]


def chain(
    count: int,
    forged: "frozenset[int] | set[int]" = frozenset(),
    after: Optional[List[LoggedCommit]] = None,
    mark: bytes = b"c",
) -> List[LoggedCommit]:
    """`count` more commits, those of some sequences not made by us."""
    records = list(after or [])
    for _ in range(count):
        sequence = len(records) + 1
        previous = records[-1].hash if records else CommitHash.zero()
        plain = Commit(ARCHIVE, sequence, previous, BlobId(mark * 32), sequence)
        keys = FORGER if sequence in forged else OURS
        encoded = sign(keys, plain, ())
        made = hash_record(encoded.encode())
        records.append(LoggedCommit(encoded, made))
    return records


def head(record: LoggedCommit) -> Head:
    return Head(record.commit.sequence, record.hash)


def ended(
    records: List[LoggedCommit], seen: Optional[LoggedCommit] = None
) -> ChainEnd:
    pin = Pin(head(seen)) if seen else Pin()
    return find_end(FakeStore(records), OURS, pin)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1500])
@pytest.mark.parametrize("seen", [None, 1, -1])
def test_whole_chain_ends_at_its_tip(count: int, seen: Optional[int]) -> None:
    records = chain(count)
    known = None if seen is None else records[seen if seen < 0 else 0]
    end = ended(records, known)
    assert end == ChainEnd(head(records[-1]), records[-1].commit)


def test_archive_without_commits_has_no_good_one() -> None:
    assert ended([]) == ChainEnd(Head(0, CommitHash.zero()), None)
    end = ended([], chain(1)[0])
    assert end.good is None and "older copy" in end.rollback


@pytest.mark.parametrize("back", [1, 2, 80])
def test_older_copy_is_a_rollback(back: int) -> None:
    records = chain(100)
    end = ended(records[:-back], records[-1])
    assert "older copy" in end.rollback
    assert end.good == records[-back - 1].commit and not end.damage


@pytest.mark.parametrize("more", [0, 1, 5, 2000])
def test_fork_is_a_rollback(more: int) -> None:
    ours = chain(10)
    fork = chain(5 + more, after=ours[:5], mark=b"d")
    end = ended(fork, ours[-1])
    assert end.rollback and end.good == fork[-1].commit


def test_fork_right_behind_the_pin_is_a_rollback() -> None:
    ours = chain(10)
    fork = chain(3, after=ours[:9], mark=b"d")
    assert "another copy" in ended(fork, ours[9]).rollback
    assert not ended(fork, ours[8]).rollback


@pytest.mark.parametrize("missing", [4, 5, 8, 9])
def test_gap_is_a_rollback_where_the_chain_is_needed(missing: int) -> None:
    records = chain(10)
    broken = [each for each in records if each.commit.sequence != missing]
    end = ended(broken, records[2])
    assert "another copy" in end.rollback
    assert end.good == records[-1].commit
    # A bare machine needs no more than the newest.
    assert not ended(broken).rollback
    # What lies before the pin is not needed either.
    assert not ended(broken, records[-1]).rollback


def test_skipped_sequence_is_a_rollback() -> None:
    records = chain(5)
    plain = replace(records[-1].commit, sequence=7, previous=records[-1].hash)
    skipping = sign(OURS, plain, ())
    made = LoggedCommit(skipping, hash_record(skipping.encode()))
    end = ended([*records, made], records[2])
    assert "another copy" in end.rollback and end.good == skipping


def test_replayed_record_in_a_wrong_place_is_not_followed() -> None:
    records = chain(10)
    store = FakeStore(records[:8] + [records[7]])
    store.claim(head(records[7]))
    end = find_end(store, OURS, Pin(head(records[2])))  # type: ignore[arg-type]
    assert end.rollback and end.good == records[7].commit


@pytest.mark.parametrize("bad", [1, 3, 70, 1100])
@pytest.mark.parametrize("known", [True, False])
def test_damaged_tip_is_passed_over_and_told(bad: int, known: bool) -> None:
    forged = set(range(6, 6 + bad))
    records = chain(5 + bad, forged)
    end = ended(records, records[2] if known else None)
    assert end.good == records[4].commit
    assert end.tip == head(records[-1])
    assert f"commit {5 + bad} is damaged" in end.damage and not end.rollback


def test_forged_commits_are_chained_over() -> None:
    records = chain(10, {6, 7})
    end = ended(records, records[2])
    assert end == ChainEnd(head(records[-1]), records[-1].commit)


def test_unreadable_tip_is_told() -> None:
    records = chain(10)
    store = FakeStore(records[:-1])
    store.claim(head(records[-1]))
    for pin in (Pin(), Pin(head(records[2]))):
        end = find_end(store, OURS, pin)  # type: ignore[arg-type]
        assert end.good == records[-2].commit and "commit 10" in end.damage


def test_lie_about_the_heads_hash_is_noticed() -> None:
    records = chain(10)
    store = FakeStore(records)
    store.claim(Head(10, CommitHash(b"x" * 32)))
    end = find_end(store, OURS, Pin(head(records[4])))  # type: ignore[arg-type]
    assert "another copy" in end.rollback


@pytest.mark.parametrize("came", [True, False])
def test_pending_commit_may_or_may_not_have_come(came: bool) -> None:
    records = chain(6)
    pin = Pin(head(records[4]), pending=head(records[5]))
    shown = records if came else records[:5]
    end = find_end(FakeStore(shown), OURS, pin)  # type: ignore[arg-type]
    assert end == ChainEnd(head(shown[-1]), shown[-1].commit)


def test_archive_of_another_key_has_no_good_commit() -> None:
    for count in (1, 70, 1500):
        records = chain(count, set(range(1, count + 1)))
        for seen in (None, records[0]):
            with pytest.raises(IntegrityError):
                ended(records, seen)
    other = keys_of(Suite.OFF)
    with pytest.raises(IntegrityError):
        find_end(FakeStore(chain(3)), other, Pin())  # type: ignore[arg-type]


class LyingStore(FakeStore):
    """Claims a head that can't be, and answers in some hostile way."""

    def __init__(self, answers: Dict[str, List[LoggedCommit]], way: str):
        super().__init__(answers[way])
        self.claim(Head(1 << 62, CommitHash(b"h" * 32)))
        self.way = way

    def answer(self, first: int, last: int) -> List[LoggedCommit]:
        if self.way == "out of range":
            return self.records
        return super().answer(first, last)


@pytest.mark.parametrize("way", ["nothing", "out of range", "the first"])
@pytest.mark.parametrize("known", [True, False])
def test_walk_ends_whatever_head_a_store_claims(way: str, known: bool) -> None:
    records = chain(5)
    answers = {"nothing": [], "out of range": records, "the first": records}
    pin = Pin(head(records[2])) if known else Pin()
    store = LyingStore(answers, way)
    try:
        end = find_end(store, OURS, pin)  # type: ignore[arg-type]
        assert end.rollback and end.damage
    except IntegrityError:
        assert not known or way == "nothing"
    assert len(store.asked) < 5
