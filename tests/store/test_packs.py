# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packs and doubled files give back what was put in, or say that they can't."""

import os
from pathlib import Path
from typing import List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.client import ARCHIVE, TOKEN, Blob, chunk
from wyng_common.errors import FormatError
from wyng_common.frames import HEADER_SIZE, parse_header
from wyng_store import doubled, durable
from wyng_store.errors import Damage, Full
from wyng_store.layout import Layout
from wyng_store.packing import GrowingPack
from wyng_store.packs import (
    PACK_HEADER_SIZE,
    Entry,
    PackContents,
    PackHeader,
    PackKind,
    encode_footer,
    parse_pack_header,
    read_pack,
)

HEADER = PackHeader(PackKind.DATA, ARCHIVE, TOKEN, b"N" * 16)
PAYLOADS = st.lists(st.binary(max_size=60), unique=True, max_size=6)
QUIET = settings(
    max_examples=50, deadline=None, suppress_health_check=list(HealthCheck)
)


def _pack(blobs: List[Blob]) -> "tuple[bytes, list[Entry]]":
    data, entries = HEADER.encode(), []
    for blob in blobs:
        entries.append(Entry(blob.type, blob.id, len(data), len(blob.frame)))
        data += blob.frame
    return data + encode_footer(HEADER, entries), entries


def _read(path: Path, data: bytes) -> PackContents:
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_pack(fd)
    finally:
        os.close(fd)


@QUIET
@given(PAYLOADS)
def test_pack_lists_what_was_put(tmp_path: Path, payloads: List[bytes]) -> None:
    data, entries = _pack([chunk(payload) for payload in payloads])
    contents = _read(tmp_path / "p", data)
    assert contents.header == HEADER
    assert (contents.entries, contents.footed) == (entries, True)


@QUIET
@given(PAYLOADS, st.integers(0, 1 << 16))
def test_cut_pack_gives_each_whole_frame(
    tmp_path: Path, payloads: List[bytes], at: int
) -> None:
    data, entries = _pack([chunk(payload) for payload in payloads])
    cut = data[: at % len(data)]
    contents = _read(tmp_path / "p", cut)
    whole = [e for e in entries if e.offset + e.length <= len(cut)]
    assert contents.entries == whole and not contents.footed


@QUIET
@given(PAYLOADS, st.integers(0, 1 << 16))
def test_flipped_pack_never_lists_what_was_not_put(
    tmp_path: Path, payloads: List[bytes], at: int
) -> None:
    data, entries = _pack([chunk(payload) for payload in payloads])
    flipped = bytearray(data)
    flipped[at % len(data)] ^= 0x10
    contents = _read(tmp_path / "p", bytes(flipped))
    assert set(contents.entries) <= set(entries)
    assert contents.header in (HEADER, None)


@pytest.mark.parametrize("at", range(PACK_HEADER_SIZE))
def test_flip_in_a_pack_header_is_found(at: int) -> None:
    head = bytearray(HEADER.encode())
    head[at] ^= 1
    with pytest.raises(FormatError):
        parse_pack_header(bytes(head))


@given(st.binary(max_size=100), st.integers(0, 1 << 16))
def test_flip_in_a_doubled_file_is_found(content: bytes, at: int) -> None:
    data = bytearray(doubled.encode("keys/0.slot", content))
    assert doubled.decode("keys/0.slot", bytes(data)) == content
    with pytest.raises(FormatError):
        doubled.decode("keys/1.slot", bytes(data))
    data[at % len(data)] ^= 4
    with pytest.raises(FormatError):
        doubled.decode("keys/0.slot", bytes(data))


def test_both_copies_bad_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "format"
    assert doubled.create(path, b"content")
    assert not doubled.create(path, b"another")
    for copy in tmp_path.iterdir():
        copy.write_bytes(b"")
    assert doubled.exists(path)
    with pytest.raises(Damage):
        doubled.load(path, 100)


class _Failing:
    """A call of `durable` that finds the disk full the first times."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, name: str, times: int
    ) -> None:
        self._real = getattr(durable, name)
        self.left = times
        monkeypatch.setattr(durable, name, self)

    def __call__(self, *arguments: object) -> object:
        if self.left:
            self.left -= 1
            raise Full("no space left")
        return self._real(*arguments)


def _growing(tmp_path: Path, blobs: List[Blob]) -> GrowingPack:
    (tmp_path / "packs").mkdir()
    pack = GrowingPack(Layout(tmp_path), HEADER)
    for each in blobs:
        pack.append(parse_header(each.frame[:HEADER_SIZE]), each.frame)
    return pack


@pytest.mark.parametrize("step", ["rename", "write_all"])
def test_pack_that_met_a_full_disk_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    blobs = [chunk(bytes([at]) * 300_000) for at in range(9)]
    pack = _growing(tmp_path, blobs)
    _Failing(monkeypatch, step, 2)
    for _ in range(2):
        with pytest.raises(Full):
            pack.finish()
    finished = pack.finish()
    path = Layout(tmp_path).pack(HEADER.name)
    assert path.stat().st_size == finished.size
    with path.open("rb") as file:
        contents = read_pack(file.fileno())
    assert contents.footed
    assert [entry.id for entry in contents.entries] == [b.id for b in blobs]


def test_flushed_chunks_outlive_their_writer(tmp_path: Path) -> None:
    blobs = [chunk(bytes([at]) * 1000) for at in range(3)]
    pack = _growing(tmp_path, blobs)
    pack.flush()
    part = Layout(tmp_path).pack(HEADER.name).with_suffix(".part")
    with part.open("rb") as file:
        contents = read_pack(file.fileno())
    assert [entry.id for entry in contents.entries] == [b.id for b in blobs]
    pack.abandon()
