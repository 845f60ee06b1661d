# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is carried out is what was chosen, and nothing is forgotten."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from asking.rig import Rig
from wyng_common.ids import ArchiveId
from wyng_dom0.commands import request_restore
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.kept_key import keep_key
from wyng_dom0.engine import asking
from wyng_dom0.errors import DestinationBusy, NotFound, SomeVolumesFailed
from wyng_dom0.runs import systemd, timers
from wyng_dom0.state import locks, places
from wyng_dom0.state.grants import Grant, list_grants, write_grant
from wyng_dom0.state.requests import (
    NEEDS_KEY,
    Request,
    list_requests,
    write_request,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)


def context(
    rig: Rig, told: "list[Any] | None" = None, **options: Any
) -> Context:
    """One in which time stands still and nobody is asked."""
    listener = [] if told is None else told
    nobody = cast(Any, None)
    return Context(
        options=Options("requests", **options),
        places=rig.places,
        listener=listener.append,
        now=NOW,
        prompts=nobody,
        report=nobody,
        hold_key=nobody,
        clock=lambda: NOW,
    )


@pytest.fixture
def by_itself(allowed: Rig) -> Grant:
    (grant,) = list_grants(allowed.places)
    made = replace(grant, by_itself=True)
    write_grant(allowed.places, made)
    return made


def filed(rig: Rig, grant: Grant, qube: str, **more: Any) -> Request:
    request = Request(grant.archive, qube, "", grant.vm, NOW)
    request = replace(request, **more)
    write_request(rig.places, request)
    return request


@pytest.mark.parametrize(
    "change",
    [{"session": "20200101-000000"}, {"asked": NOW - timedelta(hours=1)}],
)
def test_request_that_came_for_another_is_not_carried_out(
    allowed: Rig, by_itself: Grant, change: "dict[str, Any]"
) -> None:
    chosen = filed(allowed, by_itself, "work")
    other = filed(allowed, by_itself, "work", **change)
    with pytest.raises(NotFound, match="waits no more"):
        request_restore.carry_out(context(allowed), chosen)
    assert list_requests(allowed.places) == [other]


def test_what_comes_while_others_are_restored_is_restored_too(
    allowed: Rig, by_itself: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = []

    def restore(_: Context, request: Request, by_itself: bool) -> None:
        assert by_itself
        restored.append(request.qube)
        if request.qube == "work":
            filed(allowed, grant, "vault")
        # As one that waits for its key: it stays, and is not tried again.
        write_request(allowed.places, request.marked(NEEDS_KEY, "no key"))

    grant = by_itself
    filed(allowed, grant, "work")
    monkeypatch.setattr(request_restore, "_restore", restore)
    request_restore.carry_out_all(context(allowed))
    assert restored == ["work", "vault"]


def test_key_kept_with_an_approval_begins_the_others_behind_it(
    allowed: Rig,
    by_itself: Grant,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Before, the run that begins would meet the one that is approved."""
    done: "list[str]" = []
    meant = context(allowed, remember=True)

    def restore(_: Context, request: Request, by_itself: bool) -> None:
        keep_key(meant, request.archive, b"k" * 32)
        done.append(request.qube)

    def start() -> bool:
        done.append("the others")
        return True

    chosen = filed(allowed, by_itself, "work")
    filed(allowed, by_itself, "vault", state=NEEDS_KEY)
    monkeypatch.setattr(places, "SYSTEM_STATE", allowed.places.root)
    monkeypatch.setattr(systemd, "RUNS", tmp_path)
    monkeypatch.setattr(timers, "start_requests", start)
    monkeypatch.setattr(request_restore, "_restore", restore)
    request_restore.carry_out(meant, chosen)
    assert done == ["work", "the others"]


def test_many_that_one_qube_asks_for_keep_no_other_waiting(
    allowed: Rig, by_itself: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = []

    def restore(_: Context, request: Request, by_itself: bool) -> None:
        restored.append(request.qube)

    other = replace(by_itself, archive=ArchiveId(bytes([2] * 16)), vm="other")
    write_grant(allowed.places, other)
    for number, name in enumerate(("a", "b", "c")):
        moment = NOW + timedelta(seconds=number)
        filed(allowed, by_itself, name, asked=moment)
        later = moment + timedelta(minutes=1)
        filed(allowed, other, f"of-other-{name}", asked=later)
    monkeypatch.setattr(request_restore, "_restore", restore)
    request_restore.carry_out_all(context(allowed))
    assert restored == ["a", "of-other-a", "b", "of-other-b", "c", "of-other-c"]


def test_full_disk_keeps_nothing_else_from_being_restored(
    allowed: Rig, by_itself: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = []

    def restore(_: Context, request: Request, by_itself: bool) -> None:
        if request.qube == "vault":
            raise OSError(28, "No space left on device")
        restored.append(request.qube)

    filed(allowed, by_itself, "vault")
    filed(allowed, by_itself, "work")
    monkeypatch.setattr(request_restore, "_restore", restore)
    with pytest.raises(SomeVolumesFailed, match="vault"):
        request_restore.carry_out_all(context(allowed))
    assert restored == ["work"]


def test_qube_that_is_blocked_meanwhile_gets_nothing_more(
    allowed: Rig, by_itself: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = []

    def restore(_: Context, request: Request, by_itself: bool) -> None:
        restored.append(request.qube)
        write_grant(allowed.places, replace(grant, by_itself=False))

    grant = by_itself
    filed(allowed, grant, "work")
    filed(allowed, grant, "zebra")
    monkeypatch.setattr(request_restore, "_restore", restore)
    request_restore.carry_out_all(context(allowed))
    assert restored == ["work"]


@pytest.mark.parametrize(
    "act",
    [
        lambda places, old: asking.end(places, old, NOW, "restored", "x"),
        lambda places, old: asking.mark(places, old.marked("failed"), NOW),
        lambda places, old: asking.deny(places, old, NOW),
    ],
    ids=["restored", "failed", "denied"],
)
def test_request_that_took_anothers_place_outlives_it(
    allowed: Rig, by_itself: Grant, act: "Callable[[Any, Request], None]"
) -> None:
    """The old one was denied while it was restored, and asked for anew."""
    old = filed(allowed, by_itself, "work")
    new = filed(allowed, by_itself, "work", session="20261101-120000")
    act(allowed.places, old)
    assert list_requests(allowed.places) == [new]


def test_names_that_callers_make_up_leave_no_lock_behind(allowed: Rig) -> None:
    before = set((allowed.places.root / "locks").iterdir())
    for number in range(9):
        (grant,) = list_grants(allowed.places)
        with locks.hold_request(allowed.places, grant.archive, f"q{number}"):
            pass
    assert set((allowed.places.root / "locks").iterdir()) == before


def test_one_request_is_restored_by_one_run_at_a_time(allowed: Rig) -> None:
    """Also while the lock's file comes and goes."""
    (grant,) = list_grants(allowed.places)
    inside: "list[int]" = []
    most: "list[int]" = []

    def hold() -> None:
        for _ in range(300):
            try:
                with locks.hold_request(allowed.places, grant.archive, "work"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except DestinationBusy:
                pass

    threads = [threading.Thread(target=hold) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most and max(most) == 1
