# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checking an archive: what is hurt or missing, session by session.

Each volume's sessions are walked from the newest back, and of each only what
differs from the one behind it: equal subtrees are read once, and what is
hurt in them is carried along. Memory is bounded by how scattered the damage
is. Changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.archive.history import Part, load_groups, sessions_of
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.download import Ref
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.runs import Run, Runs, united, without
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener
from wyng_dom0.tree.nodes import Node, height
from wyng_dom0.tree.pieces import Piece, Tree, pieces

# Ids found whole that are remembered, by half of each; what is behind that
# is only read once more.
_WHOLE_MOST = 1 << 20
_BAD_MOST = 1 << 17
_HALF = 16
# Trees whose roots are asked for together; a reader keeps more nodes.
_ROOTS_AT_ONCE = 128

# Says of chunks of a session, in their order, what is wrong with each, or "".
Judge = Callable[[SessionContent, Iterator[Ref]], Iterator[tuple[int, str]]]


@dataclass(frozen=True)
class Hurt:
    """A session of which not all can be had: (offset, length) in order.

    No ranges: its settings can't be had. `why` is the first reason found.
    """

    volume: str
    session: Session
    ranges: tuple[tuple[int, int], ...]
    why: str

    @property
    def bytes(self) -> int:
        """How much of it is hurt."""
        return sum(length for _, length in self.ranges)


