# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ids and hashes as types: a value of the wrong length can't be made."""

import os
from typing import ClassVar, Type, TypeVar

from wyng_common.errors import FormatError

T = TypeVar("T", bound="FixedBytes")


class FixedBytes(bytes):
    """Bytes of one length, compared and hashed as bytes.

    Raises FormatError when the value has another length.
    """

    SIZE: ClassVar[int] = 0

    def __new__(cls: Type[T], value: bytes) -> T:
        if len(value) != cls.SIZE:
            raise FormatError(
                f"{cls.__name__} takes {cls.SIZE} bytes, not {len(value)}"
            )
        return super().__new__(cls, value)

    @classmethod
    def random(cls: Type[T]) -> T:
        """A fresh value from the kernel's random source."""
        return cls(os.urandom(cls.SIZE))

    @classmethod
    def zero(cls: Type[T]) -> T:
        """The all-zero value, which stands for "none" where one is needed."""
        return cls(bytes(cls.SIZE))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()})"


class BlobId(FixedBytes):
    """What a blob is called: a keyed hash of all that it means."""

    SIZE = 32


class CommitHash(FixedBytes):
    """SHA-256 of a whole commit record; the chain is made of these."""

    SIZE = 32


class ArchiveId(FixedBytes):
    """Random, drawn once at arch-init."""

    SIZE = 16


class StagingToken(FixedBytes):
    """Random, drawn by a sender: whose uploads answer HAVE before a commit."""

    SIZE = 16


def split_ids(joined: bytes) -> "list[BlobId]":
    """Cut a whole number of 32-byte ids out of bytes.

    Raises FormatError when the length is no multiple of 32.
    """
    if len(joined) % BlobId.SIZE:
        raise FormatError(f"{len(joined)} bytes are no whole number of ids")
    return [
        BlobId(joined[at : at + BlobId.SIZE])
        for at in range(0, len(joined), BlobId.SIZE)
    ]
