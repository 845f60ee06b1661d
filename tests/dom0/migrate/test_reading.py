# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives of wyng are read as they were written, or refused in a sentence."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from wyng_archives import (
    COMPRESS,
    PASSPHRASE,
    Format2,
    Format3,
    Sealing,
    Session,
    Volume,
)
from wyng_dom0.errors import (
    AuthenticationFailed,
    BadInput,
    Dom0Error,
    ForeignDamage,
    NotFound,
)
from wyng_dom0.migrate import cipher
from wyng_dom0.migrate.archive import ForeignArchive
from wyng_dom0.migrate.content import ChunkMap, VolumeContent
from wyng_dom0.migrate.find import open_foreign

KIB = 1024
CHEAP = 1 << 10
CONTENT = random.Random(1).randbytes(200 * KIB)
FIRST, SECOND = "20240301-101112", "20240302-101112"


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt with little memory; the product's tests have the real one."""
    monkeypatch.setitem(cipher._SCRYPT, "n", CHEAP)


@contextmanager
def opened(
    root: Path, passphrase: bytes = PASSPHRASE
) -> Iterator[ForeignArchive]:
    with open_foreign(
        str(root), str(root.parent), lambda: passphrase
    ) as archive:
        yield archive


def read_all(archive: ForeignArchive, volume: str = "a") -> "list[bytes]":
    """What each session of a volume holds, in order."""
    (found,) = [v for v in archive.reader.volumes if v.name == volume]
    assert not found.broken, found.broken
    chunk_map = ChunkMap(os.environ.get("TMPDIR", "/tmp"))
    result = []
    with VolumeContent(archive, found, chunk_map) as content:
        for _ in found.sessions:
            list(content.advance())
            data = bytearray(content.size)
            for offset, length in content.data_ranges():
                data[offset : offset + length] = content.read(offset, length)
            result.append(bytes(data))
    return result


def history() -> "list[bytes]":
    """Changes, a shrink into a chunk, a growth over what lay there before."""
    second = CONTENT[:5000] + b"new" + CONTENT[5003:]
    third = second[: 70 * KIB + 9]
    fourth = third + bytes(300 * KIB) + b"end"
    return [CONTENT, second, third, fourth, b"", CONTENT[: 3 * KIB]]


def sessions(data: "list[bytes]") -> "list[Session]":
    return [
        Session(f"2024030{at}-101112", each) for at, each in enumerate(data, 1)
    ]


def volume_a() -> Volume:
    return Volume("a", sessions(history()), "about it")


@pytest.mark.parametrize("mode", ["30", "32", "34", "35"])
def test_each_mode_of_sealing_is_read(tmp_path: Path, mode: str) -> None:
    made = Format3(tmp_path / "w", sealing=Sealing(mode, CHEAP))
    made.volumes = [volume_a()]
    with opened(made.write()) as archive:
        assert archive.reader.is_sealed
        assert read_all(archive) == history()


@pytest.mark.parametrize("hash_type", ["blake2b", "sha256"])
@pytest.mark.parametrize("packing", ["zstd", "zlib", "bz2"])
def test_each_packing_and_hash_is_read(
    tmp_path: Path, hash_type: str, packing: str
) -> None:
    three = Format3(tmp_path / "3", 0x10000, packing, hash_type)
    two = Format2(tmp_path / "2", 0x20000, packing, hash_type)
    for made in (three, two):
        made.volumes = [volume_a()]
        with opened(made.write()) as archive:
            assert read_all(archive) == history()


@pytest.mark.parametrize("chunk", [0x10000, 0x20000])
def test_chunk_size_is_found_where_nothing_says_it(
    tmp_path: Path, chunk: int
) -> None:
    made = Format2(tmp_path / "w", chunk, "gzip", keeps_root=False)
    made.volumes = [Volume("a", sessions(history()[:2]))]
    with opened(made.write()) as archive:
        assert archive.chunk_size == chunk
        assert read_all(archive) == history()[:2]


