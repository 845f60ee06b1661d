# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command gets from whoever started it, and nothing else.

Owns the contract between the CLI (or a service) and the commands: options
already checked for form, a way to ask, a way to report. Commands print
nothing, read no terminal and take the time from here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from wyng_common.ids import ArchiveId
from wyng_dom0.commands.reports import Report
from wyng_dom0.events import Listener
from wyng_dom0.names import SessionRange, SessionSpec
from wyng_dom0.rules import RuleBook
from wyng_dom0.runs.hold import Hold
from wyng_dom0.state.places import Places

AUTHMIN_MAX = 60


@dataclass(frozen=True)
class Options:
    """Every option, as given or from the user's config; None: not given.

    `names` are what stood behind the command, unchecked: volumes, or for
    rename the old and the new name. `retention` holds all the rules, whoever
    gave them; the keep_ options are in it. `unattended` is also true where
    there is no terminal to ask on, and with --quiet. `passed_over` has a
    sentence for each option of wyng that was given and is not needed,
    `from_config` what stands in the user's configuration, as text.
    """

    command: str
    names: tuple[str, ...] = ()
    all: bool = False
    all_before: bool = False
    apdays: str | None = None
    archive: str | None = None
    as_: str | None = None
    bootstrap: bool = False
    by_itself: bool = False
    authmin: int | None = None
    autoprune: str | None = None
    chunk_factor: int | None = None
    clean: bool = False
    compression: str | None = None
    config: str | None = None
    data_only: bool = False
    debug: bool = False
    dedup: str | None = None
    dedup_domain: str | None = None
    dest: str | None = None
    dry_run: bool = False
    encrypt: str | None = None
    every: str | None = None
    exclude: tuple[str, ...] = ()
    files_limit: tuple[int, int] | None = None
    force: bool = False
    force_allow_rollback: bool = False
    from_: str | None = None
    from_config: Mapping[str, str] = field(default_factory=dict)
    from_passcmd: str | None = None
    full: bool = False
    guard_data: int | None = None
    guard_metadata: int | None = None
    hashtype: str | None = None
    import_other_from: tuple[str, ...] = ()
    isolated: bool = False
    json: bool = False
    limit_rate: str | None = None
    key_file: str | None = None
    keep: tuple[SessionSpec, ...] = ()
    keep_daily: str | None = None
    keep_hourly: str | None = None
    keep_last: str | None = None
    keep_monthly: str | None = None
    keep_tag: tuple[str, ...] = ()
    keep_weekly: str | None = None
    keep_within: str | None = None
    keep_yearly: str | None = None
    local: str | None = None
    max_time: int | None = None
    meta_dir: str | None = None
    min_free_space: int | None = None
    no_slot_upload: bool = False
    new_key_file: str | None = None
    older_than: int | None = None
    overwrite: bool = False
    owners: bool = False
    passcmd: str | None = None
    pool: str | None = None
    passed_over: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    pre: tuple[str, ...] = ()
    quick: bool = False
    quiet: bool = False
    remap: bool = False
    recovery: bool = False
    remember: bool = False
    retention: RuleBook = RuleBook()
    req_snapshot: bool = False
    sample: float | None = None
    save_to: str | None = None
    scratch: str | None = None
    session: SessionRange | None = None
    send_unchanged: bool = False
    session_limit: str | None = None
    slots_from: str | None = None
    settings: bool = False
    settings_only: bool = False
    sparse: bool = False
    state: str | None = None
    sparse_write: bool = False
    standby: bool = False
    session_strict: str | None = None
    subdir: str | None = None
    tag: tuple[tuple[str, str], ...] = ()
    testing_dedup: str | None = None
    timeout: str | None = None
    unattended: bool = False
    use_snapshot: bool = False
    verbose: int = 0
    vid: str | None = None
    volex: tuple[str, ...] = ()
    vols_from: str | None = None
    volume: str | None = None
    volume_desc: str | None = None
    with_caches: bool = False


class Prompts(Protocol):
    """Asks the user. A secret is bytes and never kept by the asker."""

    def confirm(self, question: str) -> None:
        """Return on yes; raise Refused on no, or where nobody can answer."""

    def type_name(self, question: str, name: str) -> None:
        """Return when exactly `name` was typed; raise Refused otherwise."""

    def type_word(self, question: str, word: str) -> None:
        """As type_name, for a word that stands for a yes."""

    def passphrase(self, what: str) -> bytes:
        """The passphrase of `what`: --passcmd, the terminal or stdin.

        Raises AuthenticationFailed when none is to be had.
        """

    def old_passphrase(self, what: str, passcmd: str | None) -> bytes:
        """As passphrase, by a command of its own: of another archive."""

    def new_passphrase(self, what: str) -> bytes:
        """A new one: a generated one is offered first, own is typed twice.

        With --passcmd, or unattended, it is taken from there as it is.
        """


def _always() -> bool:
    return True


def local_time() -> datetime:
    """The present, aware, in the local zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Audience:
    """For commands that go on until nobody wants them any more.

    `leaving` is a descriptor at whose end they end, -1 for none; `is_there`
    is false when nobody reads what they report.
    """

    leaving: int = -1
    is_there: Callable[[], bool] = _always


@dataclass(frozen=True)
class Context:
    """All that a command may know of its surroundings.

    `now` is aware, in the local zone, and when the command began; `clock`
    gives the same later on, for what takes long. `report` shows the one
    result of a command that reports; `listener` gets what happens on the way,
    and holds the command where it is paused. `hold_key` starts an agent that
    holds an archive's key for some minutes. `hold` says how long the run was
    paused, and what must not be broken off.
    """

    options: Options
    places: Places
    listener: Listener
    now: datetime
    prompts: Prompts
    report: Callable[[Report], None]
    hold_key: Callable[[ArchiveId, bytes, int], None]
    hold: Hold = field(default_factory=Hold)
    audience: Audience = Audience()
    clock: Callable[[], datetime] = local_time
