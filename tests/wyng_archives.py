# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives as wyng writes them, made from contents; for tests of migrate.

Follows the published description of the formats and shares no code with the
program: what it makes is what the reader must understand.
"""

import base64
import bz2
import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import zstandard

PASSPHRASE = b"an old passphrase"
# Salts of all archives made here: their keys are made once, they cost 512 MiB.
SALTS = tuple(hashlib.sha512(b"salt %d" % n).digest() for n in range(4))
N = 1 << 19

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda data: zstandard.ZstdCompressor(level=3).compress(data),
    "zlib": lambda data: zlib.compress(data, 4),
    "gzip": lambda data: gzip.compress(data, 4),
    "bz2": lambda data: bz2.compress(data, 9),
}


@dataclass
class Session:
    """One session of a volume: its time, its whole content, its tags."""

    name: str
    content: bytes
    tags: Sequence[str] = ()
    permissions: str = "w"
    localtime: str = "1500000000123456789"


@dataclass
class Volume:
    name: str
    sessions: list[Session]
    description: str = ""
    vid: str = "Vol_0a1b2c"


@lru_cache(maxsize=4)
def derived(salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(
        PASSPHRASE, salt=salt, n=n, r=8, p=1, dklen=32, maxmem=640 << 20
    )


@dataclass
class Sealing:
    """The keys of a sealed archive; `n` smaller than wyng's is for tests."""

    mode: str = "35"
    n: int = N

    def _key(self, slot: int) -> bytes:
        salt = SALTS[slot][:32] if self.mode == "30" else SALTS[slot]
        return derived(salt, self.n)

    def message(self, plain: bytes) -> bytes:
        from Cryptodome.Cipher import ChaCha20_Poly1305

        nonce = hashlib.sha256(b"m" + plain).digest()[:24]
        cipher: Any = ChaCha20_Poly1305.new(key=self._key(1), nonce=nonce)
        sealed, tag = cipher.encrypt_and_digest(plain)
        return nonce + bytes(tag) + bytes(sealed)

    def chunk(self, plain: bytes) -> bytes:
        from Cryptodome.Cipher import ChaCha20

        nonce = hashlib.sha256(b"c" + plain).digest()[:24]
        cipher: Any = ChaCha20.new(key=self._key(0), nonce=nonce)
        return nonce + bytes(cipher.encrypt(plain))

    def chunk_hash(self, packed: bytes) -> bytes:
        from Cryptodome.Hash import SHA512
        from Cryptodome.Protocol.KDF import HKDF

        if self.mode == "30":
            return hashlib.blake2b(packed, digest_size=32).digest()
        context = b"Wyng-Manifest-Hash0"
        keys: Any = HKDF(self._key(0), 64, SALTS[3], SHA512, 2, context)
        return hmac.digest(bytes(keys[1]), packed, "sha256")

    def salt_file(self) -> bytes:
        slots = b"".join(bytes(10) + salt + bytes(6) for salt in SALTS)
        digest = hashlib.blake2b(b"".join(SALTS), digest_size=64).digest()
        return slots + self.message(digest)


def deltas(
    contents: Sequence[bytes], chunk: int
) -> list[list[tuple[int, bytes]]]:
    """Per session the (address, data) that a send would list; the first all.

    A chunk of nothing but zeros is b"".
    """
    result: list[list[tuple[int, bytes]]] = []
    before = b""
    for at, now in enumerate(contents):
        changed = []
        for address in range(0, len(now), chunk):
            data = now[address : address + chunk]
            if at == 0 or data != before[address : address + chunk]:
                changed.append((address, data if any(data) else b""))
        result.append(changed)
        before = now
    return result


