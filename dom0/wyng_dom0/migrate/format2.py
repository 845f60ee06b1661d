# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives of wyng 0.3 and before, format 2, and of sparsebak before that.

Nothing is sealed and nothing above a manifest proves it: what is read is as
true as the disk it lies on. Chunks are compared with their manifest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from wyng_dom0.errors import Dom0Error, ForeignDamage
from wyng_dom0.migrate.archive import pieces_of, plain_hash
from wyng_dom0.migrate.folder import Folder, read_up_to
from wyng_dom0.migrate.manifest import parse_manifest
from wyng_dom0.migrate.records import (
    CHUNK_UNIT,
    INFO_MAX,
    ROOT_MAX,
    SESSIONS_MAX,
    VOLINFO_MAX,
    VOLUMES_MAX,
    ForeignSession,
    ForeignVolume,
    Root,
    check_chunk_size,
    check_session,
    fit_description,
    in_order,
    parse_info,
    parse_root,
    parse_sections,
)

MAGIC = b"[var]"
_OLD_CHUNK_SIZE = 0x20000
_ENTRIES_MAX = 2 * SESSIONS_MAX


class Format2:
    """A Reader of what came before format 3; see archive."""

    is_sealed = False

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.volumes: list[ForeignVolume] = []
        self.failed: dict[str, str] = {}
        self.label = "format 2"
        if folder.has("archive.ini"):
            text = _text(folder.read(("archive.ini",), ROOT_MAX))
            self.root = parse_root(_with_section(parse_sections(text), folder))
        else:
            # Before archive.ini was kept at the destination.
            self.label = "older than format 2"
            self.root = self._guessed_root()
        for name in self.root.volumes:
            if folder.has(name):
                self._load(name)

    @contextmanager
    def manifest(
        self, volume: ForeignVolume, session: ForeignSession, bound: int
    ) -> Iterator[Iterator[bytes]]:
        """See Reader; nothing proves it here."""
        path = (volume.folder, session.folder, "manifest")
        with self.folder.file(path) as untrusted:
            yield pieces_of(untrusted, bound)

    def open_chunk(self, untrusted: bytes) -> bytes:
        """See Reader; there is no seal."""
        return untrusted

    def chunk_hash(self, data: bytes) -> bytes:
        """See Reader."""
        return plain_hash(self.root.hash_type, data)

    def _load(self, name: str) -> None:
        try:
            volinfo = self._volinfo(name)
            sessions, broken = self._sessions(name, volinfo.get("last", ""))
        except Dom0Error as error:
            self.failed[name] = str(error)
            return
        about = fit_description(volinfo.get("desc", ""))
        self.volumes.append(ForeignVolume(name, about, name, sessions, broken))

    def _sessions(
        self, name: str, last: str
    ) -> tuple[tuple[ForeignSession, ...], str]:
        if last.lower() == "none":
            return (), ""
        return self._chain(name, last) if last else self._listed(name)

    def _volinfo(self, name: str) -> dict[str, str]:
        if not self.folder.has(name, "volinfo"):
            return {}
        text = _text(self.folder.read((name, "volinfo"), VOLINFO_MAX))
        return parse_sections(f"[volinfo]\n{text}")["volinfo"]

    def _chain(
        self, name: str, last: str
    ) -> tuple[tuple[ForeignSession, ...], str]:
        """Sessions from the newest back; a stray one is not among them."""
        found: list[ForeignSession] = []
        before = check_session(last)
        while before and len(found) < SESSIONS_MAX:
            found.append(self._session(name, before))
            before = found[-1].previous
        if before:
            raise ForeignDamage("its sessions have no beginning")
        return in_order(found, "")

    def _listed(self, name: str) -> tuple[tuple[ForeignSession, ...], str]:
        """Sessions by their folders' names, where no record has the order."""
        listed = [
            check_session(each)
            for each in self.folder.folders(_ENTRIES_MAX, name)
            if each.startswith("S_") and not each.endswith("tmp")
        ]
        found, previous = [], ""
        for at, each in enumerate(listed):
            session = self._session(name, each)
            found.append(replace(session, sequence=at, previous=previous))
            previous = each
        return in_order(found, "")

    def _session(self, volume: str, name: str) -> ForeignSession:
        path = (volume, f"S_{name}", "info")
        return parse_info(_text(self.folder.read(path, INFO_MAX)), name)

    def _guessed_root(self) -> Root:
        names = [
            each
            for each in self.folder.folders(_ENTRIES_MAX)
            if any(
                below.startswith("S_")
                for below in self.folder.folders(_ENTRIES_MAX, each)
            )
        ]
        if len(names) > VOLUMES_MAX:
            raise ForeignDamage(f"there are more than {VOLUMES_MAX} volumes")
        return Root(
            chunk_size=self._guessed_chunk_size(names),
            packing=None,
            hash_type="sha256",
            volumes=dict.fromkeys(names, ""),
        )

    def _guessed_chunk_size(self, names: list[str]) -> int:
        """By the second line of a first manifest: it lists every chunk."""
        for name in names:
            for each in self.folder.folders(_ENTRIES_MAX, name)[:1]:
                with self.folder.file((name, each, "manifest")) as file:
                    head = read_up_to(file, 4096)
                whole = head[: head.rfind(b"\n") + 1]
                entries = parse_manifest([whole], CHUNK_UNIT)
                numbers = [number for number, _ in entries][:2]
                if len(numbers) == 2:
                    step = numbers[1] - numbers[0]
                    return check_chunk_size(step * CHUNK_UNIT)
        return _OLD_CHUNK_SIZE


def _with_section(
    sections: dict[str, dict[str, str]], folder: Folder
) -> dict[str, dict[str, str]]:
    """The unfinished work of this format stands in a file of its own."""
    var = {**sections.get("var", {}), "ci_mode": "00"}
    var.setdefault("chunksize", str(_OLD_CHUNK_SIZE))
    unfinished = {}
    if folder.has("in_process"):
        unfinished["0"] = _text(folder.read(("in_process",), VOLINFO_MAX))
    return {**sections, "var": var, "in_process": unfinished}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
