# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Doubled files: small, precious, written once, kept twice.

NAME and NAME.copy each hold the content followed by
SHA-256(label, 0, content); the label is the file's path inside the archive,
so that a whole file under another's name is damage too. A name of which
either copy exists, exists. This module knows no content.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from wyng_common.errors import FormatError
from wyng_store import durable
from wyng_store.errors import Damage

DIGEST_SIZE = 32
_AT_ROOT = ("format", "reclaims", "delayed")


@dataclass(frozen=True)
class Doubled:
    """What was read: the content, and whether both copies held it."""

    content: bytes
    whole: bool


def encode(label: str, content: bytes) -> bytes:
    """The bytes of one copy."""
    return content + _digest(label, content)


def decode(label: str, untrusted: bytes) -> bytes:
    """The content of one copy; raises FormatError."""
    content = untrusted[:-DIGEST_SIZE]
    if untrusted[-DIGEST_SIZE:] != _digest(label, content):
        raise FormatError(f"a copy of {label} fails its digest")
    return content


def exists(path: Path) -> bool:
    """Is there either copy, readable or not?"""
    return path.exists() or _second(path).exists()


def load(path: Path, bound: int) -> Doubled:
    """Read either copy whose digest holds, `bound` bytes of content at most.

    Raises Damage when neither does. Ask `exists` about absence first.
    """
    first = _load_copy(path, path, bound)
    second = _load_copy(_second(path), path, bound)
    if first is None and second is None:
        raise Damage(f"both copies of {_label(path)} are unreadable")
    if first is not None and second is not None and first != second:
        raise Damage(f"the copies of {_label(path)} differ")
    content = first if first is not None else second
    assert content is not None
    return Doubled(content, first == second)


def create(path: Path, content: bytes) -> bool:
    """Write both copies, durably; False when other content has the name.

    A name already holding these bytes is completed and counts as created.
    """
    data = encode(_label(path), content)
    for copy in (path, _second(path)):
        if durable.create_file(copy, data):
            continue
        if _load_copy(copy, path, len(content)) != content:
            return False
    return True


def heal(path: Path, content: bytes) -> None:
    """Make both copies hold `content`, replacing the one that does not."""
    for copy in (path, _second(path)):
        if _load_copy(copy, path, len(content)) != content:
            durable.replace_file(copy, encode(_label(path), content))


def remove(path: Path) -> None:
    """Remove both copies, durably."""
    durable.unlink(path)
    durable.unlink(_second(path))
    durable.sync_directory(path.parent)


def _second(path: Path) -> Path:
    return path.with_name(path.name + ".copy")


def _label(path: Path) -> str:
    """`format`, `reclaims`, `keys/0.slot`, `log/...commit`."""
    if path.name in _AT_ROOT:
        return path.name
    return f"{path.parent.name}/{path.name}"


def _digest(label: str, content: bytes) -> bytes:
    digest = hashlib.sha256(label.encode("ascii") + b"\0")
    digest.update(content)
    return digest.digest()


def _load_copy(copy: Path, path: Path, bound: int) -> Optional[bytes]:
    """None when the copy is absent, unreadable or fails its digest."""
    try:
        with copy.open("rb") as file:
            untrusted = file.read(bound + DIGEST_SIZE + 1)
        if len(untrusted) > bound + DIGEST_SIZE:
            return None
        return decode(_label(path), untrusted)
    except (OSError, FormatError):
        return None
