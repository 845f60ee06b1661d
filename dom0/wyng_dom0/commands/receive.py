# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`receive`: restore one session of volumes to files or devices.

Qubes as such are made by receive_qube, dom0's own files by receive_files.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from wyng_common.messages import Capability
from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands import receive_files, receive_plan, receive_qube
from wyng_dom0.commands.access import Chosen, bounds_of, opened
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.kept_settings import refuse
from wyng_dom0.commands.reports import Said
from wyng_dom0.commands.vols_from import Listed, read_vols_from
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.known import Standing
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.restore import Help, How, Restore
from wyng_dom0.errors import (
    BadInput,
    Dom0Error,
    NotFound,
    Refused,
    SomeVolumesFailed,
    SourceError,
    TargetError,
)
from wyng_dom0.events import Notice, RunStarted, VolumeDone, Warning_
from wyng_dom0.names import quote
from wyng_dom0.snapshots.snapshot import Snapshot
from wyng_dom0.sources.choose import choose_source, source_of
from wyng_dom0.sources.source import Source
from wyng_dom0.sources.target import exists_at

_NAMES_SHOWN = 5


def run(context: Context) -> None:
    """Restore the named volumes, each to its own place or `--save-to`."""
    _check(context.options)
    listed = _listed(context.options)
    failed: list[tuple[str, Dom0Error]] = []
    with opened(context, Capability.GET) as (chosen, archive):
        if receive_files.is_meant(context, archive):
            receive_files.restore_files(context, chosen, archive)
            return
        receive_files.refuse_options(context.options)
        if receive_qube.names_qubes(context.options, chosen):
            receive_qube.check_options(context.options)
            receive_qube.restore_qubes(context, chosen, archive)
            return
        receive_qube.refuse_options(context.options)
        pages = [archive.page_named(each.name) for each in listed]
        pages = pages or archive.pages_named(context.options.names)
        _check_place(context.options, pages)
        for page in pages:
            refuse(page, "receive")
        homes = _homes(context, listed) or {
            page.name: _Home(context, chosen, page.name) for page in pages
        }
        restores = [
            _Receiving(
                *(context, chosen, archive, page),
                session=session_of(context, archive, page),
                home=homes[page.name],
                place=homes[page.name].path(),
            )
            for page in pages
        ]
        if context.options.dry_run:
            for each in restores:
                receive_plan.tell_volume(
                    context, chosen, each.page.name, each.session, each.place
                )
            return
        _tell_start(context, chosen, restores)
        for page, restore in zip(pages, restores, strict=True):
            try:
                restore.run()
            except (TargetError, Refused, SourceError) as error:
                failed.append((page.name, error))
                context.listener(VolumeDone(page.name, error=str(error)))
    if len(failed) == 1 == len(pages):
        raise failed[0][1]
    if failed:
        raise SomeVolumesFailed(
            tuple((name, str(error)) for name, error in failed)
        )


@dataclass(frozen=True)
class _Home:
    """Where a volume is restored to unless --save-to says so.

    The source is that of the archive, or of --local, where none is given.
    """

    context: Context
    chosen: Chosen | None
    name: str
    given: Source | None = None

    def source(self) -> Source:
        """Raises BadInput when none is known."""
        if self.given is not None:
            return self.given
        assert self.chosen is not None
        return self.chosen.source(self.context.options.local)

    def path(self) -> Path:
        """Where it goes; nothing is made there yet."""
        if self.context.options.save_to is not None:
            return Path(self.context.options.save_to)
        return self.source().path_of(self.name)


def _listed(options: Options) -> tuple[Listed, ...]:
    """What --vols-from lists; there each volume has a source."""
    if options.vols_from is None:
        return ()
    listed = read_vols_from(options.vols_from)
    if not all(each.source for each in listed):
        raise BadInput(
            f"{quote(options.vols_from)} lists volumes of no source: receive"
            " needs one to restore to"
        )
    return listed


def _homes(context: Context, listed: tuple[Listed, ...]) -> dict[str, _Home]:
    """Volume -> where a list says that it goes."""
    keys = dict.fromkeys(each.source for each in listed)
    sources = {
        key: choose_source(key, context.places, context.listener)
        for key in keys
    }
    return {
        each.name: _Home(context, None, each.alias, sources[each.source])
        for each in listed
    }


def _tell_start(
    context: Context, chosen: Chosen, restores: "list[_Receiving]"
) -> None:
    names = tuple(each.page.name for each in restores)
    total = sum(each.session.size for each in restores)
    context.listener(
        RunStarted("receive", chosen.name, names, total_bytes=total)
    )


def _check_place(options: Options, pages: Sequence[Page]) -> None:
    """One name may stand for several volumes."""
    if options.save_to is not None and len(pages) > 1:
        names = ", ".join(quote(page.name) for page in pages[:_NAMES_SHOWN])
        raise BadInput(
            f"--save-to takes exactly one volume, and {len(pages)} are meant:"
            f" {names}"
        )


