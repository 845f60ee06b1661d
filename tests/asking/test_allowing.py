# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask is the user's to say, and is whole at every moment."""

import os
from collections.abc import Callable
from typing import Any

from asking.rig import NOW, Rig
from policy.evaluator import Call, decide, read_policy
from wyng_common.ids import ArchiveId
from wyng_dom0.engine import asking
from wyng_dom0.errors import NotFound
from wyng_dom0.state import request_log
from wyng_dom0.state.grants import Grant, list_grants
from wyng_dom0.state.policy import lint
from wyng_dom0.state.requests import Request, write_request

LAPTOP = ArchiveId(bytes([1] * 16))
CALLS = [
    Call(service, "+work", caller, "@adminvm")
    for service in ("wyng.Restore", "wyng.Ready", "wyng.Put")
    for caller in ("backup", "other", "work")
]


def allowed_by(rig: Rig) -> "set[tuple[str, str]]":
    """(service, caller) that the policy lets through; every file is good."""
    text = ""
    for body in rig.policy().values():
        lint(body)
        text += body
    rules = read_policy(text)
    found = [each for each in CALLS if decide(rules, each) == "allow"]
    return {(each.service, each.source) for each in found}


BACKUP = {("wyng.Restore", "backup"), ("wyng.Ready", "backup")}


def test_allow_and_block_are_what_policy_says(rig: Rig) -> None:
    assert allowed_by(rig) == set()
    rig.run("requests", "allow", "backup")
    assert allowed_by(rig) == BACKUP
    rig.run("requests", "allow", "other")
    assert len(allowed_by(rig)) == 4
    rig.run("requests", "block", "other")
    assert allowed_by(rig) == BACKUP
    rig.run("requests", "block", "backup")
    assert list(rig.policy()) == ["80-wyng.policy"]
    assert rig.words() == ["allowed"] * 2 + ["blocked"] * 2


def test_only_a_qube_that_holds_an_archive_is_allowed(rig: Rig) -> None:
    assert "no archive known here lies in work" in rig.fails(
        6, "requests", "allow", "work"
    )
    assert "no qube 'nobody'" in rig.fails(6, "requests", "allow", "nobody")
    said = rig.fails(1, "--archive=far", "requests", "allow", "backup")
    assert "does not lie in backup" in said
    for name in ("dom0", "a/b", "-x"):
        assert "can't be a qube" in rig.fails(
            9, "requests", "allow", "--", name
        )
    assert rig.fails(9, "requests", "allow") == "name a qube"
    assert list_grants(rig.places) == []
    assert list(rig.policy()) == ["80-wyng.policy"]


def test_allowing_again_says_whether_it_runs_by_itself(rig: Rig) -> None:
    for words, expected in (((), False), (("--by-itself",), True), ((), False)):
        rig.run("requests", "allow", "backup", *words)
        (row,) = rig.said("requests", "requests", "list")["allowed"]
        assert (row["vm"], row["archive"]) == ("backup", "laptop")
        assert row["by_itself"] is expected


def test_one_archive_of_a_qube_can_be_allowed_alone(rig: Rig) -> None:
    rig.define("second", "qubes://backup/second", 3)
    rig.run("requests", "allow", "backup", "--archive=second")
    (row,) = rig.said("requests", "requests", "list")["allowed"]
    assert row["archive"] == "second"


def test_what_makes_no_sense_is_refused(allowed: Rig) -> None:
    assert "takes list, approve" in allowed.fails(9, "requests", "nonsense")
    assert "goes with requests allow" in allowed.fails(
        9, "requests", "list", "--by-itself"
    )
    assert "takes no name" in allowed.fails(9, "requests", "log", "work")
    assert allowed.fails(6, "requests", "approve") == "no request waits"
    assert "no request for 'x'" in allowed.fails(6, "requests", "deny", "x")
    said = allowed.fails(6, "requests", "block", "other")
    assert said == "'other' may ask for nothing"


def ask(rig: Rig, qube: str, number: int = 1, caller: str = "backup") -> None:
    archive = ArchiveId(bytes([number] * 16))
    write_request(rig.places, Request(archive, qube, "", caller, _now()))


def _now() -> Any:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc)


def test_deny_drops_the_one_that_is_meant(allowed: Rig) -> None:
    ask(allowed, "work")
    ask(allowed, "web")
    ask(allowed, "web", 2, "other")
    assert "name a qube" in allowed.fails(9, "requests", "deny")
    assert "--archive" in allowed.fails(9, "requests", "deny", "web")
    allowed.run("requests", "deny", "web", "--archive=far")
    allowed.run("requests", "deny", "work")
    allowed.run("requests", "deny")
    assert allowed.asked() == []
    denied = [e["qube"] for e in allowed.log() if e["what"] == "denied"]
    assert denied == ["web", "work", "web"]


