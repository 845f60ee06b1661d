# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings are kept where data is not, shown, compared and given back."""

import json
import os
from typing import Any, Dict, List, Tuple

import pytest

from qubes.dom0 import Dom0
from wyng_dom0.qubes.rows import changes_between, rows_of
from wyng_dom0.qubes.settings import QubeSettings, Setting


def said(dom0: Dom0, kind: str, *words: str, code: int = 0) -> Dict[str, Any]:
    out = dom0.machine.run("--json", *words, code=code, env=dom0.env)
    (found,) = [
        each
        for each in map(json.loads, out.splitlines())
        if each.get("kind") == kind
    ]
    return dict(found)


def shown(dom0: Dom0, *words: str) -> List[Tuple[str, str, str]]:
    found = said(dom0, "settings", "list", *words, "--settings")["settings"]
    return [(each["kind"], each["name"], each["value"]) for each in found]


def changes(dom0: Dom0, *words: str) -> List[Tuple[Any, ...]]:
    found = said(dom0, "settings-diff", "diff", *words, "--settings", code=2)
    assert not found["same"]
    return [tuple(each.values()) for each in found["changes"]]


@pytest.fixture
def work(dom0: Dom0) -> Dom0:
    """work has settings of every kind."""
    dom0.system.change(
        "work",
        properties={"label": "blue", "template": "fedora", "memory": 777},
        features={"menu-items": "a b", "off": ""},
        tags=["client"],
        firewall=["action=accept dst4=1.2.3.4/32", "action=drop"],
        devices={"block": {"sys-firewall+sda+x": "mode='manual'"}},
        notes="mine\nand more",
    )
    return dom0


def test_settings_alone_are_sent_by_their_name(work: Dom0) -> None:
    assert work.sent("work:settings") == ["work:settings"]
    work.sent("work:settings")
    (state,) = work.states("work:settings")
    assert state == "clean", "unchanged settings are no second session"
    work.system.change("work", notes="other")
    # What the archive knows is sent from now on.
    assert work.sent() == ["work:settings"]
    assert len(work.states("work:settings")) == 2
    assert "backup_timestamp" not in work.system.qube("work")["properties"]


def test_qube_without_its_data_keeps_its_settings(work: Dom0) -> None:
    words = ("--all", "--exclude=fedora", "--exclude=sys-firewall")
    found = work.sent(*words, "--exclude=work:private", "--exclude=alone:root")
    assert found == ["alone:private", "work:settings"]
    found = work.sent(*words, "--exclude=work", "--volex=alone:[pr]*")
    assert found == ["alone:settings"]
    found = work.sent(*words, "--exclude=work:*", "--exclude=alone")
    assert found == []


def test_standing_choice_of_data_keeps_settings(work: Dom0) -> None:
    work.sent("work", "alone")
    work.system.change("work", notes="other")
    work.run("exclude", "work:private")
    names = ["alone:private", "alone:root", "work:settings"]
    assert work.sent() == names
    # By its name it can be chosen before the archive knows it.
    work.run("include", "fedora:settings")
    assert work.sent() == sorted([*names, "fedora:settings"])
    rows = said(work, "overview", "overview")["volumes"]
    (row,) = [each for each in rows if each["volume"] == "work:settings"]
    assert (row["present"], row["state"]) == (True, "ok")
    # A qube that Qubes leaves out has no settings sent either.
    work.run("exclude", "work")
    assert "work:settings" not in work.sent()


def test_what_keeps_no_volume_can_keep_its_settings(work: Dom0) -> None:
    work.system.add("far")
    work.system.change("far", volumes={}, **{"class": "RemoteVM"})
    assert "'far:settings'" in work.fails(6, "send", "far")
    assert work.sent("far:settings") == ["far:settings"]
    assert work.fails(2, "send", "none:settings", "work").startswith("1 volume")


def test_kept_settings_make_a_qube_with_empty_volumes(work: Dom0) -> None:
    from qubesadmin import daemon

    volumes = work.system.qube("work")["volumes"]
    volumes["private"]["size"] = 5 << 30
    work.system.change("work", volumes=volumes)
    work.sent("work:settings")
    with daemon.opened() as state:
        del state["vms"]["work"]
    refused = work.fails(1, "receive", "work")
    assert "only the settings of 'work'" in refused
    assert "--settings-only" in refused
    work.run("receive", "work", "--settings-only")
    made = work.system.qube("work")
    assert made["properties"]["memory"] == 777
    assert made["volumes"]["private"]["size"] == 5 << 30
    assert made["tags"] == ["created-by-dom0", "client"]
    refused = work.fails(9, "receive", "work:settings")
    assert refused.startswith("'work:settings' has no data")


def test_newest_settings_come_back_with_older_data(work: Dom0) -> None:
    work.sent("work", "--tag=old")
    work.system.change("work", notes="newest")
    work.sent("work:settings")
    work.run("receive", "work", "--as=again")
    assert work.system.qube("again")["notes"] == "newest"
    work.run("receive", "work", "--as=older", "--session=^old")
    assert work.system.qube("older")["notes"] == "mine\nand more"


