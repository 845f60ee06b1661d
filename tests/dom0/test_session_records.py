# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions, pages and catalogs are read as made, with what they don't know."""

from dataclasses import replace
from typing import Any, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_archive import DOMAIN, a_session, chunk_name
from wyng_common import limits
from wyng_common.ids import BlobId
from wyng_dom0.archive import catalog as catalogs
from wyng_dom0.archive import page as pages
from wyng_dom0.archive import session as sessions
from wyng_dom0.archive.catalog import (
    ArchiveSettings,
    Catalog,
    DedupDomain,
    encode_catalog,
    parse_catalog,
)
from wyng_dom0.archive.fields import (
    Field,
    Record,
    encode_record,
    make_record,
    parse_record,
)
from wyng_dom0.archive.page import Page, VolumeId, encode_page, parse_page
from wyng_dom0.archive.session import (
    Label,
    Session,
    State,
    encode_session,
    parse_session,
)
from wyng_dom0.errors import IntegrityError

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
ROOTS = st.one_of(st.none(), st.integers(0, 5).map(chunk_name))
OTHERS = st.lists(
    st.builds(Field, st.integers(1000, 1003), st.one_of(I64, TEXT, ROOTS)),
    max_size=3,
).map(lambda some: tuple(each for each in some if each.value is not None))
SORTED_OTHERS = OTHERS.map(
    lambda some: tuple(sorted(some, key=lambda each: each.tag))
)
SESSIONS = st.builds(
    Session,
    sequence=st.integers(1, (1 << 63) - 1),
    time_ns=st.integers(0, 4_000_000_000 * 10**9),
    offset=st.integers(-86399, 86399),
    size=st.integers(0, limits.VOLUME_SIZE_MAX),
    mode=I64,
    uid=I64,
    gid=I64,
    mtime_ns=I64,
    changed=I64,
    root=ROOTS,
    state=st.sampled_from(list(State)),
    settings=ROOTS,
    tags=st.lists(st.builds(Label, TEXT, TEXT, SORTED_OTHERS), max_size=3).map(
        tuple
    ),
    pinned=st.booleans(),
    others=SORTED_OTHERS,
)
UNKNOWN = (Field(900, "from a newer version"), Field(901, chunk_name(77)))
VOLUME = VolumeId(b"v" * 16)
A_PAGE = Page(VOLUME, "work:private", DOMAIN, "mail", 2, (), (a_session(),))
SETTINGS = ArchiveSettings(2, "zstd:3", DedupDomain.QUBE, 1_700_000_000)
A_CATALOG = Catalog(SETTINGS, {VOLUME: chunk_name(1)})


def through_bytes(record: Record) -> Record:
    return parse_record(*encode_record(record))


def without(record: Record, tag: int) -> Record:
    return Record(record.without([tag]))


def with_value(record: Record, tag: int, value: Any) -> Record:
    return make_record([Field(tag, value)], record.without([tag]))


@given(SESSIONS)
@settings(max_examples=200)
def test_session_is_read_as_it_was_made(session: Session) -> None:
    assert parse_session(through_bytes(encode_session(session))) == session


@given(st.lists(SESSIONS, max_size=3), TEXT, TEXT, SORTED_OTHERS)
@settings(max_examples=60)
def test_page_is_read_as_it_was_made(
    recent: List[Session], name: str, text: str, others: "tuple[Field, ...]"
) -> None:
    page = Page(VOLUME, name, DOMAIN, text, 9, (), tuple(recent), others)
    assert parse_page(through_bytes(encode_page(page)), VOLUME) == page


@given(
    st.dictionaries(
        st.binary(min_size=16, max_size=16).map(VolumeId),
        st.integers(0, 9).map(chunk_name),
        max_size=5,
    ),
    st.integers(1, 6),
    st.sampled_from(list(DedupDomain)),
    SORTED_OTHERS,
)
def test_catalog_is_read_as_it_was_made(
    volumes: "dict[VolumeId, BlobId]",
    factor: int,
    domain: DedupDomain,
    others: "tuple[Field, ...]",
) -> None:
    made = Catalog(
        ArchiveSettings(factor, "zstd:3", domain, 5, others),
        volumes,
        others,
        {volume: others for volume in volumes if others},
    )
    assert parse_catalog(through_bytes(encode_catalog(made))) == made


def test_page_can_not_be_exchanged() -> None:
    with pytest.raises(IntegrityError):
        parse_page(encode_page(A_PAGE), VolumeId(b"w" * 16))


@pytest.mark.parametrize("tag", [pages.Tag.VOLUME, pages.Tag.DOMAIN])
@pytest.mark.parametrize("value", [b"", b"x" * 15, b"x" * 17, 5, "text"])
def test_malformed_id_in_a_page_is_refused(tag: int, value: Any) -> None:
    with pytest.raises(IntegrityError):
        parse_page(with_value(encode_page(A_PAGE), tag, value), VOLUME)


