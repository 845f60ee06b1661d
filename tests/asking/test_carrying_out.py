# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is carried out is what was chosen, and nothing is forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from asking.rig import Rig
from wyng_dom0.commands import request_restore
from wyng_dom0.commands.context import Context
from wyng_dom0.errors import NotFound
from wyng_dom0.state.grants import Grant, list_grants, write_grant
from wyng_dom0.state.requests import (
    NEEDS_KEY,
    Request,
    list_requests,
    write_request,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)


def context(rig: Rig, told: "list[Any] | None" = None) -> Context:
    """As much of one as is looked at before a restore begins."""
    listener = [] if told is None else told
    made = SimpleNamespace(places=rig.places, now=NOW, listener=listener.append)
    return cast(Context, made)


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
