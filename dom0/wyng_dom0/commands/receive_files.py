# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`receive dom0`: dom0's own files, into a new folder beside them.

What is there is never written to: how it differs is shown, and what to take
back is the user's to choose. As one file, a tar, it is a volume as any other.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wyng_dom0.archive.page import Page
from wyng_dom0.archive.session import Session
from wyng_dom0.commands.access import Chosen, wish_of
from wyng_dom0.commands.choice import session_of
from wyng_dom0.commands.compared_files import (
    About,
    comparing_with,
    report_of,
)
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.file_reports import FilesReport
from wyng_dom0.commands.receive_plan import tell_files
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.files_content import is_of_files, read_files
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.errors import (
    BadInput,
    Dom0Error,
    NotFound,
    SomeVolumesFailed,
    SourceError,
    TargetError,
)
from wyng_dom0.events import (
    RunStarted,
    VolumeDone,
    VolumeStarted,
    Warning_,
)
from wyng_dom0.files.compare import Comparing
from wyng_dom0.files.entry import Entry
from wyng_dom0.files.reader import Piece
from wyng_dom0.files.restored import new_folder
from wyng_dom0.files.unpack import Owners, Unpacking
from wyng_dom0.names import quote
from wyng_dom0.sources.choose import dom0_files, has_qubes
from wyng_dom0.sources.dom0 import VOLUMES, Dom0Files, home_of_user, is_of_dom0


@dataclass(frozen=True)
class _Wanted:
    page: Page
    session: Session
    content: SessionContent


def is_meant(context: Context, archive: OpenArchive) -> bool:
    """True when what is named are dom0's files, to be unpacked.

    A volume that is only called so is none of them.
    """
    options = context.options
    own = [each for each in options.names if is_of_dom0(each)]
    if not own or options.vols_from is not None:
        return False
    if options.save_to is not None and not _is_folder(options.save_to):
        return False
    pages = [p for p in archive.pages_named(own) if p.name in VOLUMES]
    newest = [(p, p.newest) for p in pages]
    if not any(
        session is not None and is_of_files(SessionContent(archive, p, session))
        for p, session in newest
    ):
        return False
    if len(own) < len(options.names):
        raise BadInput("restore dom0's own files by themselves, without qubes")
    return True


def _is_folder(path: str) -> bool:
    """Is one there, or surely meant?"""
    return path.endswith("/") or os.path.isdir(path)


def refuse_options(options: Options) -> None:
    """Raise BadInput for what only dom0's files have."""
    if options.owners:
        raise BadInput(
            "--owners is for dom0's own files that are unpacked: dom0:home and"
            " dom0:config"
        )


def restore_files(
    context: Context, chosen: Chosen, archive: OpenArchive
) -> None:
    """Unpack each volume, report, and say how it differs from now."""
    options = context.options
    _check(options)
    parent = _parent(options)
    wanted = [
        _wanted(context, archive, page)
        for page in archive.pages_named(options.names)
    ]
    if options.dry_run:
        for each in wanted:
            tell_files(context, chosen, each.page.name, each.session, parent)
        return
    names = tuple(each.page.name for each in wanted)
    total = sum(each.session.size for each in wanted)
    context.listener(
        RunStarted("receive", chosen.name, names, total_bytes=total)
    )
    failed: list[tuple[str, Dom0Error]] = []
    for each in wanted:
        try:
            report = _restore(context, chosen, each, parent)
        except (TargetError, SourceError, NotFound) as error:
            failed.append((each.page.name, error))
            context.listener(VolumeDone(each.page.name, error=str(error)))
        else:
            context.report(report)
    if len(failed) == 1 == len(wanted):
        raise failed[0][1]
    if failed:
        raise SomeVolumesFailed(
            tuple((name, str(error)) for name, error in failed)
        )


