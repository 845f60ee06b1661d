# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage of the index heals; damage of anything else is reported."""

import os
import shutil
from pathlib import Path
from typing import Callable, List

import pytest

from store.client import Blob, chunk, tree
from store.local import Writer, check, counts, directory, reader, save
from wyng_store import founding
from wyng_store.errors import BlobDamaged, Damage, MissingBlobs
from wyng_store.layout import Layout
from wyng_store.scrubbing import scrub

OLD = tree([b"shared" * 50, b"old" * 50], b"old")
NEW = tree([b"shared" * 50, b"new" * 50], b"new")


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x41
    path.unlink()
    path.write_bytes(data)


def _holding(root: Path, text: bytes) -> List[Path]:
    packs = sorted(root.glob("packs/*/*.pack"))
    return [path for path in packs if text in path.read_bytes()]


def _expect(root: Path, blobs: List[Blob]) -> None:
    with reader(root) as archive:
        for blob in blobs:
            frame = archive.healing(
                lambda blob=blob: archive.fetcher.fetch(blob.id)
            )
            if frame is None:
                archive.healing(archive.verify_index)
                frame = archive.fetcher.fetch(blob.id)
            assert frame == blob.frame


def _two_sessions(root: Path) -> None:
    save(root, OLD)
    save(root, NEW)


def test_flip_of_any_part_of_the_index_heals() -> None:
    with directory() as root:
        _two_sessions(root)
        wanted = counts(root)
        index = root / "index.db"
        size = index.stat().st_size
        for at in [*range(200), *range(200, size, 97)]:
            _flip(index, at)
            _expect(root, [*OLD, *NEW])
            check(root, digests=False)
            assert counts(root) == wanted, at


def test_release_over_a_flipped_index_frees_nothing_alive() -> None:
    with directory() as root:
        _two_sessions(root)
        size = (root / "index.db").stat().st_size
        copy = root.with_name("copy")
        for at in range(0, size, 211):
            shutil.copytree(root, copy)
            _flip(copy / "index.db", at)
            with Writer(copy) as writer:
                writer.put(NEW)
                writer.commit(NEW[-1].id, ((1, 1),))
            _expect(copy, NEW)
            assert check(copy).is_whole, at
            shutil.rmtree(copy)


@pytest.mark.parametrize("part", [0, 1, 100, 4096, 5000, 12288])
def test_cut_index_heals(part: int) -> None:
    with directory() as root:
        _two_sessions(root)
        wanted = counts(root)
        os.truncate(root / "index.db", part)
        _expect(root, [*OLD, *NEW])
        check(root)
        assert counts(root) == wanted


def test_deleted_index_heals_beside_a_stale_log_of_it() -> None:
    with directory() as root:
        _two_sessions(root)
        wanted = counts(root)
        with Writer(root) as writer:
            writer.put([chunk(b"staged")])
            writer.staging.sync()
            wal = (root / "index.db-wal").read_bytes()
        (root / "index.db").unlink()
        (root / "index.db-wal").write_bytes(wal)
        _expect(root, [*OLD, *NEW])
        check(root)
        assert counts(root) == wanted


def test_index_put_back_to_an_older_one_heals() -> None:
    with directory() as root:
        save(root, OLD)
        older = (root / "index.db").read_bytes()
        save(root, NEW, ((1, 1),))
        wanted = counts(root)
        (root / "index.db").write_bytes(older)
        with Writer(root):
            pass
        assert counts(root) == wanted
        assert check(root).is_whole


def test_damaged_chunk_is_reported_and_healed_by_the_next_put() -> None:
    with directory() as root:
        _two_sessions(root)
        (pack,) = _holding(root, b"oldold")
        _flip(pack, pack.read_bytes().index(b"oldold"))
        with reader(root) as archive:
            with pytest.raises(BlobDamaged):
                archive.fetcher.fetch(OLD[1].id)
        assert check(root).damaged == 1
        with Writer(root) as writer:
            assert writer.have([b.id for b in OLD]) == [
                True,
                False,
                True,
                True,
                True,
            ]
            assert writer.archive.index.state.safe
            assert writer.put(OLD) == 1
            writer.staging.sync()
            assert writer.archive.fetcher.fetch(OLD[1].id) == OLD[1].frame
        assert check(root).is_whole
        with Writer(root) as writer:
            assert not writer.archive.index.state.safe


