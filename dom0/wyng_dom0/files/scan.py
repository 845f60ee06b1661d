# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies below some folders now, in the order in which a volume has it.

Folder before content, names by their bytes, so that the same files are always
in the same order. Links are not followed, other file systems not entered.
Reads no file's content.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from wyng_dom0.errors import NotFound
from wyng_dom0.files.below import open_folder, open_in, split
from wyng_dom0.files.entry import (
    DEPTH_MAX,
    KEPT_BYTES_MAX,
    PATH_BYTES_MAX,
    XATTR_BYTES_MAX,
    Bounds,
    Entry,
    Kind,
    TooMuch,
)
from wyng_dom0.files.notes import Notes
from wyng_dom0.names import HIDDEN_MARK, quote

_OWN = HIDDEN_MARK.encode("ascii")
_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK}
# Names in one folder that may be left out of it.
_SPARE = 1000
_SPECIAL = "sockets, pipes and devices are left out"
_ELSEWHERE = "what lies on other file systems is left out"
_UNREADABLE = "left out, for it can't be read"
_TOO_LONG = "left out, for the path is too long or too deep"
_NO_XATTRS = "left out are the extended attributes, for they are too many, of"
# What is no fault: only told.
EXPECTED = (_SPECIAL, _ELSEWHERE)


@dataclass(frozen=True)
class Tree:
    """Files below `base`: those at `starts`, whose last name is a pattern.

    A start b"" is all of `base`. What lies at `left_out` is not looked at.
    `generated` are files that are made anew each time.
    """

    base: Path
    starts: tuple[bytes, ...] = (b"",)
    left_out: frozenset[bytes] = frozenset()
    generated: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass
class _Scan:
    base: int
    tree: Tree
    bounds: Bounds
    notes: Notes
    name: str
    count: int = 0
    size: int = 0
    kept: int = 0
    device: int = -1
    # Of files with several names: their inodes, and the first names given.
    inodes: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    first_names: dict[tuple[int, int], bytes] = field(default_factory=dict)