def test_chunk_size_found_in_a_manifest_has_bounds(tmp_path: Path) -> None:
    """It is what is allocated for a chunk that unpacks to any size."""
    made = Format2(tmp_path / "w", 0x20000, "zlib", keeps_root=False)
    made.volumes = [Volume("a", sessions(history()[:1]))]
    manifest = made.write() / "a" / f"S_{FIRST}" / "manifest"
    first, second, *_ = manifest.read_text().splitlines()
    far = f"{second.split()[0]} x{1 << 33:016x}"
    manifest.write_text(f"{first}\n{far}\n")
    with pytest.raises(ForeignDamage, match="chunk size"), opened(made.root):
        pass


def test_stray_session_of_format_2_is_left_out(tmp_path: Path) -> None:
    """One that was moved into place when the volume's record was not."""
    root = Format2(tmp_path / "w", volumes=[volume_a()]).write()
    stray = root / "a" / "S_20240309-101112"
    shutil.copytree(root / "a" / f"S_{SECOND}", stray)
    with opened(root) as archive:
        assert read_all(archive) == history()


def test_order_is_that_of_sequences_and_not_of_names(tmp_path: Path) -> None:
    names = ["20240301-101112", "20240229-101112", "20240302-101112"]
    made = [Session(name, name.encode()) for name in names]
    root = Format3(tmp_path / "w", volumes=[Volume("a", made)]).write()
    with opened(root) as archive:
        assert read_all(archive) == [name.encode() for name in names]


def test_missing_session_ends_the_chain(tmp_path: Path) -> None:
    root = Format3(tmp_path / "w", volumes=[volume_a()]).write()
    (root / "Vol_0a1b2c" / f"S_{SECOND}" / "info").unlink()
    with opened(root) as archive:
        (found,) = archive.reader.volumes
        assert [each.name for each in found.sessions] == [FIRST]
        assert SECOND in found.broken


def test_wrong_passphrase_is_told(tmp_path: Path) -> None:
    made = Format3(tmp_path / "w", sealing=Sealing(n=CHEAP))
    made.volumes = [volume_a()]
    root = made.write()
    with pytest.raises(AuthenticationFailed), opened(root, b"another"):
        pass


# What lies in the archive, and which volume or chunk is lost with it.
PLACES = {
    "archive.ini": "root",
    "archive.salt": "root",
    "Vol_0a1b2c/volinfo": "volume",
    f"Vol_0a1b2c/S_{SECOND}/info": "session",
    f"Vol_0a1b2c/S_{SECOND}/manifest.z": "session",
    f"Vol_0a1b2c/S_{SECOND}/000000000/x0000000000000000": "session",
}


def lost_at(root: Path) -> str:
    """How far an archive can be read: root, volume, session, or nothing."""
    try:
        with opened(root) as archive:
            if archive.reader.failed:
                return "volume"
            try:
                (found,) = archive.reader.volumes
                if found.broken:
                    return "session"
                read_all(archive)
            except Dom0Error:
                return "session"
    except Dom0Error:
        return "root"
    return "nothing"


