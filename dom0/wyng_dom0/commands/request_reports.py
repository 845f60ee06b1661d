# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `requests` reports, as values; see reports."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class RequestRow:
    """A restore that the qube `vm` asked for; `session` "" is the newest.

    `state` is pending, needs-key or failed; `why` says what was wrong.
    """

    archive: str
    qube: str
    session: str
    vm: str
    asked: datetime
    expires: datetime
    state: str
    why: str


@dataclass(frozen=True)
class AllowedRow:
    """A qube that may ask for an archive; `limited_until` is when its next
    call is heard, None for at once."""

    vm: str
    archive: str
    by_itself: bool
    since: datetime
    limited_until: datetime | None


@dataclass(frozen=True)
class RequestList:
    """What `requests list` says; `problems` are why calls are refused."""

    requests: tuple[RequestRow, ...]
    allowed: tuple[AllowedRow, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogRow:
    """Something that was asked for, refused or done; "" has no meaning."""

    time: datetime
    what: str
    vm: str
    archive: str
    qube: str
    session: str
    why: str


@dataclass(frozen=True)
class RequestLog:
    """What `requests log` says, the oldest first."""

    entries: tuple[LogRow, ...]
