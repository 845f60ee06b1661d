# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Proofs are kept per destination, volume and content."""

from datetime import datetime, timezone
from pathlib import Path

from wyng_common.ids import ArchiveId
from wyng_dom0.state.places import Places
from wyng_dom0.state.proven import (
    NEVER,
    VERIFY,
    Content,
    Proofs,
    cut_off,
    proven_whole,
)

AT = datetime(2026, 11, 1, 2, 30, tzinfo=timezone.utc)
ARCHIVE = ArchiveId(b"A" * 16)
ONE = Content(1, b"r" * 32, 4096)
TWO = Content(2, None, 4096)
PROOF = proven_whole(NEVER, AT, VERIFY, "20261101-023000")


def proofs(tmp_path: Path, destination: str = "internal:/a") -> Proofs:
    return Proofs(Places(tmp_path), ARCHIVE, destination)


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    kept = proofs(tmp_path)
    kept.note(b"v", ONE, PROOF, {1, 2})
    cut = cut_off(PROOF, AT, 17, "x")
    kept.note(b"v", TWO, cut, {1, 2})
    assert kept.read(b"v") == {ONE: PROOF, TWO: cut}
    assert kept.read(b"w") == {}


def test_one_destination_says_nothing_of_another(tmp_path: Path) -> None:
    proofs(tmp_path).note(b"v", ONE, PROOF, {1})
    assert proofs(tmp_path, "internal:/b").read(b"v") == {}


def test_sequence_has_one_content(tmp_path: Path) -> None:
    kept = proofs(tmp_path)
    kept.note(b"v", ONE, PROOF, {1})
    other = Content(1, b"s" * 32, 4096)
    kept.note(b"v", other, PROOF, {1})
    assert kept.read(b"v") == {other: PROOF}


def test_what_does_not_exist_goes(tmp_path: Path) -> None:
    kept = proofs(tmp_path)
    kept.note(b"v", ONE, PROOF, {1, 2})
    kept.note(b"v", TWO, PROOF, {2})
    assert kept.read(b"v") == {TWO: PROOF}
    kept.forget(b"v", [2])
    assert kept.read(b"v") == {}
    kept.forget(b"w", [1])
    kept.forget_volume(b"v")
    kept.forget_all()


def test_whole_reading_ends_a_cut_off_one() -> None:
    cut = cut_off(NEVER, AT, 9, "s")
    assert proven_whole(cut, AT, VERIFY, "s").reached == 0
