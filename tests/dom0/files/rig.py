# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees of files with all that is odd, and volumes made of them."""

import os
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from wyng_dom0.files.driver import FilesDriver
from wyng_dom0.files.entry import Bounds, Entry, Kind
from wyng_dom0.files.header import encode, opening, padded
from wyng_dom0.files.reader import FilesReader, Piece
from wyng_dom0.files.scan import Tree
from wyng_dom0.snapshots.driver import VolumeAt

KIB, MIB = 1 << 10, 1 << 20
AT = VolumeAt("dom0:home", "/", "")


def grow(root: Path) -> Path:
    """A home with hostile names, links, holes and attributes."""
    root.mkdir()
    (root / "plain.txt").write_bytes(b"plain\n")
    (root / "empty").touch()
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "folder" / "deep" / "secret").write_bytes(b"s" * 1000)
    os.chmod(root / "folder" / "deep", 0o700)
    (root / "large").write_bytes(os.urandom(700_001))
    (root / "big").write_bytes(os.urandom(600_001))
    os.link(root / "large", root / "folder" / "same")
    os.symlink("plain.txt", root / "link")
    os.symlink("/etc/passwd", root / "out")
    os.symlink("../" + "x" * 200, root / "folder" / "long-link")
    for name in (b"new\nline", b"\xff\xfe", b"n" * 255, b"-rf", b"a%b=c"):
        (root / os.fsdecode(name)).write_bytes(name)
    name = root / "ümläut" / ("ä" * 60) / ("ö" * 60)
    name.mkdir(parents=True)
    (name / "end").write_bytes(b"end")
    with open(root / "sparse", "wb") as file:
        file.truncate(16 * MIB)
        file.seek(9 * MIB + 5)
        file.write(b"island")
    os.chmod(root / "plain.txt", 0o4751)
    os.utime(root / "plain.txt", ns=(1, 1_234_567_890_987_654_321))
    os.utime(root / "empty", ns=(1, -1_500_000_000))
    for number in range(100):
        (root / f"small-{number}").write_bytes(b"%d" % number * number)
    return root


class Volume:
    """A volume as the engine gets it: whole, and what was said."""

    def __init__(self, tree: Tree, bounds: Bounds = Bounds()) -> None:
        self.said: List[Tuple[str, bool]] = []
        self.driver = FilesDriver(
            lambda _: tree, bounds, lambda *each: self.said.append(each)
        )
        self.ref = self.driver.take(AT)

    def read(self, step: int = MIB) -> bytes:
        with self.driver.open(self.ref, AT) as snapshot:
            made = b"".join(
                snapshot.read(at, min(step, snapshot.size - at))
                for at in range(0, snapshot.size, step)
            )
            snapshot.check_unchanged_size()
        return made


def volume_of(root: Path) -> bytes:
    return Volume(Tree(root)).read()


def entries_of(data: bytes) -> Dict[bytes, Tuple[Entry, bytes]]:
    """All that our own reader finds, contents too."""
    reader = FilesReader(iter([data]))
    found = {}
    for entry in reader.entries():
        found[entry.path] = (entry, joined(reader.content()))
    return found


def joined(pieces: Iterator[Piece]) -> bytes:
    return b"".join(bytes(p) if isinstance(p, int) else p for p in pieces)


def tar_of(*entries: Tuple[Entry, bytes]) -> bytes:
    """A volume of any entries, also of those that no scan would find."""
    made = opening()
    for entry, content in entries:
        made += encode(entry) + content.ljust(padded(len(content)), b"\0")
    return made + bytes(1024)


def file(
    path: bytes, content: bytes = b"x", mode: int = 0o644
) -> Tuple[Entry, bytes]:
    return Entry(path, Kind.FILE, mode, size=len(content)), content


def link(path: bytes, target: bytes) -> Tuple[Entry, bytes]:
    return Entry(path, Kind.LINK, 0o777, target=target), b""


def folder(path: bytes, mode: int = 0o755) -> Tuple[Entry, bytes]:
    return Entry(path, Kind.FOLDER, mode), b""


def hard(path: bytes, target: bytes) -> Tuple[Entry, bytes]:
    return Entry(path, Kind.HARD_LINK, target=target), b""
