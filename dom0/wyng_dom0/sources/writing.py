# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What all kinds of targets share: bounds, sentences, owner and times."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wyng_dom0.errors import TargetError
from wyng_dom0.names import quote
from wyng_dom0.state import durable

_ZEROS = bytes(1 << 20)


@dataclass(frozen=True)
class Owner:
    """Whose a restored file is; `mtime_ns`: last changed, None for now."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int | None = None


def check_inside(path: Path, size: int, offset: int, length: int) -> None:
    """Raise TargetError for a range that is not within the volume."""
    if offset < 0 or offset + length > size:
        raise TargetError(
            f"{length} bytes at {offset} lie outside the {size} of {path}",
            about=str(path),
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence that names the target."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> TargetError:
    """The sentence for what the system said."""
    return TargetError(
        f"{quote(str(path))} can't be written: {error.strerror}",
        about=str(path),
    )


def write_zeros(fd: int, offset: int, length: int) -> None:
    """Write zeros, where there is no other way to have them."""
    end = offset + length
    while offset < end:
        piece = memoryview(_ZEROS)[: end - offset]
        durable.write_all(fd, piece, offset)
        offset += len(piece)


def read_padded(fd: int, offset: int, length: int) -> bytes:
    """That many bytes; what lies behind the end is zeros."""
    data = os.pread(fd, length, offset)
    while len(data) < length:
        more = os.pread(fd, length - len(data), offset + len(data))
        if not more:
            return data + bytes(length - len(data))
        data += more
    return data


def set_owner(fd: int, uid: int, gid: int) -> bool:
    """Give it an owner; False when we may not."""
    try:
        os.fchown(fd, uid, gid)
    except PermissionError:
        return False
    return True


def set_mtime(fd: int, mtime_ns: int | None) -> None:
    """As the session has it; a time no file system of here holds is left."""
    if mtime_ns is not None:
        with suppress(OverflowError, OSError):
            os.utime(fd, ns=(mtime_ns, mtime_ns))