@dataclass
class Found:
    """What was looked at, and what is wrong. `problems` are sentences about
    what belongs to no one session. `bad` are blobs, the first ones."""

    volumes: int = 0
    sessions: int = 0
    nodes: int = 0
    chunks: int = 0
    hurt: list[Hurt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    bad: dict[BlobId, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Nothing is hurt or missing."""
        return not self.hurt and not self.problems

    def note_bad(self, id: BlobId, why: str) -> None:
        """A blob is no good; only so many are remembered."""
        if len(self.bad) < _BAD_MOST:
            self.bad[id] = why


def believe(
    content: SessionContent, refs: Iterator[Ref]
) -> Iterator[tuple[int, str]]:
    """The Judge that looks at trees alone."""
    for number, _ in refs:
        yield number, ""


class Checker:
    """One check of an open archive; `judge` says how chunks are looked at."""

    def __init__(self, archive: OpenArchive, listener: Listener) -> None:
        self.judge: Judge = believe
        self._archive = archive
        self._listener = listener
        self._whole: set[bytes] = set()
        self._settings: set[BlobId] = set()
        self.found = Found()

    def sessions(self, page: Page) -> list[Session]:
        """All sessions of a volume that can be read, oldest first; what
        can't is a problem."""
        try:
            return self._archive.sessions(page)
        except IntegrityError:
            # One by one, to learn which of them.
            found: list[Session] = []
            for part in page.parts:
                found.extend(self._sessions_of(page, part))
            return [*found, *page.recent]

    def _sessions_of(self, page: Page, part: Part) -> list[Session]:
        try:
            if not part.level:
                return sessions_of([part], self._archive)
            below = next(load_groups([part], self._archive)).parts
        except IntegrityError as error:
            self.found.problems.append(
                f"{part.count} session(s) of {page.name}, number {part.first}"
                f" to {part.last}, are lost with their record: {error}"
            )
            return []
        return [s for each in below for s in self._sessions_of(page, each)]

    def check(self, page: Page, sessions: Sequence[Session]) -> list[Session]:
        """Look at some sessions of a volume, oldest first; gives those that
        are whole."""
        found, whole = self.found, []
        found.volumes += 1
        newer: Tree | None = None
        hurt: list[Run] = []
        for at, session in enumerate(reversed(sessions)):
            if at % _ROOTS_AT_ONCE == 0:
                end = len(sessions) - at
                self._ask_roots(page, sessions[:end][-_ROOTS_AT_ONCE:])
            found.sessions += 1
            content = SessionContent(self._archive, page, session)
            teller = None
            if newer is None:
                teller = Teller(self._listener, page.name, session.size)
            walk = _Walk(self, content, newer, teller)
            bad = walk.bad_runs()
            hurt = united(without(hurt, walk.changed.runs), bad)
            why = self._settings_error(session)
            if hurt or why:
                self._note_hurt(content, hurt, why or walk.why)
            else:
                whole.append(session)
            newer = (session.root, content.chunks)
        return whole

    def _ask_roots(self, page: Page, sessions: Sequence[Session]) -> None:
        """Have the reader know them, or the store is asked for one by one."""
        reader, levels = self._archive.reader, dict[int, list[BlobId]]()
        for session in sessions:
            content = SessionContent(self._archive, page, session)
            if session.root is not None:
                level = height(content.chunks)
                levels.setdefault(level, []).append(session.root)
        for level, roots in levels.items():
            # Which of them can't be read is told when their session is.
            with suppress(IntegrityError):
                reader.nodes(page.domain, roots, level)

    def _note_hurt(
        self, content: SessionContent, hurt: Sequence[Run], why: str
    ) -> None:
        page, session, chunks = content.page, content.session, content.chunks
        ranges = tuple(
            content.extent(first, min(end, chunks) - 1)
            for first, end in hurt
            if first < chunks
        )
        if not why and self.found.hurt:
            why = self.found.hurt[-1].why
        self.found.hurt.append(Hurt(page.name, session, ranges, why))

    def _settings_error(self, session: Session) -> str:
        """Why a session's settings can't be had, or ""."""
        id = session.settings
        if id is None or id in self._settings:
            return ""
        try:
            self._archive.reader.record(BlobType.SETTINGS, id)
        except IntegrityError as error:
            self.found.note_bad(id, str(error))
            return f"its settings are lost: {error}"
        self._settings.add(id)
        return ""

    # For a walk

    def nodes(
        self, content: SessionContent, ids: Sequence[BlobId], level: int
    ) -> list[Node | None]:
        """Nodes in order, None for each that can't be read."""
        self.found.nodes += len(ids)
        reader, domain = self._archive.reader, content.page.domain
        try:
            return list(reader.nodes(domain, ids, level))
        except IntegrityError:
            return [self._node(content, id, level) for id in ids]

    def _node(
        self, content: SessionContent, id: BlobId, level: int
    ) -> Node | None:
        reader, domain = self._archive.reader, content.page.domain
        try:
            return reader.nodes(domain, [id], level)[0]
        except IntegrityError as error:
            self.found.note_bad(id, str(error))
            return None

    def is_known_whole(self, id: BlobId) -> bool:
        """Was it found whole before, as far as is remembered?"""
        return id[:_HALF] in self._whole

    def judged(
        self, content: SessionContent, refs: Iterator[Ref]
    ) -> Iterator[tuple[int, str]]:
        """What is no good of some chunks; the rest counts as whole."""
        asked: dict[int, BlobId] = {}

        def noted() -> Iterator[Ref]:
            for number, id in refs:
                self.found.chunks += 1
                asked[number] = id
                yield number, id

        for number, why in self.judge(content, noted()):
            id = asked.pop(number)
            if why:
                self.found.note_bad(id, why)
                yield number, why
            elif len(self._whole) < _WHOLE_MOST:
                self._whole.add(id[:_HALF])


class _Walk:
    """One session's tree where it differs from the newer one's."""

    def __init__(
        self,
        checker: Checker,
        content: SessionContent,
        newer: Tree | None,
        teller: Teller | None,
    ) -> None:
        self._checker = checker
        self._content = content
        self._teller = teller
        tree = (content.session.root, content.chunks)
        self._pieces: Iterable[Piece] = pieces(newer, tree, self._load)
        self._bad = Runs()
        # Set when all was walked.
        self.changed = Runs()
        self.why = ""

    def bad_runs(self) -> list[Run]:
        """The chunks that are no good, of those that differ."""
        bad = Runs()
        for number, why in self._checker.judged(self._content, self._refs()):
            self.why = self.why or why
            bad.add(number, number + 1)
        if self._teller is not None:
            self._teller.end()
        return united(self._bad.runs, bad.runs)

    def _refs(self) -> Iterator[Ref]:
        found = self._checker.found
        for first, count, id, lost in self._pieces:
            self.changed.add(first, first + count)
            if self._teller is not None:
                self._teller.tell(first * self._content.chunk_size)
            if lost or id in found.bad:
                self._note(first, count, found.bad.get(id) if id else None)
            elif id is not None and not self._checker.is_known_whole(id):
                yield first, id

    def _note(self, first: int, count: int, why: str | None) -> None:
        self._bad.add(first, first + count)
        self.why = self.why or why or "a node of its tree can't be read"

    def _load(self, ids: Sequence[BlobId], level: int) -> list[Node | None]:
        return self._checker.nodes(self._content, ids, level)