@pytest.mark.parametrize(
    "place, sealed",
    [(p, True) for p in PLACES]
    + [(p, False) for p in PLACES if p != "archive.salt"],
)
def test_every_flipped_byte_is_noticed(
    tmp_path: Path, place: str, sealed: bool
) -> None:
    made = Format3(tmp_path / "w", sealing=Sealing(n=CHEAP) if sealed else None)
    made.volumes = [Volume("a", sessions(history()[:2]))]
    path = made.write() / place
    assert lost_at(made.root) == "nothing"
    good, step = path.read_bytes(), max(1, path.stat().st_size // 20)
    unnoticed = []
    for at in range(len(good) - 1, -1, -step):
        bad = bytearray(good)
        bad[at] ^= 0x10
        path.write_bytes(bad)
        if lost_at(made.root) != PLACES[place]:
            unnoticed.append(at)
    if place == "archive.salt":
        # Counters and what nobody uses are not covered by anything.
        slots = [at % 80 for at in unnoticed if at < 320]
        assert all(at < 10 or at >= 74 for at in slots) and len(slots) <= 6
    elif place == "archive.ini" and not sealed:
        # Nothing proves it; gzip's own sum covers all but its header.
        assert all(at < 27 for at in unnoticed), unnoticed
    else:
        assert unnoticed == []


@pytest.mark.parametrize("place", PLACES)
def test_link_is_never_followed(tmp_path: Path, place: str) -> None:
    made = Format3(tmp_path / "w", sealing=Sealing(n=CHEAP))
    made.volumes = [Volume("a", sessions(history()[:2]))]
    path = made.write() / place
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert lost_at(made.root) == PLACES[place]
    path.unlink()
    os.mkfifo(path)
    assert lost_at(made.root) == PLACES[place]


def test_linked_folder_is_never_entered(tmp_path: Path) -> None:
    made = Format3(tmp_path / "w", volumes=[volume_a()])
    root = made.write()
    for each in (f"Vol_0a1b2c/S_{SECOND}", "Vol_0a1b2c"):
        (root / each).rename(tmp_path / "moved")
        (root / each).symlink_to(tmp_path / "moved")
        assert lost_at(root) in ("session", "volume")
        (root / each).unlink()
        (tmp_path / "moved").rename(root / each)
    assert lost_at(root) == "nothing"


def packed_chunk(root: Path) -> Path:
    (path,) = (root / "a" / f"S_{FIRST}").glob("*/x0000000000000000")
    return path


def rewrite(root: Path, plain: bytes, hashed: "bytes | None" = None) -> None:
    """Make another chunk of the first, with a manifest that agrees."""
    import hashlib

    packed = COMPRESS["zlib"](plain) if hashed is None else hashed
    packed_chunk(root).write_bytes(packed)
    path = root / "a" / f"S_{FIRST}" / "manifest"
    lines = path.read_text().splitlines(keepends=True)
    lines[0] = f"{hashlib.sha256(packed).hexdigest()} x{0:016x}\n"
    path.write_text("".join(lines))


@pytest.mark.parametrize("size", [0x10001, 64 << 20, 0xFFFF])
def test_chunk_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    made = Format2(tmp_path / "w", volumes=[Volume("a", sessions([CONTENT]))])
    rewrite(made.write(), bytes(size))
    with opened(made.root) as archive, pytest.raises(ForeignDamage):
        read_all(archive)


def test_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    made = Format2(tmp_path / "w", volumes=[Volume("a", sessions([CONTENT]))])
    os.truncate(packed_chunk(made.write()), 1 << 40)
    with opened(made.root) as archive, pytest.raises(ForeignDamage):
        read_all(archive)
    os.truncate(made.root / "archive.ini", 1 << 40)
    with pytest.raises(ForeignDamage), opened(made.root):
        pass


LINES = {
    "no address": "0\n",
    "a path": "0 x../../../etc/passwd\n",
    "a sign": "0 x-000000000010000\n",
    "between chunks": f"0 x{5:016x}\n",
    "backwards": f"0 x{0x10000:016x}\n0 x{0:016x}\n",
    "twice": f"0 x{0:016x}\n0 x{0:016x}\n",
    "no hash": f"zz x{0:016x}\n",
    "short hash": f"{'0' * 62} x{0:016x}\n",
    "long line": "0" * 5000,
    "blank line": "\n",
    "unprintable": f"\x00\x1b[31m x{0:016x}\n",
}


@pytest.mark.parametrize("lines", LINES.values(), ids=list(LINES))
def test_hostile_manifest_is_refused(tmp_path: Path, lines: str) -> None:
    made = Format2(tmp_path / "w", volumes=[Volume("a", sessions([CONTENT]))])
    path = made.write() / "a" / f"S_{FIRST}" / "manifest"
    path.write_text(lines)
    with opened(made.root) as archive, pytest.raises(ForeignDamage) as caught:
        read_all(archive)
    assert str(caught.value).isprintable()


INFOS = {
    "volsize": ["", "-1", "x", "9" * 30, str(1 << 62), "1_0", "٣"],
    "sequence": ["-5", "x"],
    "previous": ["S_../x", "S_20241301-000000", "x"],
    "permissions": ["rw", "x:y:z", "1:2", "9999999:a:b", "420:a b:c"],
    "format": ["tar"],
}


@pytest.mark.parametrize(
    "key, value", [(k, v) for k, values in INFOS.items() for v in values]
)
def test_hostile_session_is_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    made = Format2(tmp_path / "w", volumes=[Volume("a", sessions([CONTENT]))])
    path = made.write() / "a" / f"S_{FIRST}" / "info"
    lines = [
        line
        for line in path.read_text().splitlines()
        if not line.startswith(f"{key} ")
    ]
    path.write_text("\n".join([*lines, f"{key} = {value}", ""]))
    assert lost_at(made.root) in ("volume", "session")


ROOTS = {
    "chunksize": ["0", "1", "70000", "99999999", "x"],
    "compression": ["lzma", "", "../x"],
    "hashtype": ["md5", "hmac-sha256x"],
}


@pytest.mark.parametrize(
    "key, value", [(k, v) for k, values in ROOTS.items() for v in values]
)
def test_hostile_root_is_refused(tmp_path: Path, key: str, value: str) -> None:
    made = Format2(tmp_path / "w", volumes=[volume_a()])
    path = made.write() / "archive.ini"
    path.write_text(path.read_text().replace(f"{key} = ", f"{key} = {value}#"))
    text = path.read_text().replace("#", "\nother = ")
    path.write_text(text)
    assert lost_at(made.root) == "root"


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/b", ".", "", "a\0b"])
def test_volume_named_as_a_path_is_not_looked_for(
    tmp_path: Path, name: str
) -> None:
    made = Format2(tmp_path / "w", volumes=[volume_a()])
    path = made.write() / "archive.ini"
    path.write_text(path.read_text() + f"{name} = enable\n")
    outside = tmp_path / "x"
    shutil.copytree(made.root / "a", outside)
    with opened(made.root) as archive:
        assert [each.name for each in archive.reader.volumes] == ["a"]
        assert not archive.reader.failed


def test_too_many_volumes_are_refused(tmp_path: Path) -> None:
    made = Format2(tmp_path / "w", volumes=[volume_a()])
    path = made.write() / "archive.ini"
    more = "".join(f"v{n} = enable\n" for n in range(1024))
    path.write_text(path.read_text() + more)
    with pytest.raises(ForeignDamage), opened(made.root):
        pass


def test_several_old_archives_must_be_told_apart(tmp_path: Path) -> None:
    for pool in ("a%b", "a%c"):
        Format2(
            tmp_path / "sparsebak" / pool,
            keeps_root=False,
            volumes=[Volume("a", sessions([CONTENT]))],
        ).write()
    with pytest.raises(BadInput), opened(tmp_path):
        pass
    with opened(tmp_path / "sparsebak" / "a%b") as archive:
        assert read_all(archive) == [CONTENT]


def test_folder_without_an_archive_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(NotFound), opened(tmp_path):
        pass


def test_tags_that_can_not_be_here_are_left_out(tmp_path: Path) -> None:
    tags = [f"t{n} text {n}" for n in range(8)] + ["all x", "a,b y"]
    made = replace(Session(FIRST, b"x"), tags=["Big LOUD", *tags])
    root = Format3(tmp_path / "w", volumes=[Volume("a", [made])]).write()
    with opened(root) as archive:
        (session,) = archive.reader.volumes[0].sessions
    assert session.tags[:2] == (("big", "LOUD"), ("t0", "text 0"))
    assert len(session.tags) == 5
