# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A volume's history is a plain list, in a page that stays small."""

import random
from dataclasses import replace
from typing import Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import DOMAIN, MemoryShelf, a_session, chunk_name
from wyng_common.frames import BlobType
from wyng_dom0.archive.fields import Field, Record, encode_record, parse_record
from wyng_dom0.archive.history import (
    GROUP_PARTS,
    SEGMENT_SESSIONS,
    Tag,
    load_groups,
    load_segments,
    parse_part,
    sessions_of_each,
)
from wyng_dom0.archive.page import (
    Page,
    VolumeId,
    encode_page,
    hidden_sessions,
    parse_page,
    ranges,
)
from wyng_dom0.archive.session import Label, Session
from wyng_dom0.errors import IntegrityError

VOLUME = VolumeId(b"v" * 16)
EMPTY = Page(VOLUME, "work:private", DOMAIN)
UNKNOWN = (Field(900, "from a newer version"), Field(901, chunk_name(77)))
# Appends (how many) and removals (which share, how many, from where).
STEPS = st.lists(
    st.one_of(
        st.integers(1, 70),
        st.tuples(st.integers(0, 1 << 30), st.integers(1, 100)),
    ),
    min_size=1,
    max_size=9,
)


def grown(page: Page, count: int, shelf: MemoryShelf) -> Page:
    for _ in range(count):
        page = page.with_session(a_session(page.next_sequence), shelf)
    return page


def doomed(model: List[Session], seed: int, percent: int) -> "frozenset[int]":
    """Some sessions, single ones or a stretch of them."""
    if not model:
        return frozenset()
    chance = random.Random(seed)
    sequences = [each.sequence for each in model]
    count = max(1, len(sequences) * percent // 100)
    if seed % 2:
        return frozenset(chance.sample(sequences, count))
    start = chance.randrange(len(sequences))
    return frozenset(sequences[start : start + count])


def reread(page: Page) -> Page:
    record = parse_record(*encode_record(encode_page(page)))
    return parse_page(record, VOLUME)


def check_shape(page: Page, shelf: MemoryShelf) -> None:
    assert len(page.recent) <= SEGMENT_SESSIONS
    assert bool(page.recent) or not page.parts
    levels = [part.level for part in page.parts]
    assert levels == sorted(levels, reverse=True)
    assert all(levels.count(each) < GROUP_PARTS for each in levels)
    assert len(encode_record(encode_page(page))[1]) < 16 << 10
    for part in page.parts:
        inside = list(sessions_below(part, shelf))
        assert part.count == len(inside) > 0
        assert part.first <= inside[0].sequence
        assert inside[-1].sequence <= part.last


def sessions_below(part: object, shelf: MemoryShelf) -> List[Session]:
    page = replace(EMPTY, parts=(part,))
    return list(page.sessions(shelf))


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_history_is_a_list_whatever_is_added_and_removed(
    steps: "list[int | tuple[int, int]]",
) -> None:
    shelf, page = MemoryShelf(), EMPTY
    model: List[Session] = []
    for step in steps:
        if isinstance(step, int):
            model += [a_session(page.next_sequence + at) for at in range(step)]
            page = grown(page, step, shelf)
        else:
            gone = doomed(model, *step)
            model = [each for each in model if each.sequence not in gone]
            page = page.without_sessions(gone, shelf)
        page = reread(page)
        assert list(page.sessions(shelf)) == model
        assert page.session_count == len(model)
        assert page.newest == (model[-1] if model else None)
        check_shape(page, shelf)


def test_page_stays_bounded_over_thousands_of_sessions() -> None:
    shelf, page, largest = MemoryShelf(), EMPTY, 0
    for _ in range(45):
        page = grown(page, 100, shelf)
        largest = max(largest, len(encode_record(encode_page(page))[1]))
    check_shape(page, shelf)
    assert largest < 10 << 10
    found = [each.sequence for each in page.sessions(shelf)]
    assert found == list(range(1, 4501))


def test_new_session_reads_nothing_and_writes_little() -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 1000, shelf)
    for _ in range(300):
        before = len(shelf.blobs)
        page = grown(page, 1, shelf)
        assert len(shelf.blobs) - before <= 3
    assert shelf.loads == []


def test_removal_reads_only_what_it_touches() -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 1000, shelf)
    page.without_sessions(frozenset([1000]), shelf)
    assert shelf.loads == []
    page.without_sessions(frozenset([3]), shelf)
    assert len(shelf.loads) <= 3


def test_sequence_is_never_used_again() -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 20, shelf)
    page = page.without_sessions(frozenset(range(1, 21)), shelf)
    assert page.session_count == 0 and page.newest is None
    assert grown(page, 1, shelf).newest == a_session(21)


@given(
    st.integers(1, 300),
    st.integers(0, 60),
    st.integers(0, 1 << 30),
    st.integers(1, 50),
    st.integers(0, 1 << 30),
)
@settings(max_examples=40, deadline=None)
def test_hidden_sessions_are_exactly_what_vanished(
    count: int, more: int, seed: int, percent: int, other_seed: int
) -> None:
    shelf = MemoryShelf()
    old = grown(EMPTY, count, shelf)
    before = list(old.sessions(shelf))
    gone = doomed(before, seed, percent)
    new = old.without_sessions(gone, shelf)
    new = grown(new, more, shelf)
    also = doomed(before, other_seed, percent)
    new = reread(new.without_sessions(also, shelf))
    vanished = [each for each in before if each.sequence in gone | also]
    assert hidden_sessions(old, new, shelf) == vanished
    assert hidden_sessions(old, None, shelf) == before
    assert hidden_sessions(old, old, shelf) == []