def test_settings_are_shown(work: Dom0) -> None:
    work.sent("work")
    assert shown(work, "work") == [
        ("class", "", "AppVM"),
        ("label", "", "blue"),
        ("template", "", "fedora"),
        ("property", "memory", "777"),
        ("feature", "menu-items", "a b"),
        ("feature", "off", ""),
        ("tag", "client", ""),
        ("device", "block sys-firewall+sda+x", "mode='manual'"),
        ("volume", "private", f"{1 << 20} bytes in vm-pool"),
        ("firewall", "1", "action=accept dst4=1.2.3.4/32"),
        ("firewall", "2", "action=drop"),
        ("notes", "1", "mine"),
        ("notes", "2", "and more"),
    ]
    text = work.run("list", "work", "--settings")
    assert "property  memory                    777" in text


def test_settings_are_compared_with_those_of_now(work: Dom0) -> None:
    work.sent("work")
    same = said(work, "settings-diff", "diff", "work", "--settings")
    assert same["same"] and same["newer"] == "now"
    work.system.change(
        "work",
        properties={"label": "red", "template": "fedora", "vcpus": 8},
        tags=["client", "new"],
        firewall=["action=drop"],
        notes="mine\nand other",
    )
    assert changes(work, "work") == [
        ("label", "", "blue", "red"),
        ("property", "memory", "777", None),
        ("property", "vcpus", None, "8"),
        ("tag", "new", None, ""),
        ("firewall", "1", "action=accept dst4=1.2.3.4/32", None),
        ("notes", "2", "and more", "and other"),
    ]
    text = work.machine.run("diff", "work", "--settings", code=2, env=work.env)
    assert "property  memory  777" in text and "none" in text


def test_two_sessions_are_compared_without_a_qube(work: Dom0) -> None:
    from qubesadmin import daemon

    work.sent("work", "--tag=old")
    work.system.change("work", notes="")
    work.sent("work", "--tag=new")
    with daemon.opened() as state:
        del state["vms"]["work"]
    found = changes(work, "work", "--session=^old,^new")
    assert found == [
        ("notes", "1", "mine", None),
        ("notes", "2", "and more", None),
    ]
    assert "there is no qube 'work'" in work.fails(
        6, "diff", "work", "--settings"
    )


def test_words_of_a_qube_are_not_shown_raw(work: Dom0) -> None:
    evil = "a\x1b[31m\u202ered" + "x" * 500
    work.system.change("work", notes=evil, features={"f\x07": evil})
    work.sent("work")
    text = work.run("list", "work", "--settings")
    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert max(map(len, text.splitlines())) < 300
    assert ("feature", "f\x07", evil) in shown(work, "work")
    work.system.change("work", notes="")
    text = work.machine.run("diff", "work", "--settings", code=2, env=work.env)
    assert "\x1b" not in text


def test_lost_settings_are_no_proof(work: Dom0) -> None:
    work.system.change("work", notes=os.urandom(60_000).hex())
    work.sent("work:settings")
    packs = (work.machine.backup / "a" / "packs").rglob("*.pack")
    largest = max(packs, key=lambda pack: pack.stat().st_size)
    with open(largest, "r+b") as file:
        # Next to all of it is the notes.
        file.seek(largest.stat().st_size // 2)
        file.write(b"rot")
    done = work.machine.bare(
        f"--meta-dir={work.machine.state}", "verify", env=work.env
    )
    assert done.returncode == 4 and "its settings are lost" in done.stderr


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("list", "--settings"), "exactly one qube"),
        (("list", "work:private", "--settings"), "exactly one qube"),
        (("list", "work", "--settings", "--tag=x"), "contradict"),
        (("diff", "work", "--settings", "--quick"), "about data"),
        (("list", "nobody", "--settings"), "no qube 'nobody'"),
        (("diff", "work:settings"), "diff work --settings"),
    ],
)
def test_what_can_not_be_meant_is_one_sentence(
    work: Dom0, words: "tuple[str, ...]", sentence: str
) -> None:
    work.sent("work", "work:settings")
    done = work.machine.bare(
        f"--meta-dir={work.machine.state}", *words, env=work.env
    )
    assert done.returncode in (1, 6, 9)
    assert sentence in done.stderr


def test_moved_rule_is_two_changes_and_equal_ones_are_none() -> None:
    a, b = QubeSettings("q", "AppVM", "red"), QubeSettings("q", "AppVM", "red")
    assert changes_between(a, b) == [] and rows_of(a)[0][0] == "class"
    a = QubeSettings("q", "AppVM", "red", firewall=("x", "y"))
    b = QubeSettings("q", "AppVM", "red", firewall=("y", "x"))
    assert len(changes_between(a, b)) == 2
    a = QubeSettings("q", "A", "r", properties=(Setting("p", "str", ""),))
    b = QubeSettings("q", "A", "r")
    assert changes_between(a, b) == [("property", "p", "", None)]
