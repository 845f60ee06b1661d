# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verifying a session: every byte of it is read and checked, none kept.

Or a part of it: from where an earlier reading was cut off, until a deadline,
or chunks drawn by lot.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wyng_dom0.archive.page import ranges
from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.engine.download import Ref
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener, VolumeDone, VolumeStarted


@dataclass(frozen=True)
class Extent:
    """What of a session is read: from chunk `first` on, while `in_time`
    says so; of each chunk a share of `sample` is drawn, 1.0 being all."""

    first: int = 0
    in_time: Callable[[], bool] = lambda: True
    sample: float = 1.0


ALL = Extent()


@dataclass
class Verdict:
    """What verifying a session found: damaged (offset, length) ranges.

    `reached` is the first chunk not read when time was over, None when the
    end was reached.
    """

    bytes_read: int = 0
    damaged: list[tuple[int, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reached: int | None = None


def verify_session(
    content: SessionContent, listener: Listener, extent: Extent = ALL
) -> Verdict:
    """Read what the extent says; the verdict names every damaged range."""
    session, name = content.session, content.page.name
    listener(VolumeStarted(name, session.size))
    teller = Teller(listener, name, session.size)
    verdict = Verdict()
    try:
        content.check_settings()
        _read(content, extent, verdict, teller)
    except IntegrityError as node_error:
        # Settings; or a node: what lies below it can't even be named.
        verdict.errors.append(str(node_error))
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


def _read(
    content: SessionContent, extent: Extent, verdict: Verdict, teller: Teller
) -> None:
    damaged = []
    try:
        for number, found in content.fetch(_refs(content, extent, verdict)):
            offset, length = content.extent(number)
            if isinstance(found, IntegrityError):
                damaged.append(number)
                verdict.errors.append(str(found))
            else:
                verdict.bytes_read += length
            teller.tell(offset + length)
        if verdict.reached is None:
            teller.end()
    finally:
        verdict.damaged = [content.extent(*pair) for pair in ranges(damaged)]


def _refs(
    content: SessionContent, extent: Extent, verdict: Verdict
) -> Iterator[Ref]:
    """What is to be fetched; notes where time was over.

    What is drawn must not be foreseen by the store, which sees what is asked
    for: the system's own dice.
    """
    refs = content.refs()
    if extent.first:
        left = max(0, content.chunks - extent.first)
        refs = content.refs_in([(extent.first, left)] if left else [])
    dice = random.SystemRandom()
    for number, id in refs:
        if not extent.in_time():
            verdict.reached = number
            return
        if extent.sample >= 1.0 or dice.random() < extent.sample:
            yield number, id
