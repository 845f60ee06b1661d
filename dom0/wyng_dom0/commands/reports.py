# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands report, as values; how it looks is the CLI's business.

Sizes are bytes, times aware. A report becomes one JSON object: its fields,
with `kind` in front.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Union

from wyng_dom0.commands.archive_reports import (
    HistoryReport,
    OptionsReport,
    ScheduleReport,
)
from wyng_dom0.commands.file_reports import FilesReport
from wyng_dom0.commands.request_reports import RequestList, RequestLog
from wyng_dom0.commands.setting_reports import (
    SettingsDiffReport,
    SettingsReport,
)

Cell = Union[str, int, bool, datetime, None]


@dataclass(frozen=True)
class Said:
    """One sentence for people, and named values for JSON."""

    kind: str
    text: str
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class VolumeRow:
    """One volume of an archive; `newest` is "" when it has no session.

    `proven` is when its newest proven session, `proven_session`, was read
    whole; None and "" where this machine knows of none.
    """

    name: str
    size: int = 0
    sessions: int = 0
    newest: str = ""
    description: str = ""
    newest_time: datetime | None = None
    vid: str = ""
    changed: int = 0
    tags: tuple[str, ...] = ()
    pinned: bool = False
    proven: datetime | None = None
    proven_session: str = ""


@dataclass(frozen=True)
class ArchiveTotals:
    """An archive in numbers; see engine/sharing.py. Ratios are estimates."""

    sessions: int
    logical: int
    plain: int
    live: int
    stored: int
    reclaimable: int
    staged: int
    free: int
    dedup_ratio: float
    compression_ratio: float


@dataclass(frozen=True)
class VolumeList:
    """What `list` says without a volume's name; `totals` if verbose.

    Where a session or tag was asked for, `newest` is the newest such one.
    """

    archive: str
    volumes: tuple[VolumeRow, ...]
    head_code: str = ""
    totals: ArchiveTotals | None = None


@dataclass(frozen=True)
class SessionRow:
    """One session of one volume; `state` is clean, live or not-still.

    `unique` are bytes that no neighbouring session has, `shared` the rest of
    the size; None where that was not found out. `proven`: when all of it was
    last read back and whole, `proven_by` which command; `sampled`: when a
    part drawn by lot was.
    """

    session: str
    sequence: int
    time: datetime
    size: int
    changed: int
    state: str = "clean"
    tags: tuple[str, ...] = ()
    pinned: bool = False
    descriptions: tuple[str, ...] = ()
    unique: int | None = None
    shared: int | None = None
    proven: datetime | None = None
    proven_by: str = ""
    sampled: datetime | None = None


@dataclass(frozen=True)
class SessionList:
    """What `list VOLUME` says; sessions are oldest first."""

    archive: str
    volume: str
    sessions: tuple[SessionRow, ...]
    description: str = ""


@dataclass(frozen=True)
class PlaceRow:
    """What is at a destination; `state` is free, archive, in use or unknown.

    `known_as` is what this machine calls an archive there. Bytes of the file
    system, None where they can't be seen from here. `problem` is why no new
    archive can be made there, or "".
    """

    url: str
    state: str
    known_as: str | None = None
    free: int | None = None
    total: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class SourceVolumeRow:
    """A volume that could be sent; `included` when `--all` means it."""

    name: str
    size: int
    included: bool = True