def scan(tree: Tree, bounds: Bounds, notes: Notes, name: str) -> list[Entry]:
    """All entries; `name` is the volume's, for errors.

    Raises TooMuch beyond the bounds, NotFound when there is no `base`.
    """
    found: list[Entry] = []
    try:
        base = os.open(tree.base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(
            f"{quote(name)} is not there: {tree.base} can't be opened:"
            f" {error.strerror}",
            about=name,
        ) from None
    try:
        run = _Scan(base, tree, bounds, notes, name)
        run.kept = sum(map(len, tree.generated))
        for path in _starts(run):
            for entry in _below(run, path):
                entry = _with_first_name(run, entry)
                _count(run, entry)
                found.append(entry)
    finally:
        os.close(base)
    for path, content in sorted(tree.generated.items()):
        found.append(Entry(path, Kind.FILE, 0o644, size=len(content)))
    return found


def _count(run: _Scan, entry: Entry) -> None:
    run.count += 1
    run.kept += entry.kept
    if run.count > run.bounds.files:
        much = f"more than {run.bounds.files} files"
    elif run.size > run.bounds.size:
        much = f"more than {run.bounds.size} bytes"
    elif run.kept > KEPT_BYTES_MAX:
        much = f"names of more than {KEPT_BYTES_MAX} bytes together"
    else:
        return
    raise _too_much(run, much)


def _too_much(run: _Scan, much: str) -> TooMuch:
    return TooMuch(
        f"{quote(run.name)} has {much}: allow more with --files-limit, or leave"
        f" it out with --exclude={run.name}",
        about=run.name,
    )


def _with_first_name(run: _Scan, entry: Entry) -> Entry:
    """A file that was in the listing before is another name of that."""
    inode = run.inodes.pop(entry.path, None)
    if inode is None:
        return entry
    first = run.first_names.setdefault(inode, entry.path)
    if first == entry.path:
        return entry
    kind = Kind.HARD_LINK
    return replace(entry, kind=kind, size=0, target=first, xattrs=())


def _starts(run: _Scan) -> list[bytes]:
    """The paths at which there is something, in order, none below another."""
    found: set[bytes] = set()
    for start in run.tree.starts:
        folder, pattern = split(start)
        if not start:
            return [b""]
        for name in _names(run, folder):
            if fnmatchcase(os.fsdecode(name), os.fsdecode(pattern)):
                found.add(folder + b"/" + name if folder else name)
    return sorted(each for each in found if not _has_above(each, found))


def _has_above(path: bytes, others: set[bytes]) -> bool:
    folder = split(path)[0]
    while folder:
        if folder in others:
            return True
        folder = split(folder)[0]
    return False


def _names(run: _Scan, folder: bytes) -> list[bytes]:
    try:
        fd = open_folder(run.base, folder)
    except OSError:
        return []
    try:
        return _listed(run, fd)
    finally:
        os.close(fd)


def _listed(run: _Scan, fd: int) -> list[bytes]:
    """The names in a folder, sorted; no more are held than may be.

    Some of them may be left out, so that more than the bound are looked at.
    """
    most = 2 * run.bounds.files + _SPARE
    with os.scandir(fd) as some:
        names = [os.fsencode(each.name) for each in islice(some, most)]
    if len(names) == most:
        raise _too_much(run, f"more than {run.bounds.files} files")
    return sorted(names)


def _below(run: _Scan, start: bytes) -> Iterator[Entry]:
    """The entry at a path and all below it; the base itself has none."""
    run.device = -1
    if not start:
        run.device = os.fstat(run.base).st_dev
        waiting = [iter(_in_folder(run, b""))]
    else:
        folder, name = split(start)
        waiting = [iter(_in_folder(run, folder, [name]))]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        yield entry
        if entry.kind is Kind.FOLDER:
            waiting.append(iter(_in_folder(run, entry.path)))


def _in_folder(
    run: _Scan, folder: bytes, names: list[bytes] | None = None
) -> list[Entry]:
    """What is in a folder, or that of it which has some names."""
    try:
        fd = open_folder(run.base, folder)
    except FileNotFoundError:
        return []
    except OSError:
        run.notes.add(_UNREADABLE, folder)
        return []
    found = []
    try:
        if names is None:
            names = _listed(run, fd)
        for name in names:
            path = folder + b"/" + name if folder else name
            if _is_left_out(run, path, name):
                continue
            entry = _entry(run, fd, path, name)
            if entry is not None:
                found.append(entry)
            if len(found) + run.count > run.bounds.files:
                break
    except OSError:
        run.notes.add(_UNREADABLE, folder)
    finally:
        os.close(fd)
    return found


def _is_left_out(run: _Scan, path: bytes, name: bytes) -> bool:
    if path in run.tree.left_out:
        return True
    # What we are in the middle of unpacking or writing.
    if name.startswith(b".") and _OWN in name:
        return True
    if len(path) > PATH_BYTES_MAX or path.count(b"/") >= DEPTH_MAX:
        run.notes.add(_TOO_LONG, path)
        return True
    return False


def _entry(run: _Scan, folder: int, path: bytes, name: bytes) -> Entry | None:
    """The entry of one name; None where it is gone or left out."""
    try:
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if run.device == -1:
            run.device = seen.st_dev
        if seen.st_dev != run.device:
            run.notes.add(_ELSEWHERE, path)
            return None
        if stat.S_ISLNK(seen.st_mode):
            target = os.readlink(name, dir_fd=folder)
            return _made(path, Kind.LINK, seen, target=target)
        if not (stat.S_ISDIR(seen.st_mode) or stat.S_ISREG(seen.st_mode)):
            run.notes.add(_SPECIAL, path)
            return None
        return _opened(run, folder, path, name)
    except FileNotFoundError:
        return None
    except OSError:
        run.notes.add(_UNREADABLE, path)
        return None


def _opened(run: _Scan, folder: int, path: bytes, name: bytes) -> Entry | None:
    fd = open_in(folder, name)
    try:
        seen = os.fstat(fd)
        xattrs = _xattrs(run, fd, path)
    finally:
        os.close(fd)
    if stat.S_ISDIR(seen.st_mode):
        return _made(path, Kind.FOLDER, seen, xattrs=xattrs)
    if not stat.S_ISREG(seen.st_mode):
        return None
    if seen.st_nlink > 1:
        run.inodes[path] = (seen.st_dev, seen.st_ino)
    run.size += min(seen.st_size, seen.st_blocks * 512) // seen.st_nlink
    return _made(path, Kind.FILE, seen, seen.st_size, xattrs=xattrs)


def _made(
    path: bytes,
    kind: Kind,
    seen: os.stat_result,
    size: int = 0,
    target: bytes = b"",
    xattrs: tuple[tuple[bytes, bytes], ...] = (),
) -> Entry:
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        mtime_ns=seen.st_mtime_ns,
        size=size,
        target=target,
        xattrs=xattrs,
    )


def _xattrs(
    run: _Scan, fd: int, path: bytes
) -> tuple[tuple[bytes, bytes], ...]:
    """Sorted; none where they are too many or the file system has none."""
    try:
        names = sorted(os.listxattr(fd))
        found = [(os.fsencode(each), os.getxattr(fd, each)) for each in names]
    except OSError:
        return ()
    if sum(len(name) + len(value) for name, value in found) > XATTR_BYTES_MAX:
        run.notes.add(_NO_XATTRS, path)
        return ()
    return tuple(found)