def test_damaged_page_is_read_from_its_second_copy() -> None:
    with directory() as root:
        save(root, OLD)
        page = OLD[-2]
        for victim in _holding(root, page.frame):
            with directory() as other:
                shutil.rmtree(other)
                shutil.copytree(root, other)
                path = other / victim.relative_to(root)
                _flip(path, path.read_bytes().index(page.frame) + 75)
                _expect(other, OLD)
                assert check(other).is_whole


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("name", ["missing", "cut", "empty"])
def test_lost_pack_is_damage_and_stops_all_releases(
    name: str, rebuilt: bool
) -> None:
    with directory() as root:
        _two_sessions(root)
        (pack,) = _holding(root, b"oldold")
        if name == "missing":
            pack.unlink()
        else:
            os.truncate(pack, 0 if name == "empty" else 300)
        if rebuilt:
            (root / "index.db").unlink()
        assert not check(root).is_whole
        with Writer(root) as writer:
            assert writer.archive.index.state.safe
            writer.put(NEW)
            writer.commit(NEW[-1].id, ((2, 2),))
        assert _holding(root, b"newnew")
        _expect(root, NEW)


def test_releases_deferred_in_safe_mode_happen_once_it_is_whole() -> None:
    with directory() as root:
        _two_sessions(root)
        (pack,) = _holding(root, b"oldold")
        os.truncate(pack, 0)
        assert not check(root).is_whole
        with Writer(root) as writer:
            writer.put(NEW)
            writer.commit(NEW[-1].id, ((1, 2),))
            assert writer.archive.index.state.deferred
        with Writer(root) as writer:
            assert not writer.archive.index.state.safe
            assert not writer.archive.index.state.deferred
        assert check(root).is_whole
        assert set(counts(root)) == {blob.id for blob in NEW}


def test_commit_over_a_missing_pack_is_refused() -> None:
    with directory() as root:
        with Writer(root) as writer:
            writer.put(NEW)
            writer.staging.sync()
            for pack in _holding(root, b"newnew"):
                pack.unlink()
            with pytest.raises(MissingBlobs):
                writer.commit(NEW[-1].id)
            assert writer.archive.head()[0] == 0


def _remove(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("harm", [_remove, _empty])
@pytest.mark.parametrize(
    "name", ["format", "log/0000000000000001.commit", "keys/3.slot"]
)
def test_doubled_file_survives_the_loss_of_either_copy(
    name: str, harm: Callable[[Path], None]
) -> None:
    for suffix in ("", ".copy"):
        with directory() as root:
            founding.put_slot(Layout(root), 3, b"slot")
            _two_sessions(root)
            harm(root / (name + suffix))
            _expect(root, [*OLD, *NEW])
            assert check(root).is_whole
            assert list(founding.list_slots(Layout(root))) == [(3, b"slot")]
            with Writer(root) as writer:
                scrub(writer.archive, False, True)
            assert (root / name).stat().st_size
            assert (root / (name + ".copy")).stat().st_size


def test_unreadable_record_is_damage_not_absence() -> None:
    with directory() as root:
        _two_sessions(root)
        for path in root.glob("log/0000000000000001.*"):
            _empty(path)
        assert not check(root).is_whole
        with Writer(root) as writer:
            with pytest.raises(Damage):
                writer.archive.chain.load(1)
            assert writer.archive.head()[0] == 2
        _expect(root, NEW)


def test_hard_linked_copy_stays_whole_whatever_happens_to_the_original() -> (
    None
):
    with directory() as root:
        _two_sessions(root)
        copy = root.with_name("copy")
        shutil.copytree(root, copy, copy_function=os.link)
        save(root, tree([b"third"], b"3"), ((1, 2),))
        _expect(copy, [*OLD, *NEW])
        assert check(copy).is_whole
        save(copy, tree([b"other"], b"4"), ((1, 1),))
        assert check(copy).is_whole and check(root).is_whole
        with Writer(root), Writer(copy):
            pass
        _expect(copy, NEW)


def test_growing_pack_of_a_hard_linked_copy_is_left_alone() -> None:
    with directory() as root:
        with Writer(root) as writer:
            writer.put(NEW)
            copy = root.with_name("copy")
            shutil.copytree(root, copy, copy_function=os.link)
            for name in ("lock", "index.db", "index.db-wal", "index.db-shm"):
                (copy / name).unlink()
            with Writer(copy) as other:
                assert all(other.have([b.id for b in NEW]))
            writer.commit(NEW[-1].id)
        assert check(root).is_whole
        _expect(root, NEW)