@dataclass(frozen=True)
class SourceRow:
    """A source, and its volumes or why there are none to be had."""

    source: str
    volumes: tuple[SourceVolumeRow, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class ProbeReport:
    """What `probe` says; `qubes` where this is dom0 of Qubes OS, `timers`
    where `schedule` can set any."""

    qubes: bool
    timers: bool = False
    destination: PlaceRow | None = None
    source: SourceRow | None = None


@dataclass(frozen=True)
class PrunedRow:
    """One session that prune removed or kept, or with --dry-run would, and
    why, in a few words."""

    volume: str
    session: str
    why: str = ""


@dataclass(frozen=True)
class PruneList:
    """What `prune` removed or would remove, and the bytes it freed.

    `kept` is all that stays with `dry_run`, else what was named to go and
    stays all the same; `alarms` are why a person is asked first.
    """

    archive: str
    removed: tuple[PrunedRow, ...]
    dry_run: bool = False
    freed: int = 0
    kept: tuple[PrunedRow, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerRow:
    """What one archive lacks of a volume, at most, up to its snapshot."""

    archive: str
    changed: int
    everything: bool


@dataclass(frozen=True)
class KeptRow:
    """What is kept of one volume; `snapshot` is "" when there is none.

    `present` is False when the snapshot was taken away by somebody. `cost`
    is the bytes that only it holds, None when unknown.
    """

    source: str
    volume: str
    snapshot: str
    present: bool
    size: int
    taken: datetime | None
    age_seconds: int
    cost: int | None
    ledgers: tuple[LedgerRow, ...]


@dataclass(frozen=True)
class PoolRow:
    """How full a pool is; `snapshots` are the bytes that only our snapshots
    hold, None where nobody knows."""

    pool: str
    size: int
    data_percent: int
    metadata_percent: int
    snapshots: int | None = None


@dataclass(frozen=True)
class SpaceRow:
    """Room at a destination as it was last seen, in bytes; `used` is the
    archive's own."""

    free: int
    used: int
    total: int
    seen_at: datetime


@dataclass(frozen=True)
class ArchiveRow:
    """One archive that is known here, without asking its destination.

    `default`: meant where none is named. `last_send` began then and sent all;
    `every` is how often one is due, in seconds; `next_run` is when a timer
    starts one; `last_head` is the head code of the newest commit seen; at
    `proven` a session was last read back whole. None where there is none.
    """

    name: str
    default: bool
    destination: str
    source: str
    last_send: datetime | None
    every: int
    overdue: bool
    next_run: datetime | None
    last_head: str | None
    proven: datetime | None
    space: SpaceRow | None


@dataclass(frozen=True)
class RunningRow:
    """A run that is going on; its `archive` is "" where it has none."""

    run: str
    command: str
    archive: str
    pid: int
    started: datetime
    volumes: tuple[str, ...]
    paused: bool


@dataclass(frozen=True)
class LeftoverRow:
    """What a killed run left: a qube that a restore `made`, `perhaps` made or
    wrote `over`, or what a `drill` restored to; `of` is its archived name."""

    kind: str
    name: str
    of: str = ""


@dataclass(frozen=True)
class StatusReport:
    """What `status` says: all that is known here, with no archive in reach.

    `requests` is how many restores were asked for and not decided about;
    `problems` are sentences about parts that can't be told.
    """

    archives: tuple[ArchiveRow, ...]
    running: tuple[RunningRow, ...]
    volumes: tuple[KeptRow, ...]
    pools: tuple[PoolRow, ...]
    requests: int
    problems: tuple[str, ...]
    leftovers: tuple[LeftoverRow, ...] = ()


@dataclass(frozen=True)
class QubeRow:
    """A qube as Qubes shows it; `color` is its label's, as 0xRRGGBB.

    `included` is Qubes' own tick for backups, `volumes` the names of those
    that survive a shutdown.
    """

    qube: str
    klass: str
    label: str
    color: str
    icon: str
    running: bool
    included: bool
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class BackupRow:
    """How a volume stands with an archive, as this machine last saw it.

    `planned`: a send without names takes it. `newest` is the newest session,
    of `time` and `size`; `sent` when a send last went through, `failed` when
    a later one did not and `error` why. `changed` is what the next send
    reads at most for what had changed at `noted`, all where `everything`;
    None where nothing is noted. At `proven` its newest proven session,
    `proven_session`, was read whole.
    """

    archive: str
    state: str
    planned: bool
    sessions: int
    newest: str
    time: datetime | None
    size: int
    sent: datetime | None
    failed: datetime | None
    error: str
    changed: int | None
    everything: bool
    noted: datetime | None
    proven: datetime | None
    proven_session: str


@dataclass(frozen=True)
class OverviewRow:
    """A volume that could be, or was, backed up; `state` is the one of its
    `backups` that matters most. `present` None: its source can't be read."""

    source: str
    volume: str
    qube: str
    present: bool | None
    size: int
    state: str
    backups: tuple[BackupRow, ...]


@dataclass(frozen=True)
class SeenRow:
    """When an archive was last open here, for what is told of it."""

    archive: str
    seen_at: datetime | None


@dataclass(frozen=True)
class OverviewReport:
    """What `overview` says: every volume, with nothing in reach."""

    archives: tuple[ArchiveRow, ...]
    seen: tuple[SeenRow, ...]
    qubes: tuple[QubeRow, ...]
    volumes: tuple[OverviewRow, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class DiffReport:
    """What `diff` found between an older and a newer side.

    Every difference is counted; `ranges` (offset, length) are the first of
    them. With `whole_chunks` they were found by ids: chunks, not bytes.
    """

    archive: str
    volume: str
    older: str
    newer: str
    older_size: int
    newer_size: int
    same: bool
    different_bytes: int
    different_ranges: int
    whole_chunks: bool
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class RunTold:
    """What `watch` passes on: one object of a run, as the run told it."""

    run: str
    told: dict[str, object]


@dataclass(frozen=True)
class ForeignRow:
    """A volume of a wyng archive; `coming` are its sessions to bring over.

    `here` counts those that are here or passed by; `fault` says why what
    is missing can't come, or is "".
    """

    volume: str
    size: int
    here: int
    coming: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True)
class MigrationList:
    """What `migrate --dry-run` says."""

    archive: str
    source: str
    format: str
    volumes: tuple[ForeignRow, ...]


@dataclass(frozen=True)
class HurtRow:
    """A session of which (offset, length) `ranges` can't be had, `bytes` in
    all; `why` is the first reason. No ranges: its settings can't."""

    volume: str
    session: str
    sequence: int
    bytes: int
    ranges: tuple[tuple[int, int], ...]
    why: str


@dataclass(frozen=True)
class CheckReport:
    """What `arch-check` looked at and found.

    `nodes` and `chunks` are those looked at, each once or seldom twice;
    `bytes_read` were fetched, `scrubbed_` is what the store read itself.
    `problems` are sentences about what belongs to no session.
    """

    archive: str
    full: bool
    whole: bool
    volumes: int
    sessions: int
    nodes: int
    chunks: int
    bytes_read: int
    scrubbed_bytes: int
    scrubbed_frames: int
    hurt: tuple[HurtRow, ...] = ()
    problems: tuple[str, ...] = ()


Report = Union[
    Said,
    RequestList,
    RequestLog,
    CheckReport,
    RunTold,
    VolumeList,
    SessionList,
    PruneList,
    StatusReport,
    OverviewReport,
    ScheduleReport,
    OptionsReport,
    HistoryReport,
    DiffReport,
    SettingsReport,
    SettingsDiffReport,
    FilesReport,
    MigrationList,
    ProbeReport,
]
