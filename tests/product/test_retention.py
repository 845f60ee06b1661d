# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules, pins and patterns, typed as a user types them."""

import random
from pathlib import Path

import pytest

from product.machine import OFF, Machine, Template

VOLUMES = ("a", "b")
COUNT = 4


@pytest.fixture(scope="module")
def _aged(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root: Path = tmp_path_factory.mktemp("aged") / "m"
    return Template(
        root,
        *OFF,
        sends=[{v: bytes([n]) for v in VOLUMES} for n in range(COUNT)],
    )


@pytest.fixture
def aged(_aged: Template) -> Machine:
    """A machine with four sessions of a and b, all of this minute."""
    return _aged.fresh()


def test_dry_run_says_what_stays_what_goes_and_why(aged: Machine) -> None:
    words = ("prune", "--keep-last=2", "--dry-run")
    told, done = aged.objects(*words)
    assert (told["kind"], done["event"]) == ("pruned", "run-done")
    sessions = aged.sessions("a")
    removed = [(r["volume"], r["session"], r["why"]) for r in told["removed"]]
    assert removed == [
        (volume, session, "no rule keeps it")
        for volume in VOLUMES
        for session in sessions[:2]
    ]
    reasons = {r["session"]: r["why"] for r in told["kept"]}
    assert reasons == {
        sessions[2]: "one of the last 2",
        sessions[3]: "newest",
    }
    shown = aged.run(*words)
    assert f"goes   a       {sessions[0]}  no rule keeps it" in shown
    assert f"stays  b       {sessions[3]}  newest" in shown
    assert aged.volumes() == {"a": COUNT, "b": COUNT}


def test_rules_are_carried_out(aged: Machine) -> None:
    sessions = aged.sessions("a")
    aged.run("prune", "--keep-last=3", "b")
    assert aged.sessions("a") == sessions
    assert aged.sessions("b") == sessions[1:]
    aged.run("prune", "--autoprune=full", "--apdays=0:62:1:2")
    assert aged.sessions("a") == sessions
    aged.run("verify")


def test_losing_more_than_half_stops_an_unattended_run(aged: Machine) -> None:
    told = aged.fails(1, "prune", "--keep-last=1")
    assert "6 of 8 sessions would be removed" in told and "--force" in told
    assert aged.volumes() == {"a": COUNT, "b": COUNT}
    aged.run("prune", "--keep-last=1", "--force")
    assert aged.volumes() == {"a": 1, "b": 1}
    assert aged.restored("a") == bytes([COUNT - 1])


def test_send_prunes_first_and_always_sends(aged: Machine) -> None:
    before = aged.sessions("a")
    aged.write("a", b"next")
    aged.run("send", "a", "--autoprune=full", "--keep-last=2")
    assert aged.sessions("a")[:2] == before[2:]
    assert len(aged.sessions("a")) == 3 and aged.sessions("b") == before[2:]
    aged.write("a", b"more")
    aged.run("send", "a", "--autoprune=on", "--keep-last=2")
    assert len(aged.sessions("a")) == 4, "there was room"
    aged.write("a", b"last")
    told = aged.bare(
        f"--meta-dir={aged.state}", "send", "--autoprune=full", "--keep-last=1"
    )
    assert told.returncode == 1
    assert "warning: nothing was pruned" in told.stderr
    assert aged.restored("a") == b"last"
    assert len(aged.sessions("a")) == 5


def test_only_needed_room_is_made_oldest_first(aged: Machine) -> None:
    sessions = aged.sessions("a")
    words = ("prune", "--autoprune=on", "--keep-last=2")
    aged.run(*words, "--min-free-space=1")
    assert aged.sessions("a") == sessions
    # More than any disk has: all that may go goes, and that is no error.
    aged.run(*words, "--min-free-space=900P")
    assert aged.sessions("a") == aged.sessions("b") == sessions[2:]
    aged.run("verify")


def test_all_that_removed_sessions_held_is_given_back(
    machine: Machine,
) -> None:
    """At once, or rules that make room would find none and go on removing."""
    size = 40 << 20
    packs = machine.backup / "a" / "packs"

    def held() -> int:
        return sum(path.stat().st_size for path in packs.rglob("*.pack"))

    machine.init(*OFF)
    for seed in range(4):
        machine.write("a", random.Random(seed).randbytes(size))
        machine.run("send", "a")
    assert held() > 4 * size
    told = machine.run("prune", "--keep-last=1", "--force", "a")
    assert "3 sessions removed, 12" in told and "MiB freed" in told
    assert size < held() < 1.2 * size
    machine.run("verify")
    machine.run("delete", "--force", "a")
    assert held() < 1 << 20


def test_rules_stand_in_the_config(aged: Machine) -> None:
    config = aged.root / "c.yaml"
    config.write_text(
        "autoprune: full\nkeep-last: 99\nretention:\n  a:\n"
        "    keep-last: 3\n    volumes:\n      'b*': {keep-last: 2}\n"
    )
    aged.run(f"--config={config}", "prune")
    assert aged.volumes() == {"a": 3, "b": 2}
    config.write_text("retention:\n  a:\n    keep-sometimes: 3\n")
    told = aged.fails(9, f"--config={config}", "prune")
    assert "keep-sometimes" in told


def test_protected_sessions_survive_every_prune(aged: Machine) -> None:
    first, second, third, newest = aged.sessions("a")
    aged.run("protect", "a", f"--session={first},{second}")
    (listed,) = aged.objects("list", "a")
    pinned = [each["pinned"] for each in listed["sessions"]]
    assert pinned == [True, True, False, False]
    aged.run("prune", f"--session={first},{newest}", "a")
    assert aged.sessions("a") == [first, second, newest]
    aged.run("prune", "--keep-last=1", "--force")
    assert aged.sessions("a") == [first, second, newest]
    aged.run("unprotect", "a", f"--session={first}")
    aged.run("prune", f"--session={first},{newest}", "a")
    assert aged.sessions("a") == [second, newest]
    assert aged.restored("a", second) == bytes([1])


def test_keep_spares_what_session_means(aged: Machine) -> None:
    first, second, third, newest = aged.sessions("a")
    aged.run("prune", f"--session={first},{newest}", f"--keep={second}")
    assert aged.sessions("a") == aged.sessions("b") == [second, newest]


def test_patterns_stand_for_names(aged: Machine) -> None:
    for name in ("vm-work-private", "vm-home-private", "a[1]"):
        aged.write(name, name.encode())
    aged.run("send", "vm-*", "a[1]")
    assert sorted(aged.volumes()) == [
        "a",
        "a[1]",
        "b",
        "vm-home-private",
        "vm-work-private",
    ]
    told = aged.run("verify", "vm-*", "--volex=*home*")
    assert "vm-work-private" in told and "home" not in told
    assert "whole" in aged.run("verify", "a[1]")
    (aged.images / "vm-work-private").unlink()
    aged.run("receive", "vm-w*")
    assert (aged.images / "vm-work-private").read_bytes() == b"vm-work-private"
    assert "'x*'" in aged.fails(6, "verify", "x*")
    assert "'x*'" in aged.fails(6, "send", "x*")


def test_named_sessions_that_stay_are_told(aged: Machine) -> None:
    sessions = aged.sessions("a")
    aged.run("protect", "a", f"--session={sessions[0]}")
    words = ("prune", "a", "--all-before", "--session=20991231-000000")
    told, _ = aged.objects(*words, f"--keep={sessions[1]}")
    assert [each["session"] for each in told["removed"]] == [sessions[2]]
    assert {each["session"]: each["why"] for each in told["kept"]} == {
        sessions[0]: "protected",
        sessions[1]: "named by --keep",
        sessions[3]: "newest",
    }
    told = aged.run("prune", "a", f"--session={sessions[0]}")
    assert f"stays  a       {sessions[0]}  protected" in told


def test_session_that_none_has_is_told(aged: Machine) -> None:
    # Not an error: it may have been removed by a prune that was killed.
    done = aged.bare(
        f"--meta-dir={aged.state}", "prune", "--session=19990101-000000"
    )
    assert done.returncode == 0
    assert "has a session 19990101-000000" in done.stderr


@pytest.mark.parametrize("mark", ["on", '"on"'])
def test_named_sessions_go_whatever_the_config_says_of_room(
    aged: Machine, mark: str
) -> None:
    config = aged.root / "c.yaml"
    config.write_text(f"autoprune: {mark}\nmin-free-space: 1K\n")
    sessions = aged.sessions("a")
    words = (f"--config={config}", "prune", "a")
    aged.run(*words, f"--session={sessions[0]}")
    assert aged.sessions("a") == sessions[1:]
    # There is room.
    aged.run(*words, "--apdays=1:0:1:1")
    assert aged.sessions("a") == sessions[1:]


def test_typed_rules_count_where_sends_don_t_prune(aged: Machine) -> None:
    config = aged.root / "c.yaml"
    config.write_text("autoprune: off\nkeep: 20200101-000000\n")
    aged.run(f"--config={config}", "prune", "--keep-last=3")
    assert aged.volumes() == {"a": 3, "b": 3}


def test_send_says_that_its_rules_remove_nothing(aged: Machine) -> None:
    told = aged.run("send", "--keep-daily=1", "--keep=^x")
    assert "nothing is pruned: --keep-daily, --keep without" in told
    config = aged.root / "c.yaml"
    config.write_text("autoprune: on\nmin-free-space: 1K\nkeep-daily: 1\n")
    told = aged.run(f"--config={config}", "send", "--autoprune=off")
    assert "nothing is pruned" not in told
