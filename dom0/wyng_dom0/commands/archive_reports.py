# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is reported of how an archive is used here; see reports.py."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SizeRow:
    """What an archive came to at a moment; see state/size_history.py."""

    at: datetime
    used: int
    free: int
    total: int
    live: int
    plain: int
    sessions: int
    newest: int
    logical: int | None


@dataclass(frozen=True)
class HistoryReport:
    """What `history` says; the oldest is first."""

    archive: str
    sizes: tuple[SizeRow, ...]


@dataclass(frozen=True)
class ScheduleReport:
    """What `schedule` says: when sends to an archive start by themselves.

    `available`: systemd runs here. `calendar` is as systemd takes it, ""
    where it is not known. `key_kept`: such a send needs nobody to type a
    passphrase.
    """

    archive: str
    available: bool
    enabled: bool
    calendar: str
    next_run: datetime | None
    persistent: bool
    on_battery: bool
    monitor: bool
    key_kept: bool


@dataclass(frozen=True)
class StandingRow:
    """An option of an archive: `value` counts, by `origin`: default, archive
    (`stored`, by configure) or config (the user's config.yaml)."""

    key: str
    value: str
    default: str
    origin: str
    stored: str | None


@dataclass(frozen=True)
class OptionsReport:
    """What `configure` says; with `rules_in_config` rules that are stored
    count not. `default`: it is meant where no archive is named."""

    archive: str
    rules_in_config: bool
    default: bool
    options: tuple[StandingRow, ...]
