# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to a qube between the look at it and its restore."""

from pathlib import Path
from typing import Any, Tuple, cast

import pytest

from qubesadmin_stand_in.qubes_system import QubesSystem
from wyng_dom0.engine.leftovers import drop_note, find_leftovers
from wyng_dom0.engine.qube_restore import (
    QubeOrder,
    QubeRestore,
    check_all,
    finish_all,
    restore_all,
)
from wyng_dom0.errors import Cancelled, QubesError, Refused
from wyng_dom0.events import ignore
from wyng_dom0.qubes.admin import QubesAdmin, open_admin
from wyng_dom0.qubes.facade import NewQube
from wyng_dom0.qubes.settings import QubeSettings
from wyng_dom0.state import restoring
from wyng_dom0.state.places import Places
from wyng_dom0.state.restoring import Restored

TAG = "backup-restore-in-progress"
Here = Tuple[QubesSystem, QubesAdmin, Places]


@pytest.fixture
def here(system: QubesSystem, tmp_path: Path) -> Here:
    return system, open_admin(), Places(tmp_path / "state")


def restore(here: Here, name: str, overwrite: bool) -> QubeRestore:
    """Of settings alone, for which no archive is asked."""
    settings = QubeSettings("work", "AppVM", "blue", "fedora", notes="old")
    return QubeRestore(
        *(here[1], cast(Any, None), here[2], ignore),
        QubeOrder(name, settings, (), overwrite=overwrite),
        cast(Any, None),
    )


def known(here: Here) -> "dict[str, Any]":
    return {each.name: each for each in here[1].qubes()}


def test_qube_that_is_started_meanwhile_is_left_as_it_was(here: Here) -> None:
    """While its name is typed, say: it has the tag of no restore then."""
    system = here[0]
    system.add("work", notes="new")
    wanted, seen = [restore(here, "work", True)], known(here)
    check_all(wanted, seen)
    system.start("work")
    before = system.qube("work")
    with pytest.raises(Refused, match="work runs"):
        restore_all(wanted, seen)
    assert system.qube("work") == before
    assert restoring.noted(here[2]) == []


def test_qube_that_is_made_meanwhile_is_left_alone(here: Here) -> None:
    system = here[0]
    wanted, seen = [restore(here, "work", False)], known(here)
    check_all(wanted, seen)
    system.add("work")
    before = system.qube("work")
    with pytest.raises(QubesError, match="already exists"):
        restore_all(wanted, seen)
    assert system.qube("work") == before
    assert find_leftovers(here[2], here[1]) == []


def test_qube_that_may_have_been_made_is_told(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends a run in the middle of a call knows not what came of it."""
    real = here[1].create

    def ended(new: NewQube) -> None:
        real(new)
        raise Cancelled("the user ended it")

    monkeypatch.setattr(here[1], "create", ended)
    with pytest.raises(Cancelled):
        restore_all([restore(here, "work", False)], known(here))
    (left,) = find_leftovers(here[2], here[1])
    assert (left.kind.value, left.name) == ("perhaps", "work")


def test_qube_that_cannot_be_let_go_keeps_no_other_from_starting(
    here: Here,
) -> None:
    """Somebody removes one while what they had is asked for."""
    system = here[0]
    wanted = [restore(here, name, False) for name in ("qa", "qb", "qc")]
    restore_all(wanted, known(here))
    for name in ("qa", "qc"):
        here[1].remove(name)
    failed = finish_all(wanted)
    assert [each.__notes__[0].split()[0] for each in failed] == ["qa", "qc"]
    assert TAG not in system.qube("qb")["tags"]
    assert [each.qube for each in restoring.noted(here[2])] == ["qa", "qc"]
    assert find_leftovers(here[2], here[1]) == []


def test_qube_that_nothing_was_done_to_is_no_leftover(here: Here) -> None:
    """Killed behind the note, before the tag."""
    here[0].add("work")
    restoring.note(here[2], Restored("work", "work", over=True))
    assert find_leftovers(here[2], here[1]) == []
    assert drop_note(here[1], here[2], "work")
    here[0].change("work", tags=[TAG])
    restoring.note(here[2], Restored("work", "work", over=True))
    assert len(find_leftovers(here[2], here[1])) == 1