@dataclass
class Format3:
    """An archive of wyng 0.8. Make volumes, then `write`."""

    root: Path
    chunk: int = 0x20000
    compression: str = "zstd"
    hash_type: str = "blake2b"
    sealing: Sealing | None = None
    in_process: Sequence[str] = ()
    volumes: list[Volume] = field(default_factory=list)

    def write(self) -> Path:
        self.root.mkdir(parents=True)
        hashes = {each.vid: self._volume(each) for each in self.volumes}
        mode = self.sealing.mode if self.sealing else "00"
        sealed_hash = "blake2b" if mode == "30" else "hmac-sha256"
        var = {
            "uuid": "0f5be4ec-9d0a-4b7d-8a0c-6a1f2c3d4e5f",
            "updated_at": "1700000000.25",
            "format_ver": "3",
            "chunksize": self.chunk,
            "compression": self.compression,
            "compr_level": "3",
            "hashtype": sealed_hash if self.sealing else self.hash_type,
            "ci_mode": mode,
            "dataci_count": "0",
            "mci_count": "0",
        }
        unfinished = dict(enumerate(self.in_process))
        text = sections(var=var, volumes=hashes, in_process=unfinished)
        self.put_root(text, mode)
        if self.sealing:
            (self.root / "archive.salt").write_bytes(self.sealing.salt_file())
        return self.root

    def put_root(self, text: str, mode: str) -> None:
        body = gzip.compress(text.encode())
        if self.sealing:
            body = self.sealing.message(body)
        head = b"[WYNG03]\nci = %s\n" % mode.encode()
        (self.root / "archive.ini").write_bytes(head + body)

    def put(self, path: Path, plain: bytes) -> str:
        """A record; gives the hash that the one above must have of it."""
        packed = COMPRESS[self.compression](plain)
        if not self.sealing and self.hash_type == "sha256":
            digest = hashlib.sha256(packed).digest()
        else:
            digest = hashlib.blake2b(packed, digest_size=32).digest()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            self.sealing.message(packed) if self.sealing else packed
        )
        return base64.urlsafe_b64encode(digest).decode()

    def _volume(self, volume: Volume) -> str:
        contents = [each.content for each in volume.sessions]
        lines, previous = [], "None"
        for at, listed in enumerate(deltas(contents, self.chunk)):
            session = volume.sessions[at]
            folder = self.root / volume.vid / f"S_{session.name}"
            folder.mkdir(parents=True)
            manifest = "".join(
                f"{self._chunk(folder, *each)} x{each[0]:016x}\n"
                for each in listed
            )
            hash = "0"
            if manifest:
                hash = self.put(folder / "manifest.z", manifest.encode())
            info = info_text(session, previous, at, manifesthash=hash)
            lines.append(
                f"S_{session.name} = {self.put(folder / 'info', info)}\n"
            )
            previous = f"S_{session.name}"
        names = [f"S_{each.name}" for each in volume.sessions]
        head = f"name = {volume.name}\ndesc = {volume.description}\n"
        text = head + "".join(lines)
        hash = self.put(self.root / volume.vid / "volinfo", text.encode())
        (self.root / volume.vid / "sessions").write_text(json.dumps(names))
        return hash

    def _chunk(self, folder: Path, address: int, data: bytes) -> str:
        if not data:
            return "0"
        packed = COMPRESS[self.compression](data)
        if self.sealing:
            digest = self.sealing.chunk_hash(packed)
            put_chunk(folder, address, self.sealing.chunk(packed))
        else:
            digest = hashed(self.hash_type, packed)
            put_chunk(folder, address, packed)
        return base64.urlsafe_b64encode(digest).decode()


@dataclass
class Format2:
    """An archive of wyng 0.3; with `keeps_root` off, of an old sparsebak."""

    root: Path
    chunk: int = 0x10000
    compression: str = "zlib"
    hash_type: str = "sha256"
    keeps_root: bool = True
    in_process: str = ""
    volumes: list[Volume] = field(default_factory=list)

    def write(self) -> Path:
        self.root.mkdir(parents=True)
        for volume in self.volumes:
            self._volume(volume)
        if self.keeps_root:
            var = {
                "chunksize": self.chunk,
                "compression": self.compression,
                "compr_level": "4",
                "hashtype": self.hash_type,
                "destsys": "internal:",
                "uuid": "0f5be4ec-9d0a-4b7d-8a0c-6a1f2c3d4e5f",
            }
            named = {each.name: "enable" for each in self.volumes}
            text = sections(var=var, volumes=named)
            (self.root / "archive.ini").write_text(text)
        if self.in_process:
            (self.root / "in_process").write_text(self.in_process)
        return self.root

    def _volume(self, volume: Volume) -> None:
        contents = [each.content for each in volume.sessions]
        top, previous = self.root / volume.name, "none"
        for at, listed in enumerate(deltas(contents, self.chunk)):
            session = volume.sessions[at]
            folder = top / f"S_{session.name}"
            folder.mkdir(parents=True)
            text = "".join(
                f"{self._chunk(folder, *each)} x{each[0]:016x}\n"
                for each in listed
            )
            (folder / "manifest").write_text(text)
            info = info_text(session, previous, at, format="folders")
            if not self.keeps_root:
                info = f"volsize = {len(session.content)}\n".encode()
            (folder / "info").write_bytes(info)
            previous = f"S_{session.name}"
        if self.keeps_root:
            first = f"S_{volume.sessions[0].name}"
            (top / "volinfo").write_text(
                f"format_ver = 2\nuuid = x\nfirst = {first}\nlast = {previous}"
                f"\ndesc = {volume.description}\nque_meta_update = false\n"
            )

    def _chunk(self, folder: Path, address: int, data: bytes) -> str:
        if not data:
            return "0"
        packed = COMPRESS[self.compression](data)
        put_chunk(folder, address, packed)
        return hashed(self.hash_type, packed).hex()


def hashed(hash_type: str, packed: bytes) -> bytes:
    if hash_type == "sha256":
        return hashlib.sha256(packed).digest()
    return hashlib.blake2b(packed, digest_size=32).digest()


def put_chunk(folder: Path, address: int, data: bytes) -> None:
    name = f"{address:016x}"
    (folder / name[:9]).mkdir(exist_ok=True)
    (folder / name[:9] / f"x{name}").write_bytes(data)


def info_text(
    session: Session, previous: str, sequence: int, **more: str
) -> bytes:
    lines = {
        "localtime": session.localtime,
        "previous": previous,
        "permissions": session.permissions,
        **more,
        "volsize": len(session.content),
        "sequence": sequence,
        "mfcs": 0,
    }
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    return (text + "".join(f"tag = {tag}\n" for tag in session.tags)).encode()


def sections(**named: "dict[Any, Any]") -> str:
    return "\n".join(
        f"[{name}]\n"
        + "".join(f"{key} = {value}\n" for key, value in values.items())
        for name, values in named.items()
    )