def test_session_with_another_content_counts_as_hidden() -> None:
    shelf = MemoryShelf()
    old = grown(EMPTY, 5, shelf)
    for change in ({"root": None}, {"size": 1}):
        forged = replace(old.recent[2], **change)  # type: ignore[arg-type]
        recent = (*old.recent[:2], forged, *old.recent[3:])
        new = replace(old, recent=recent)
        assert hidden_sessions(old, new, shelf) == [old.recent[2]]


def test_shared_history_is_not_read_to_find_hidden_sessions() -> None:
    shelf = MemoryShelf()
    old = grown(EMPTY, 1000, shelf)
    assert hidden_sessions(old, grown(old, 5, shelf), shelf) == []
    assert shelf.loads == []


def _spoiled(shelf: MemoryShelf) -> Dict[BlobType, int]:
    """Put unknown fields into everything on the shelf; how many of each."""
    count: Dict[BlobType, int] = {}
    for id, (kind, children, plaintext) in list(shelf.blobs.items()):
        record = _with_unknown(parse_record(children, plaintext), depth=9)
        shelf.blobs[id] = (kind, *encode_record(record))
        count[kind] = count.get(kind, 0) + 1
    return count


def _with_unknown(record: Record, depth: int) -> Record:
    fields = tuple(
        (
            replace(each, value=_with_unknown(each.value, depth - 1))
            if isinstance(each.value, Record)
            else each
        )
        for each in record.fields
    )
    return Record((*fields, *UNKNOWN))


def _unknown_everywhere(record: Record) -> bool:
    return record.fields[-len(UNKNOWN) :] == UNKNOWN and all(
        _unknown_everywhere(each.value)
        for each in record.fields
        if isinstance(each.value, Record)
    )


def test_unknown_fields_are_kept_at_every_level() -> None:
    shelf, page = MemoryShelf(), EMPTY
    for number in range(1, 321):
        label = Label("kept", "a description")
        page = page.with_session(a_session(number, tags=(label,)), shelf)
    assert set(_spoiled(shelf)) == {BlobType.SEGMENT, BlobType.GROUP}
    page = parse_page(_with_unknown(encode_page(page), 9), VOLUME)
    known = set(shelf.blobs)
    # One session of a segment in a group, one of a segment in the page, one
    # of the page itself.
    page = reread(page.without_sessions(frozenset([3, 270, 320]), shelf))
    assert _unknown_everywhere(encode_page(page))
    rewritten = set(shelf.blobs) - known
    assert len(rewritten) == 3
    for id in rewritten:
        _, children, plaintext = shelf.blobs[id]
        assert _unknown_everywhere(parse_record(children, plaintext))


def test_small_segments_are_joined_but_not_over_unknown_fields() -> None:
    thin = frozenset(n for n in range(1, 65) if n % 8)
    shelf = MemoryShelf()
    page = grown(EMPTY, 70, shelf).without_sessions(thin, shelf)
    assert [part.count for part in page.parts] == [8]
    shelf = MemoryShelf()
    page = grown(EMPTY, 70, shelf)
    _spoiled(shelf)
    page = page.without_sessions(thin, shelf)
    assert [part.count for part in page.parts] == [2, 2, 2, 2]


def test_group_of_the_wrong_level_is_refused() -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 16 * 16 + 16, shelf)
    group, *_ = page.parts
    ((segment, *others),) = [g.parts for g in load_groups([group], shelf)]
    assert len(others) == GROUP_PARTS - 1
    with pytest.raises(IntegrityError):
        list(load_groups([replace(group, level=2)], shelf))
    (first,) = load_segments([segment], shelf)
    assert len(first.sessions) == SEGMENT_SESSIONS


def test_histories_are_read_in_one_round_a_level() -> None:
    """However many sessions and volumes: the store may be far away."""
    shelf = MemoryShelf()
    pages = [grown(EMPTY, count, shelf) for count in (5000, 0, 17, 300, 4097)]
    assert max(part.level for part in pages[0].parts) == 2
    found = sessions_of_each([page.parts for page in pages], shelf)
    assert [
        [*older, *page.recent] for older, page in zip(found, pages, strict=True)
    ] == [page.sessions(MemoryShelf(shelf.blobs)) for page in pages]
    assert [len(some) for some in found] == [
        page.session_count - len(page.recent) for page in pages
    ]
    assert shelf.rounds == 3


def test_removing_asks_once_for_what_stands_together() -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 16 * 16 + 16, shelf)
    left = page.without_sessions(frozenset(range(1, 250)), shelf)
    # One group, its segments, and those that are put together.
    assert shelf.rounds <= 3
    assert [each.sequence for each in left.sessions(shelf)] == list(
        range(250, 16 * 16 + 17)
    )


@pytest.mark.parametrize("tag, value", [(3, -1), (3, 9), (4, None)])
def test_malformed_part_is_refused(tag: int, value: object) -> None:
    shelf = MemoryShelf()
    page = grown(EMPTY, 17, shelf)
    whole = encode_page(page).records(6)[0]
    assert parse_part(whole) == page.parts[0]
    fields = [each for each in whole.fields if each.tag != Tag(tag)]
    if value is not None:
        fields.append(Field(tag, value))  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        parse_part(Record(tuple(fields)))


@given(st.sets(st.integers(0, 60)))
def test_ranges_are_the_numbers(numbers: "set[int]") -> None:
    made = ranges(frozenset(numbers))
    assert [n for a, b in made for n in range(a, b + 1)] == sorted(numbers)
    assert all(
        b + 1 < c for (_, b), (c, _) in zip(made, made[1:], strict=False)
    )
