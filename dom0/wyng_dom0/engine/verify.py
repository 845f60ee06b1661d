# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verifying a session: every byte of it is read and checked, none kept."""

from dataclasses import dataclass, field

from wyng_dom0.archive.page import ranges
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener, VolumeDone, VolumeStarted


@dataclass
class Verdict:
    """What verifying a session found: damaged (offset, length) ranges."""

    bytes_read: int = 0
    damaged: list[tuple[int, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def verify_session(content: SessionContent, listener: Listener) -> Verdict:
    """Read every byte; the verdict names every damaged range."""
    session, name = content.session, content.page.name
    listener(VolumeStarted(name, session.size))
    teller = Teller(listener, name, session.size)
    verdict = Verdict()
    damaged = []
    try:
        for number, found in content.fetch(content.refs()):
            offset, length = content.extent(number)
            if isinstance(found, IntegrityError):
                damaged.append(number)
                verdict.errors.append(str(found))
            else:
                verdict.bytes_read += length
            teller.tell(offset + length)
        teller.end()
    except IntegrityError as node_error:
        # A node: what lies below it can't even be named.
        verdict.errors.append(str(node_error))
    verdict.damaged = [content.extent(*pair) for pair in ranges(damaged)]
    listener(
        VolumeDone(
            volume=name,
            total_bytes=verdict.bytes_read,
            session=session.name,
            sequence=session.sequence,
            error=verdict.errors[0] if verdict.errors else None,
        )
    )
    return verdict