@pytest.mark.parametrize("tag", [1, 2, 4, 5])
def test_page_without_a_field_it_needs_is_refused(tag: int) -> None:
    with pytest.raises(IntegrityError):
        parse_page(without(encode_page(A_PAGE), tag), VOLUME)


@pytest.mark.parametrize("tag", [1, 2, 3, 4, 5, 6, 7, 8, 13, 14])
def test_session_without_a_field_it_needs_is_refused(tag: int) -> None:
    with pytest.raises(IntegrityError):
        parse_session(without(encode_session(a_session()), tag))


@pytest.mark.parametrize(
    "tag, value",
    [
        (sessions.Tag.SEQUENCE, 0),
        (sessions.Tag.SEQUENCE, -1),
        (sessions.Tag.SIZE, -1),
        (sessions.Tag.SIZE, limits.VOLUME_SIZE_MAX + 1),
        (sessions.Tag.STATE, 0),
        (sessions.Tag.STATE, 4),
        (sessions.Tag.OFFSET, 86400),
        (sessions.Tag.OFFSET, -(1 << 63)),
    ],
)
def test_session_out_of_range_is_refused(tag: int, value: int) -> None:
    record = with_value(encode_session(a_session()), tag, value)
    with pytest.raises(IntegrityError):
        parse_session(record)


@pytest.mark.parametrize("time_ns", [(1 << 63) - 1, -(1 << 63)])
def test_every_moment_that_can_be_written_is_a_date(time_ns: int) -> None:
    for offset in (0, 86399, -86399):
        session = a_session(time_ns=time_ns, offset=offset)
        assert parse_session(encode_session(session)).name == session.name


def test_mtime_behind_2262_is_kept_as_near_as_it_goes() -> None:
    for mtime, kept in ((1 << 70, (1 << 63) - 1), (-(1 << 70), -(1 << 63))):
        record = through_bytes(encode_session(a_session(mtime_ns=mtime)))
        assert parse_session(record).mtime_ns == kept


def test_session_is_named_by_the_local_time_of_then() -> None:
    session = a_session(time_ns=1_700_000_000_999_999_999, offset=-5 * 3600)
    assert session.name == "20231114-171320"
    assert session.time.utcoffset().total_seconds() == -18000


@pytest.mark.parametrize("factor", [0, 7, -1, 1 << 40])
def test_chunk_factor_out_of_range_is_refused(factor: int) -> None:
    wrong = replace(A_CATALOG, settings=replace(SETTINGS, chunk_factor=factor))
    with pytest.raises(IntegrityError):
        parse_catalog(encode_catalog(wrong))


def test_malformed_catalog_is_refused() -> None:
    whole = encode_catalog(A_CATALOG)
    wrong_domain = Record((Field(catalogs.SettingsTag.DEDUP_DOMAIN, 3),))
    volume = whole.records(catalogs.Tag.VOLUME)[0]
    for wrong in (
        without(whole, catalogs.Tag.SETTINGS),
        with_value(whole, catalogs.Tag.SETTINGS, wrong_domain),
        with_value(whole, catalogs.Tag.VOLUME, without(volume, 2)),
        with_value(whole, catalogs.Tag.VOLUME, with_value(volume, 1, b"v")),
        with_value(whole, catalogs.Tag.VOLUME, 7),
    ):
        with pytest.raises(IntegrityError):
            parse_catalog(wrong)


def test_number_of_volumes_is_bounded() -> None:
    volumes = {
        VolumeId(at.to_bytes(16, "big")): chunk_name(1)
        for at in range(limits.VOLUMES_MAX + 1)
    }
    with pytest.raises(IntegrityError):
        parse_catalog(encode_catalog(replace(A_CATALOG, pages=volumes)))
    volumes.popitem()
    most = replace(A_CATALOG, pages=volumes)
    record = encode_catalog(most)
    assert parse_catalog(record) == most
    assert len(encode_record(record)[1]) < limits.META_PLAIN_MAX


def test_changing_a_volume_leaves_the_others_alone() -> None:
    other = VolumeId(b"o" * 16)
    catalog = replace(
        A_CATALOG,
        pages={VOLUME: chunk_name(1), other: chunk_name(2)},
        others=UNKNOWN,
        volume_others={VOLUME: UNKNOWN},
    )
    changed = catalog.with_page(VOLUME, chunk_name(3))
    assert changed.pages == {VOLUME: chunk_name(3), other: chunk_name(2)}
    assert changed.volume_others == {VOLUME: UNKNOWN}
    gone = changed.with_page(VOLUME, None)
    assert gone.pages == {other: chunk_name(2)}
    assert parse_catalog(encode_catalog(gone)).others == UNKNOWN
