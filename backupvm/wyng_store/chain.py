# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of commit records in log/: what exists, and in which order.

Reads and appends records; each is a doubled file named by its sequence. It
does not know what a commit holds alive, nor who may make one.
"""

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from wyng_common import limits
from wyng_common.commits import Commit, hash_record, parse_commit
from wyng_common.errors import FormatError
from wyng_common.ids import ArchiveId, BlobId, CommitHash
from wyng_store import doubled
from wyng_store.errors import Damage
from wyng_store.layout import Layout

_NAME = re.compile(r"([0-9]{16,19})\.commit(\.copy)?")


@dataclass(frozen=True)
class Record:
    """One readable commit record; `whole`: both its copies are good."""

    commit: Commit
    data: bytes
    whole: bool

    @property
    def hash(self) -> CommitHash:
        """What the next record names it by."""
        return hash_record(self.data)


@dataclass(frozen=True)
class Roots:
    """The catalogs that hold everything alive, with their sequences.

    `head` is the hash of the newest record, zero when there is none or it is
    unreadable. `intact`: no record is missing, unreadable or out of chain.
    """

    catalogs: List[Tuple[int, BlobId]]
    sequence: int
    head: CommitHash
    intact: bool


class Chain:
    """The log of one archive. Appending needs the writer lock."""

    def __init__(self, layout: Layout, archive: ArchiveId) -> None:
        self._layout = layout
        self._archive = archive

    def sequences(self) -> List[int]:
        """All sequences of which either copy is there, ascending."""
        found = set()
        if not self._layout.log.exists():
            raise Damage("the archive's log is not there")
        for entry in self._layout.log.iterdir():
            match = _NAME.fullmatch(entry.name)
            if match:
                found.add(int(match.group(1)))
        return sorted(found)

    def load(self, sequence: int) -> Record:
        """One record; raises Damage when it is absent or unreadable."""
        path = self._layout.commit(sequence)
        stored = doubled.load(path, limits.COMMIT_RECORD_MAX)
        try:
            commit = parse_commit(stored.content)
        except FormatError as error:
            raise Damage(f"commit {sequence} is damaged: {error}") from error
        if commit.sequence != sequence or commit.archive != self._archive:
            raise Damage(f"commit {sequence} is another one's record")
        return Record(commit, stored.content, stored.whole)

    def find(self, sequence: int) -> Optional[Record]:
        """One record; None when it does not exist; raises Damage."""
        if not doubled.exists(self._layout.commit(sequence)):
            return None
        return self.load(sequence)

    def append(self, commit: Commit, data: bytes) -> bool:
        """Make a record exist, durably; False when another took its number.

        Once this returned True the commit is.
        """
        return doubled.create(self._layout.commit(commit.sequence), data)

    def heal(self, record: Record) -> None:
        """Write the copy of a record that was not good again."""
        if not record.whole:
            path = self._layout.commit(record.commit.sequence)
            doubled.heal(path, record.data)

    def heal_missing(self) -> None:
        """Complete records of which a copy is gone. Bad copies are only
        found by reading, which `roots` does."""
        names = {entry.name for entry in self._layout.log.iterdir()}
        for sequence in self.sequences():
            name = self._layout.commit(sequence).name
            if not {name, name + ".copy"} <= names:
                try:
                    self.heal(self.load(sequence))
                except Damage:
                    continue

    def unreleased_or_unreadable(self) -> List[int]:
        """The sequences that are not released, and those nobody knows."""
        gone = ReleasedRanges()
        kept = []
        for sequence in reversed(self.sequences()):
            if sequence not in gone:
                kept.append(sequence)
            try:
                gone.add(self.load(sequence).commit.releases)
            except Damage:
                continue
        return kept[::-1]

    def roots(self, heal: bool = False) -> Roots:
        """Read the whole log and tell which catalogs are not released.

        An unreadable record releases nothing.
        """
        sequences = self.sequences()
        intact = sequences == list(range(1, len(sequences) + 1))
        records: List[Record] = []
        head = CommitHash.zero()
        for sequence in sequences:
            try:
                record = self.load(sequence)
            except Damage:
                intact = False
                head = CommitHash.zero()
                continue
            intact = intact and record.commit.previous == head
            head = record.hash
            records.append(record)
            if heal:
                self.heal(record)
        last = sequences[-1] if sequences else 0
        return Roots(_unreleased(records), last, head, intact)


def _unreleased(records: List[Record]) -> List[Tuple[int, BlobId]]:
    gone = ReleasedRanges()
    kept = []
    for record in reversed(records):
        commit = record.commit
        if commit.sequence not in gone:
            kept.append((commit.sequence, commit.catalog))
        gone.add(commit.releases)
    kept.reverse()
    return kept


class ReleasedRanges:
    """Sequences that later commits release; fed from the head down."""

    def __init__(self) -> None:
        self._gone: "set[int]" = set()
        self._wide: List[Tuple[int, int]] = []

    def add(self, releases: "tuple[tuple[int, int], ...]") -> None:
        """Note the ranges of one commit."""
        for first, last in releases:
            if last - first < 64:
                self._gone.update(range(first, last + 1))
            elif (first, last) not in self._wide:
                self._wide.append((first, last))

    def __contains__(self, sequence: int) -> bool:
        if sequence in self._gone:
            return True
        return any(first <= sequence <= last for first, last in self._wide)