def test_block_denies_what_waits(allowed: Rig) -> None:
    ask(allowed, "work")
    ask(allowed, "web", 2, "other")
    allowed.run("requests", "block", "backup")
    assert [each.qube for each in allowed.asked()] == ["web"]
    assert allowed.words() == ["allowed", "denied", "blocked"]


def test_damaged_definition_keeps_nobody_from_being_blocked(
    allowed: Rig,
) -> None:
    ask(allowed, "work")
    ask(allowed, "web")
    (allowed.places.archives / "broken.yaml").write_text("{")
    assert "work" in allowed.run("requests", "list")
    allowed.run("requests", "block", "backup")
    assert allowed.asked() == [] and list_grants(allowed.places) == []
    assert list(allowed.policy()) == ["80-wyng.policy"]
    assert allowed.words() == ["allowed", "denied", "denied", "blocked"]


def test_terminal_shows_what_waits_and_who_may_ask(allowed: Rig) -> None:
    out = allowed.run("requests", "list")
    assert "No request waits." in out and "backup" in out
    ask(allowed, "work")
    out = allowed.run("requests", "list")
    assert "waits for approve or deny" in out and "newest" in out
    assert "1 restore; `qvm-wyng requests list`" in allowed.run("status")
    assert "allowed" in allowed.run("requests", "log")


def test_no_error_reaches_the_terminal_as_it_is(allowed: Rig) -> None:
    """What was wrong may quote what a qube chose."""
    bad = Request(LAPTOP, "work", "", "backup", _now()).marked(
        "failed", "\x1b[2J"
    )
    write_request(allowed.places, bad)
    entry = request_log.Entry(_now(), "failed", why="\x1b[2J")
    request_log.note(allowed.places, entry)
    for word in ("list", "log"):
        assert "\x1b" not in allowed.run("requests", word)


def test_default_of_the_config_hides_no_request(allowed: Rig) -> None:
    config = allowed.machine.root / "config.yaml"
    config.write_text("archive: far\n")
    given = f"--config={config}"
    allowed.run(given, "requests", "allow", "backup")
    asked = Request(LAPTOP, "work", "", "backup", _now())
    write_request(allowed.places, asked)
    allowed.run(given, "requests", "deny", "work")
    assert allowed.asked() == []


def test_policy_that_somebody_changed_is_told(allowed: Rig) -> None:
    (path,) = allowed.qubes.policies.glob("40-*")
    path.unlink()
    (said,) = allowed.said("requests", "requests", "list")["problems"]
    assert "does not say what is listed here" in said
    allowed.run("requests", "allow", "backup")
    assert allowed.said("requests", "requests", "list")["problems"] == []


# Killed before its n-th step, for every n


def killed(act: Callable[[], None], step: int) -> bool:
    """Do it in a process that is gone before its n-th step on the disk."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _count(step)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _count(left: int) -> None:
    from unittest import mock

    def dies(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def step(*words: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return real(*words, **more)

        return step

    for name in ("fsync", "rename", "link", "unlink", "mkdir", "write"):
        mock.patch.object(os, name, dies(name)).start()


def grant(name: str = "backup", number: int = 1) -> Grant:
    return Grant(ArchiveId(bytes([number] * 16)), name, "u-u", False, NOW)


def test_allow_that_is_killed_leaves_a_good_policy(rig: Rig) -> None:
    def act() -> None:
        asking.allow(rig.places, [grant()], NOW)

    step = 0
    while killed(act, step):
        assert allowed_by(rig) in (set(), BACKUP), step
        # Never lets through what the service would not know.
        if allowed_by(rig):
            assert [each.vm for each in list_grants(rig.places)] == ["backup"]
        request_log.read_log(rig.places)
        step += 1
    assert step > 10 and allowed_by(rig) == BACKUP


def test_block_that_is_killed_lets_nobody_in(rig: Rig) -> None:
    steps = 0
    while True:
        asking.allow(rig.places, [grant(), grant("other", 2)], NOW)
        ask(rig, "work")

        def act() -> None:
            asking.block(rig.places, "backup", NOW)

        was_killed = killed(act, steps)
        assert {("wyng.Ready", "other")} < allowed_by(rig)
        known = {each.vm for each in list_grants(rig.places)}
        assert "other" in known
        if was_killed and "backup" not in known:
            # Policy may still let it through: the service knows it no more,
            # and the same command ends what it began.
            try:
                asking.block(rig.places, "backup", NOW)
            except NotFound:
                pass
            assert allowed_by(rig) == {
                ("wyng.Restore", "other"),
                ("wyng.Ready", "other"),
            }
            assert rig.asked() == []
        if not was_killed:
            break
        steps += 1
    assert steps > 10
    assert rig.asked() == []


def test_filing_that_is_killed_leaves_one_request_or_none(rig: Rig) -> None:
    request = Request(LAPTOP, "work", "", "backup", _now())
    step = 0
    while killed(lambda: write_request(rig.places, request), step):
        assert rig.asked() in ([], [request])
        step += 1
    assert step > 3 and rig.asked() == [request]
