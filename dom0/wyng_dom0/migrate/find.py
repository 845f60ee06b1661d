# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which folder below the one the user named holds the archive, and its form."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wyng_dom0.errors import BadInput, ForeignDamage, NotFound
from wyng_dom0.migrate import format2, format3
from wyng_dom0.migrate.archive import ForeignArchive
from wyng_dom0.migrate.folder import Folder, open_folder
from wyng_dom0.names import quote

# Where wyng 0.3 and sparsebak put it below a destination.
_BELOW = (
    ("wyng.backup", "default"),
    ("sparsebak", "default"),
    ("sparsebak.backup", "default"),
    ("default",),
)
_OLDEST = "sparsebak"
_LOOKED_AT_MAX = 4096


@contextmanager
def open_foreign(
    path: str, scratch: str, passphrase: Callable[[], bytes]
) -> Iterator[ForeignArchive]:
    """The wyng archive at or below a path, its records read.

    `scratch` is a folder for large temporary files; `passphrase` is called
    for a sealed archive only. NotFound where there is no archive,
    AuthenticationFailed, ForeignDamage.
    """
    with open_folder(path) as top:
        place = "/".join((path.rstrip("/") or "/", *_find(top)))
    with open_folder(place) as folder:
        yield ForeignArchive(_reader(folder, scratch, passphrase))


def _find(top: Folder) -> tuple[str, ...]:
    if top.has("archive.ini"):
        return ()
    for known in _BELOW:
        if top.has(*known, "archive.ini"):
            return known
    places: list[tuple[str, ...]] = [(), *_BELOW, *_pools(top)]
    for below in places:
        if _has_volumes(top, below):
            return below
    raise NotFound(f"there is no archive of wyng in {quote(top.shown)}")


def _pools(top: Folder) -> list[tuple[str, ...]]:
    """The first sparsebak's folders, one for each vg%pool."""
    if not top.has(_OLDEST):
        return []
    names = top.folders(_LOOKED_AT_MAX, _OLDEST)
    found: list[tuple[str, ...]]
    found = [(_OLDEST, name) for name in names if "%" in name]
    if len(found) > 1:
        shown = ", ".join("/".join(each) for each in found[:5])
        raise BadInput(
            f"{quote(top.shown)} holds several archives, name one: {shown}"
        )
    return found


def _has_volumes(top: Folder, below: tuple[str, ...]) -> bool:
    """Is there a folder with folders of sessions?"""
    if below and not top.has(*below):
        return False
    try:
        return any(
            each.startswith("S_")
            for name in top.folders(_LOOKED_AT_MAX, *below)
            for each in top.folders(_LOOKED_AT_MAX, *below, name)
        )
    except (ForeignDamage, NotFound):
        return False


def _reader(
    folder: Folder, scratch: str, passphrase: Callable[[], bytes]
) -> "format2.Format2 | format3.Format3":
    if not folder.has("archive.ini"):
        return format2.Format2(folder)
    with folder.file(("archive.ini",)) as file:
        head = file.read(len(format3.MAGIC))
    if head == format3.MAGIC:
        return format3.Format3(folder, scratch, passphrase)
    if head.startswith(format2.MAGIC):
        return format2.Format2(folder)
    raise ForeignDamage(
        f"archive.ini in {quote(folder.shown)} is not of wyng's formats 2 or 3"
    )