def _check(options: Options) -> None:
    if options.save_to is not None and len(options.names) > 1:
        raise BadInput("--save-to takes exactly one volume")
    if options.session is not None and options.session.last is not None:
        raise BadInput("receive takes exactly one session, not a range")
    if options.sparse_write and options.standby:
        raise BadInput(
            "--standby fetches only what differs, --sparse-write fetches all:"
            " leave one of them out"
        )


@dataclass
class _Receiving:
    """One volume on its way to one place."""

    context: Context
    chosen: Chosen
    archive: OpenArchive
    page: Page
    session: Session
    home: _Home
    place: Path

    def run(self) -> None:
        """Ask, restore, report."""
        session = self.session
        self._confirm(session)
        self._make_place(session)
        content = SessionContent(self.archive, self.page, session)
        restore = Restore(content, self.context.listener, self.context.places)
        with ExitStack() as stack:
            snapshot = self._snapshot(content, stack)
            owned = self._restore(restore, content, snapshot)
        if not owned:
            self.context.listener(
                Warning_(
                    f"the owner of {quote(str(self.place))} could not be set:"
                    " only root may give files away"
                )
            )
        self._report(session, restore, snapshot is not None)

    def _make_place(self, session: Session) -> None:
        """Where it goes, made ready: folders, or a logical volume."""
        if self.context.options.save_to is None:
            home = self.home.source()
            self.place = home.place_for(self.home.name, session.size)
            return
        parts = self.place.parts
        if len(parts) == 4 and parts[:2] == ("/", "dev"):
            # /dev/vg/lv: made in the pool that --local names, if there.
            vg, lv = parts[2:]
            if not exists_at(self.place) and self._pool_group() == vg:
                self.home.source().place_for(lv, session.size)

    def _pool_group(self) -> str:
        """The volume group of the source, "" when it is no pool."""
        try:
            key = self.home.source().key
        except (BadInput, NotFound):
            return ""
        return key.split("/")[0]

    def _confirm(self, session: Session) -> None:
        if exists_at(self.place) and not self.context.options.force:
            self.context.prompts.confirm(
                f"{quote(str(self.place))} exists: write session"
                f" {session.name} of {quote(self.page.name)} over it?"
            )

    def _restore(
        self,
        restore: Restore,
        content: SessionContent,
        snapshot: Snapshot | None,
    ) -> bool:
        options = self.context.options
        how = How.SPARSE_WRITE if options.sparse_write else How.WHOLE
        if options.sparse or options.standby or snapshot is not None:
            how = How.SPARSE
        standing = self._standing(how)
        if standing is None:
            return restore.run(self.place, how, Help(snapshot=snapshot))

        def whole(place: Path) -> None:
            assert standing is not None
            if options.standby:
                standing.note_whole(content, place)

        runs = standing.runs_to(content) if exists_at(self.place) else None
        return restore.run(self.place, how, Help(runs, snapshot, whole))

    def _standing(self, how: How) -> Standing | None:
        """What is kept here of the target, if that is of any use."""
        if how is not How.SPARSE:
            return None
        context = self.context
        if context.options.save_to is None:
            return self._of(self.home.source(), self.home.name)
        found = source_of(self.place, context.places, context.listener)
        return None if found is None else self._of(*found)

    def _snapshot(
        self, content: SessionContent, stack: ExitStack
    ) -> Snapshot | None:
        """Our snapshot of the volume at home, if it is the session."""
        options = self.context.options
        if not (options.use_snapshot or options.req_snapshot):
            return None
        standing = self._of(self.home.source(), self.home.name)
        found = stack.enter_context(standing.base_holding(content))
        if found is not None:
            return found
        session, name = content.session.name, quote(self.page.name)
        if options.req_snapshot:
            raise TargetError(
                f"no snapshot here is known to hold session {session} of"
                f" {name}: leave --req-snapshot out to fetch it",
                about=self.page.name,
            )
        self.context.listener(
            Notice(
                f"no snapshot here is known to hold session {session} of"
                f" {name}: it is fetched"
            )
        )
        return None

    def _of(self, source: Source, name: str) -> Standing:
        context = self.context
        return Standing(
            context.places,
            source,
            name,
            context.listener,
            int(context.now.timestamp() * 10**6) * 1000,
            bounds_of(context.options),
        )

    def _report(
        self, session: Session, restore: Restore, from_snapshot: bool
    ) -> None:
        self.context.report(
            Said(
                "receive",
                f"Restored {quote(self.page.name)} as of {session.name} to"
                f" {quote(str(self.place))}.",
                {
                    "archive": self.chosen.name,
                    "volume": self.page.name,
                    "session": session.name,
                    "target": str(self.place),
                    "size": session.size,
                    "fetched": restore.fetched_bytes,
                    "written": restore.written_bytes,
                    "from_snapshot": from_snapshot,
                },
            )
        )
