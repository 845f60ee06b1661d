# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives of wyng 0.8, format 3: each record proves the next one below.

The order is archive.ini, volinfo, info, manifest.z, chunk; each is opened,
then compared with the hash that the one above has of it, then decompressed,
then parsed.
"""

import hmac
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from wyng_dom0.errors import Dom0Error, ForeignDamage
from wyng_dom0.migrate.archive import pieces_of, plain_hash, running_hash
from wyng_dom0.migrate.cipher import (
    HEAD_SIZE,
    MODES,
    SALT_FILE_MAX,
    Cipher,
    unlock,
)
from wyng_dom0.migrate.folder import Folder
from wyng_dom0.migrate.manifest import parse_hash
from wyng_dom0.migrate.records import (
    INFO_MAX,
    ROOT_MAX,
    ROOT_PLAIN_MAX,
    VOLINFO_MAX,
    ForeignSession,
    ForeignVolume,
    Root,
    in_order,
    parse_info,
    parse_root,
    parse_sections,
    parse_volinfo,
)
from wyng_dom0.migrate.unpacking import Packing, unpack, unpack_pieces

MAGIC = b"[WYNG03]\n"
_MODE = b"ci = "
_HEAD = len(MAGIC) + 8
_UNSEALED = "00"
_IN_MEMORY = 8 << 20


class Format3:
    """A Reader of format 3; see archive. Records are read when it is made."""

    def __init__(
        self, folder: Folder, scratch: str, passphrase: Callable[[], bytes]
    ) -> None:
        self.folder = folder
        self._scratch = scratch
        mode, body = _split_root(folder.read(("archive.ini",), ROOT_MAX))
        self._cipher: Cipher | None = None
        if mode != _UNSEALED:
            body = self._unlock(mode, body, passphrase)
        self.is_sealed = self._cipher is not None
        self.label = "format 3, sealed" if self.is_sealed else "format 3"
        self.root = _root(body, mode)
        self._check_hash_type()
        self.volumes: list[ForeignVolume] = []
        self.failed: dict[str, str] = {}
        for vid, hash in self.root.volumes.items():
            self._load(vid, hash)

    def manifest_hash_type(self) -> str:
        """What records are hashed with; chunks may have a key of their own."""
        if self.root.hash_type == "hmac-sha256":
            return "blake2b"
        return self.root.hash_type

    @contextmanager
    def manifest(
        self, volume: ForeignVolume, session: ForeignSession, bound: int
    ) -> Iterator[Iterator[bytes]]:
        """See Reader: all of it is proven before any of it is given.

        It may be large, and its file must not change in between: so what was
        proven lies in a file of our own without a name.
        """
        path = (volume.folder, session.folder, "manifest.z")
        with tempfile.SpooledTemporaryFile(
            _IN_MEMORY, dir=self._scratch
        ) as proven:
            copy = cast(IO[bytes], proven)
            with self.folder.file(path) as untrusted:
                found = self._copy(untrusted, copy, bound)
            if not hmac.compare_digest(
                found, parse_hash(session.manifest_hash)
            ):
                raise ForeignDamage("manifest.z is not what its session says")
            copy.seek(0)
            packing = cast(Packing, self.root.packing)
            yield unpack_pieces(packing, cast(BinaryIO, copy), bound)

    def open_chunk(self, untrusted: bytes) -> bytes:
        """See Reader."""
        if self._cipher is None:
            return untrusted
        return self._cipher.open_chunk(untrusted)

    def chunk_hash(self, data: bytes) -> bytes:
        """See Reader."""
        if self._cipher is not None and self._cipher.hash_key is not None:
            return hmac.digest(self._cipher.hash_key, data, "sha256")
        return plain_hash(self.root.hash_type, data)

    def _unlock(
        self, mode: str, body: bytes, passphrase: Callable[[], bytes]
    ) -> bytes:
        if mode not in MODES:
            raise ForeignDamage(f"the archive is sealed in the mode {mode!r}")
        salts = self.folder.read(("archive.salt",), SALT_FILE_MAX)
        words = passphrase()
        cipher, opened = unlock(salts, mode, words, body)
        cipher.load_chunk_keys(salts, mode, words)
        self._cipher = cipher
        return opened

    def _check_hash_type(self) -> None:
        has_key = self._cipher is not None and self._cipher.hash_key is not None
        if self.root.hash_type == "hmac-sha256" and not has_key:
            raise ForeignDamage("its hashes need a key that it does not have")

    def _load(self, vid: str, hash: str) -> None:
        name = vid
        try:
            text = self._record((vid, "volinfo"), hash, VOLINFO_MAX)
            name, description, hashes = parse_volinfo(text)
            sessions, broken = self._sessions(vid, hashes)
        except Dom0Error as error:
            self.failed[name] = f"volinfo: {error}"
            return
        self.volumes.append(
            ForeignVolume(name, description, vid, sessions, broken)
        )

    def _sessions(
        self, vid: str, hashes: dict[str, str]
    ) -> tuple[tuple[ForeignSession, ...], str]:
        found, lost = [], ""
        for name, hash in hashes.items():
            try:
                path = (vid, f"S_{name}", "info")
                text = self._record(path, hash, INFO_MAX)
                found.append(parse_info(text, name))
            except Dom0Error as error:
                lost = lost or f"the session {name} can't be read: {error}"
        return in_order(found, lost)

    def _record(self, path: tuple[str, ...], hash: str, bound: int) -> str:
        untrusted = self.folder.read(path, bound + HEAD_SIZE)
        if self._cipher is not None:
            untrusted = self._cipher.open_message(untrusted)
        found = plain_hash(self.manifest_hash_type(), untrusted)
        if not hmac.compare_digest(found, parse_hash(hash)):
            raise ForeignDamage("it is not what the record above it says")
        packing = cast(Packing, self.root.packing)
        return _text(unpack(packing, untrusted, bound))

    def _copy(self, untrusted: BinaryIO, copy: IO[bytes], bound: int) -> bytes:
        """The hash of what was copied, its seal opened and proven."""
        pieces = pieces_of(untrusted, bound + HEAD_SIZE)
        if self._cipher is not None:
            pieces = self._cipher.open_pieces(untrusted)
        digest, done = running_hash(self.manifest_hash_type()), 0
        for piece in pieces:
            done += len(piece)
            if done > bound:
                raise ForeignDamage(f"it is larger than {bound} bytes")
            digest.update(piece)
            copy.write(piece)
        return digest.digest()


def _split_root(untrusted: bytes) -> tuple[str, bytes]:
    """The mode of sealing and the body."""
    head = untrusted[len(MAGIC) : _HEAD]
    well = len(head) == 8 and head.startswith(_MODE) and head.endswith(b"\n")
    mode = head[len(_MODE) : -1]
    if not (untrusted.startswith(MAGIC) and well and mode.isdigit()):
        raise ForeignDamage("archive.ini has no head of wyng's format 3")
    return mode.decode("ascii"), untrusted[_HEAD:]


def _root(body: bytes, mode: str) -> Root:
    sections = parse_sections(_text(unpack(Packing.GZIP, body, ROOT_PLAIN_MAX)))
    root = parse_root(sections)
    if sections["var"].get("format_ver") != "3":
        raise ForeignDamage("archive.ini has another format in it")
    if root.mode != mode:
        raise ForeignDamage("archive.ini says two ways of sealing")
    return root


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ForeignDamage("it is not UTF-8") from None
