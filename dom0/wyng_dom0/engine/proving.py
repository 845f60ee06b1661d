# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known to be proven of an open archive's sessions.

For whoever reads sessions back (verify, arch-check, a drill) and for those
that remove some. An archive that is only read by its URL keeps nothing here.
"""

from collections.abc import Iterable
from datetime import datetime

from wyng_dom0.archive.page import Page, VolumeId
from wyng_dom0.archive.session import Session
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.state.proven import (
    NEVER,
    Content,
    Proof,
    Proofs,
    cut_off,
    proven_whole,
    sampled_whole,
)


def proofs_of(archive: OpenArchive) -> Proofs | None:
    """Where this machine keeps the archive's proofs; None: nowhere."""
    access = archive.access
    if access.places is None:
        return None
    url = access.destination.url
    return Proofs(access.places, access.keys.terms.archive, url)


def content_of(session: Session) -> Content:
    """What a proof of the session is about."""
    root = None if session.root is None else bytes(session.root)
    return Content(session.sequence, root, session.size)


def proofs_by_session(archive: OpenArchive, page: Page) -> dict[Content, Proof]:
    """All that is known of a volume's sessions."""
    proofs = proofs_of(archive)
    return proofs.read(bytes(page.volume)) if proofs else {}


def known_proof(archive: OpenArchive, page: Page, session: Session) -> Proof:
    """What is known of one session; NEVER for nothing."""
    known = proofs_by_session(archive, page)
    return known.get(content_of(session), NEVER)


def note_proven(
    archive: OpenArchive, page: Page, session: Session, at: datetime, how: str
) -> None:
    """Every byte of a session was read, from `at` on, and is whole."""
    before = known_proof(archive, page, session)
    _note(archive, page, session, proven_whole(before, at, how, session.name))


def note_all_proven(
    archive: OpenArchive,
    page: Page,
    whole: Iterable[Session],
    at: datetime,
    how: str,
) -> None:
    """As note_proven, of several sessions at once; what is known of the
    others stays."""
    proofs = proofs_of(archive)
    if proofs is None:
        return
    known = proofs.read(bytes(page.volume))
    fresh = {}
    for session in whole:
        content = content_of(session)
        before = known.get(content, NEVER)
        fresh[content] = proven_whole(before, at, how, session.name)
    existing = {each.sequence for each in (*known, *fresh)}
    proofs.note_all(bytes(page.volume), fresh, existing)


def note_sampled(
    archive: OpenArchive, page: Page, session: Session, at: datetime
) -> None:
    """A part drawn by lot was read and is whole."""
    before = known_proof(archive, page, session)
    _note(archive, page, session, sampled_whole(before, at, session.name))


def note_cut_off(
    archive: OpenArchive,
    page: Page,
    session: Session,
    begun: datetime,
    reached: int,
) -> None:
    """The chunks before `reached` were read, from `begun` on."""
    before = known_proof(archive, page, session)
    proof = cut_off(before, begun, reached, session.name)
    _note(archive, page, session, proof)


def forget_proofs(
    archive: OpenArchive, volume: VolumeId, sequences: Iterable[int]
) -> None:
    """Sessions were removed, or found damaged."""
    proofs = proofs_of(archive)
    if proofs is not None:
        proofs.forget(bytes(volume), frozenset(sequences))


def forget_volume_proofs(archive: OpenArchive, volume: VolumeId) -> None:
    """A volume was deleted."""
    proofs = proofs_of(archive)
    if proofs is not None:
        proofs.forget_volume(bytes(volume))


def newest_proven(
    archive: OpenArchive, page: Page
) -> tuple[Session, Proof] | None:
    """The newest session that was proven; None where none was.

    The page's history is read only when that session lies in it.
    """
    known = proofs_by_session(archive, page)
    proven = {each: proof for each, proof in known.items() if proof.at}
    for sessions in (page.recent, None):
        if not proven:
            return None
        if sessions is None:
            sessions = tuple(archive.sessions(page))
        for session in reversed(sessions):
            content = content_of(session)
            if content in proven:
                return session, proven[content]
        if len(sessions) == page.session_count:
            return None
    return None


def _note(
    archive: OpenArchive, page: Page, session: Session, proof: Proof
) -> None:
    proofs = proofs_of(archive)
    if proofs is None:
        return
    existing = {each.sequence for each in archive.sessions(page)}
    proofs.note(bytes(page.volume), content_of(session), proof, existing)