def _check(options: Options) -> None:
    for name, given in (
        ("--sparse", options.sparse),
        ("--sparse-write", options.sparse_write),
        ("--standby", options.standby),
        ("--use-snapshot", options.use_snapshot),
        ("--req-snapshot", options.req_snapshot),
        ("--as", options.as_ is not None),
        ("--overwrite", options.overwrite),
        ("--pool", options.pool is not None),
        ("--settings-only", options.settings_only),
        ("--data-only", options.data_only),
        ("--volume", options.volume is not None),
        ("--isolated", options.isolated),
    ):
        if given:
            raise BadInput(
                f"{name} means nothing to dom0's own files: they are unpacked"
                " into a new folder"
            )
    if options.session is not None and options.session.last is not None:
        raise BadInput("receive takes exactly one session, not a range")
    if options.owners and os.geteuid() != 0:
        raise BadInput("--owners needs root: only root may give files away")


def _parent(options: Options) -> Path:
    """The folder that the new one is made in."""
    named = options.save_to
    if named is None and options.local not in (None, "qubes"):
        named = options.local
    if named is None:
        if not has_qubes():
            raise BadInput(
                "this is not dom0: name a folder with --save-to to unpack"
                " dom0's files into, or a file for a tar of them"
            )
        return home_of_user()
    if not os.path.isdir(named):
        raise BadInput(f"{quote(named)} is no folder to unpack into")
    return Path(os.path.realpath(named))


def _wanted(context: Context, archive: OpenArchive, page: Page) -> _Wanted:
    session = session_of(context, archive, page)
    content = SessionContent(archive, page, session)
    return _Wanted(page, session, content)


def _restore(
    context: Context, chosen: Chosen, wanted: _Wanted, parent: Path
) -> FilesReport:
    name, session = wanted.page.name, wanted.session
    context.listener(VolumeStarted(name, session.size))
    _check_room(wanted.content, parent)
    comparing = _comparing(context, name)
    with new_folder(parent) as made:
        one = made.owner if os.geteuid() == 0 else None
        owners = Owners(context.options.owners, one)
        unpacking = Unpacking(made.fd, owners)
        take = partial(_take, unpacking, comparing)
        read_files(wanted.content, context.listener, take)
        unpacking.finish()
        # While what is new there is still hidden.
        comparing = _finished(context, comparing, name)
        kind = name.partition(":")[2]
        target = made.name(f"{kind}-restored-{session.name}")
    context.listener(
        VolumeDone(
            *(name, session.size, unpacking.size),
            session=session.name,
            sequence=session.sequence,
        )
    )
    about = About(chosen.name, name, session)
    return report_of(about, comparing, unpacking, str(target))


def _take(
    unpacking: Unpacking,
    comparing: Comparing | None,
    entry: Entry,
    content: Iterator[Piece],
) -> None:
    if comparing is not None:
        content = comparing.watch(entry, content)
    unpacking.take(entry, content)
    for _ in content:
        # What was not unpacked is compared all the same.
        pass


def _files(context: Context) -> Dom0Files:
    wish = wish_of(context.options)
    return dom0_files(context.places, context.listener, wish)


def _comparing(context: Context, name: str) -> Comparing | None:
    """None where there is nothing to compare with, which may be told."""
    if not has_qubes():
        return None
    try:
        return comparing_with(_files(context), name)
    except (SourceError, NotFound) as error:
        _tell_not_compared(context, error)
        return None


def _finished(
    context: Context, comparing: Comparing | None, name: str
) -> Comparing | None:
    if comparing is None:
        return None
    try:
        comparing.finish(name)
    except (SourceError, NotFound) as error:
        _tell_not_compared(context, error)
        return None
    return comparing


def _tell_not_compared(context: Context, error: Dom0Error) -> None:
    context.listener(Warning_(f"not compared with what is there: {error}"))


def _check_room(content: SessionContent, parent: Path) -> None:
    """Refuse before anything is made, where it can't fit."""
    found = os.statvfs(parent)
    free = found.f_bavail * found.f_frsize
    needed = content.chunk_size * sum(1 for _ in content.refs())
    if free < needed:
        raise TargetError(
            f"{quote(str(parent))} has {free} bytes free, and {needed} are"
            " needed: name another folder with --save-to",
            about=str(parent),
        )
