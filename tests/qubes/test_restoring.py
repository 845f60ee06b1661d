# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes come back with data and settings, and with no more rights."""

import json
import os
from typing import Any, Dict, cast

import pytest

from qubes.dom0 import Dom0
from wyng_dom0.cli.main import main
from wyng_dom0.errors import QubesError
from wyng_dom0.qubes.admin import QubesAdmin
from wyng_dom0.qubes.applying import Applying
from wyng_dom0.qubes.settings import Device, QubeSettings

TAG = "backup-restore-in-progress"


def report(out: str) -> Dict[str, Any]:
    found = [json.loads(line) for line in out.splitlines()]
    (one,) = [each for each in found if each.get("kind") == "receive"]
    return dict(one)


@pytest.fixture
def sent(dom0: Dom0) -> Dom0:
    """work was backed up with settings of every kind."""
    dom0.system.change(
        "work",
        properties={
            "label": "blue",
            "template": "fedora",
            "memory": 777,
            "netvm": "sys-firewall",
            "kernelopts": "init=/bin/sh",
            "autostart": True,
        },
        features={"service.cups": "1", "menu-items": "a b"},
        tags=["client", "created-by-dom0", "guivm-sys-gui"],
        firewall=["action=drop"],
        devices={"block": {"sys-firewall+sda+x": "mode='manual'"}},
        notes="mine\n",
    )
    dom0.sent("work", "alone")
    return dom0


def test_qube_comes_back_under_another_name(sent: Dom0) -> None:
    sent.run("receive", "work", "--as=again")
    again = sent.system.qube("again")
    assert sent.system.read("again") == sent.system.read("work")
    assert again["properties"]["memory"] == 777
    assert again["properties"]["netvm"] == "sys-firewall"
    assert (again["notes"], again["firewall"]) == ("mine\n", ["action=drop"])
    assert again["features"] == {"menu-items": "a b"}
    assert TAG not in again["tags"]
    sent.system.start("again")


def test_rights_are_shown_and_not_given(sent: Dom0) -> None:
    out = sent.run("--json", "receive", "work", "--as=again")
    again = sent.system.qube("again")
    assert "kernelopts" not in again["properties"]
    assert "autostart" not in again["properties"]
    assert again["devices"] == {}
    assert sorted(again["tags"]) == ["client", "created-by-dom0"]
    assert report(out)["withheld"] == [
        "the property autostart = True",
        "the property kernelopts = init=/bin/sh",
        "the feature service.cups",
        "the tag guivm-sys-gui",
        "the block device sys-firewall+sda+x",
    ]


def test_devices_that_are_granted_are_those_of_the_new_qube(
    sent: Dom0,
) -> None:
    from wyng_dom0.qubes.admin import open_admin
    from wyng_dom0.qubes.capture import Capturer

    found = Capturer(open_admin()).settings("work", "AppVM", ())
    assert found.devices == (
        Device("block", "sys-firewall+sda+x", "mode='manual'"),
    )
    sent.system.add("again")
    applying = Applying(open_admin(), "again", found)
    applying.apply()
    applying.grant()
    assert sent.system.qube("again")["devices"]["block"] == {
        "sys-firewall+sda+x": "mode='manual' frontend_domain='again'"
    }
    again = Capturer(open_admin()).settings("again", "AppVM", ())
    assert again.devices == found.devices


def test_what_is_switched_off_is_no_right(sent: Dom0) -> None:
    sent.system.change("work", properties={"autostart": False})
    sent.sent("work")
    out = sent.run("--json", "receive", "work", "--as=again")
    withheld = report(out)["withheld"]
    assert not [each for each in withheld if "autostart" in each]


def test_isolated_qube_has_neither_network_nor_marks(sent: Dom0) -> None:
    sent.run("receive", "work", "--as=again", "--isolated")
    again = sent.system.qube("again")
    assert again["properties"]["label"] == "red"
    assert again["properties"]["netvm"] == ""
    assert (again["features"], again["devices"]) == ({}, {})
    assert again["tags"] == ["created-by-dom0"]
    assert again["firewall"] == ["action=accept"]
    assert sent.system.read("again") == sent.system.read("work")


def test_qube_that_exists_is_not_touched_unless_said(sent: Dom0) -> None:
    sent.system.write("work", b"newer than it")
    said = sent.fails(1, "receive", "work")
    assert "a qube work exists" in said
    assert sent.system.read("work")[:13] == b"newer than it"
    sent.system.start("work")
    said = sent.fails(1, "--force", "receive", "work", "--overwrite")
    assert said == "work runs: shut it down first"


def test_overwritten_volume_is_kept_as_a_revision(sent: Dom0) -> None:
    before = sent.system.read("work")
    sent.system.write("work", b"newer than it")
    out = sent.run("--json", "--force", "receive", "work", "--overwrite")
    assert report(out)["fetched"] > 0
    assert sent.system.read("work") == before
    (revision,) = sent.system.committed("work").parent.glob("private.img.*@*")
    assert revision.read_bytes()[:13] == b"newer than it"
    assert TAG not in sent.system.qube("work")["tags"]


def test_overwriting_wants_the_name_typed(sent: Dom0) -> None:
    said = sent.fails(1, "receive", "work", "--overwrite")
    assert "work" in said
    assert sent.system.qube("work")["tags"].count(TAG) == 0


def test_sparse_fetches_nothing_that_is_there(sent: Dom0) -> None:
    before = sent.system.read("work")
    out = sent.run(
        "--json", "--force", "--sparse", "receive", "work", "--overwrite"
    )
    assert report(out)["fetched"] == 0
    assert sent.system.read("work") == before


def test_standalone_has_both_volumes(sent: Dom0) -> None:
    sent.run("receive", "alone", "--as=other")
    for volume in ("private", "root"):
        there = sent.system.read("other", volume)
        assert there == sent.system.read("alone", volume)


def test_one_volume_alone_leaves_the_other_and_the_settings(sent: Dom0) -> None:
    from qubesadmin import daemon

    before = sent.system.read("alone")
    for volume in ("private", "root"):
        sent.system.write("alone", b"newer than it", volume=volume)
    with daemon.opened() as state:
        state["vms"]["alone"]["properties"]["memory"] = 1
    words = ("receive", "alone", "--overwrite", "--volume=private")
    sent.run("--force", "--data-only", *words)
    assert sent.system.read("alone") == before
    assert sent.system.read("alone", "root")[:13] == b"newer than it"
    assert sent.system.qube("alone")["properties"]["memory"] == 1


def test_missing_template_label_and_netvm_are_replaced(sent: Dom0) -> None:
    from qubesadmin import daemon

    sent.system.add("debian", "TemplateVM", root=b"d")
    sent.system.change("work", properties={"template": "debian"})
    with daemon.opened() as state:
        state["labels"].append("pink")
        state["vms"]["work"]["properties"].update(label="pink", netvm="vault")
    sent.sent("work")
    with daemon.opened() as state:
        for name in ("debian", "work", "vault"):
            del state["vms"][name]
        state["labels"].remove("pink")
    out = sent.run("--json", "receive", "work")
    work = sent.system.qube("work")
    assert work["properties"]["label"] == "red"
    assert work["properties"]["template"] == "fedora"
    assert work["properties"]["netvm"] == ""
    failed = report(out)["failed"]
    assert any("its template debian is not here" in each for each in failed)
    assert any("the label pink is unknown" in each for each in failed)
    assert any("netvm is none now" in each for each in failed)


def test_several_qubes_come_in_the_right_order(dom0: Dom0) -> None:
    from qubesadmin import daemon

    dom0.system.add("debian", "TemplateVM", root=b"d")
    dom0.system.add("app", template="debian", netvm="net")
    dom0.system.add("net", template="debian", provides_network=True)
    dom0.sent("app", "debian", "net")
    with daemon.opened() as state:
        for name in ("app", "debian", "net"):
            del state["vms"][name]
    dom0.run("receive", "app", "debian", "net")
    app = dom0.system.qube("app")["properties"]
    assert (app["template"], app["netvm"]) == ("debian", "net")


def test_settings_and_data_can_be_had_alone(sent: Dom0) -> None:
    from qubesadmin import daemon

    before = sent.system.read("work")
    sent.system.write("work", b"newer than it")
    with daemon.opened() as state:
        state["vms"]["work"]["properties"]["memory"] = 1
    words = ("--force", "receive", "work", "--overwrite")
    sent.run(*words, "--settings-only")
    assert sent.system.qube("work")["properties"]["memory"] == 777
    assert sent.system.read("work")[:13] == b"newer than it"
    with daemon.opened() as state:
        state["vms"]["work"]["properties"]["memory"] = 1
    sent.run(*words, "--data-only")
    assert sent.system.qube("work")["properties"]["memory"] == 1
    assert sent.system.read("work") == before


def test_pool_is_named_and_space_is_looked_at_first(sent: Dom0) -> None:
    other = sent.system.root / "pools" / "small"
    other.mkdir()
    sent.system.add_pool(
        "small", "file-reflink", dir_path=str(other), pretend_free=1000
    )
    said = sent.fails(1, "receive", "work", "--as=x", "--pool=small")
    assert "the pool small has 1000 bytes free" in said
    assert "x" not in sent.system.names()


def test_damage_leaves_no_new_qube_and_the_old_one_as_it_was(
    sent: Dom0,
) -> None:
    before = sent.system.read("work")
    packs = (sent.machine.backup / "a" / "packs").rglob("*.pack")
    # That of the chunks; frames lie in it in no order that could be known.
    chunks = max(packs, key=lambda pack: pack.stat().st_size)
    data = chunks.read_bytes()
    chunks.write_bytes(data[: len(data) // 8].ljust(len(data), b"\0"))
    sent.fails(4, "receive", "work", "--as=again")
    assert "again" not in sent.system.names()
    assert sent.system.read("work") == before


def test_half_restored_qube_does_not_start(sent: Dom0) -> None:
    """It has the tag that a kill in the middle leaves."""
    sent.system.add("again", tags=[])
    sent.system.change("again", tags=[TAG])
    with pytest.raises(Exception, match="Restore of this domain in progress"):
        sent.system.start("again")
    sent.run("--force", "receive", "work", "--as=again", "--overwrite")
    sent.system.start("again")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("work", "alone", "--as=x"), "--as is the name of exactly one qube"),
        (("work", "--settings-only", "--data-only"), "leave nothing"),
        (("work", "--as=x", "--data-only"), "say --overwrite too"),
        (("work", "--as=x", "--standby"), "qubes have --sparse"),
        (("nobody",), "the archive has no qube 'nobody'"),
        (("work", "--as=bad name"), "'bad name' can't be a qube's name"),
        (("work", "--as=dom0"), "'dom0' can't be a qube's name"),
        (("work", "--volume=root", "--as=x"), "no qube 'work:root'"),
    ],
)
def test_what_can_not_be_meant_changes_nothing(
    sent: Dom0, words: "tuple[str, ...]", sentence: str
) -> None:
    before = sent.system.names()
    done = sent.machine.bare(
        f"--meta-dir={sent.machine.state}", "receive", *words, env=sent.env
    )
    assert done.returncode in (1, 6, 9)
    assert sentence in done.stderr
    assert sent.system.names() == before


def test_room_is_looked_at_for_all_qubes_together(dom0: Dom0) -> None:
    from qubesadmin import daemon

    for name in ("qa", "qb"):
        dom0.system.add(name, private=os.urandom(900_000))
    dom0.sent("qa", "qb")
    other = dom0.system.root / "pools" / "small"
    other.mkdir()
    dom0.system.add_pool(
        "small", "file-reflink", dir_path=str(other), pretend_free=1_200_000
    )
    with daemon.opened() as state:
        for name in ("qa", "qb"):
            del state["vms"][name]
    said = dom0.fails(1, "receive", "qa", "qb", "--pool=small")
    assert "are needed: name another with --pool" in said
    assert not {"qa", "qb"} & set(dom0.system.names())


def test_isolated_qube_can_start_no_disposable(sent: Dom0) -> None:
    from qubesadmin import daemon

    with daemon.opened() as state:
        state["defaults"]["default_dispvm"] = "fedora"
    sent.run("receive", "work", "--as=again", "--isolated")
    assert sent.system.qube("again")["properties"]["default_dispvm"] == ""
    said = sent.fails(
        9, "--force", "receive", "work", "--overwrite", "--isolated"
    )
    assert "--isolated makes a new qube" in said


def test_qube_that_can_not_be_cut_off_is_no_restore() -> None:
    """Isolation comes first, and what fails there ends all of it."""

    class Refusing:
        def set_property(self, qube: str, name: str, value: str) -> None:
            raise QubesError("no")

    settings = QubeSettings("work", "AppVM", "blue")
    with pytest.raises(QubesError):
        Applying(cast(Any, Refusing()), "work", settings, True).apply()


def test_words_of_a_qube_are_not_shown_raw(sent: Dom0) -> None:
    words = {"label": "blue", "kernelopts": "a\x1b[31mred"}
    sent.system.change("work", properties=words)
    sent.sent("work")
    out = sent.run("receive", "work", "--as=again")
    assert "kernelopts" in out and "\x1b" not in out


def test_pool_that_is_not_there_is_said(sent: Dom0) -> None:
    said = sent.fails(6, "receive", "work", "--as=x", "--pool=nowhere")
    assert said == "there is no pool nowhere"
    assert "x" not in sent.system.names()


def test_overwritten_qube_has_its_label_and_template_again(sent: Dom0) -> None:
    from qubesadmin import daemon

    sent.system.add("debian", "TemplateVM", root=b"d")
    with daemon.opened() as state:
        properties = state["vms"]["work"]["properties"]
        properties.update(label="red", template="debian")
    sent.run("--force", "receive", "work", "--overwrite", "--settings-only")
    work = sent.system.qube("work")["properties"]
    assert (work["label"], work["template"]) == ("blue", "fedora")


def test_who_overwrites_what_keeps_no_revision_is_told(sent: Dom0) -> None:
    volumes = sent.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = 0
    sent.system.change("work", volumes=volumes)
    out = sent.run("--json", "--force", "receive", "work", "--overwrite")
    assert "what its private volume holds now IS LOST" in out


def plan(dom0: Dom0, *words: str) -> Dict[str, Any]:
    out = dom0.run("--json", "--dry-run", "receive", *words)
    found = [json.loads(line) for line in out.splitlines()]
    (one,) = [each for each in found if each.get("kind") == "receive-plan"]
    return dict(one)


def test_dry_run_tells_what_is_needed_and_makes_no_qube(sent: Dom0) -> None:
    told = plan(sent, "alone", "--as=again")
    assert (told["qube"], told["of"], told["exists"]) == (
        *("again", "alone", False),
    )
    assert set(told["sessions"]) == {"private", "root"}
    (need,) = told["needs"]
    assert need["bytes"] > 0 and told["lost"] == []
    assert "again" not in sent.system.names()


def test_dry_run_tells_which_content_would_be_lost(sent: Dom0) -> None:
    before = sent.system.read("work")
    assert plan(sent, "work", "--overwrite")["lost"] == []
    volumes = sent.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = 0
    sent.system.change("work", volumes=volumes)
    sent.system.write("work", b"newer than it")
    told = plan(sent, "work", "--overwrite")
    assert told["exists"] and told["lost"] == ["private"]
    assert sent.system.read("work")[:13] == b"newer than it" != before
    assert TAG not in sent.system.qube("work")["tags"]


def test_dry_run_refuses_what_a_restore_would(sent: Dom0) -> None:
    sent.system.start("work")
    said = sent.fails(1, "--dry-run", "receive", "work", "--overwrite")
    assert said == "work runs: shut it down first"


def test_qube_that_cannot_be_let_go_is_told_and_the_others_start(
    dom0: Dom0, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from qubesadmin import daemon

    names = ("qa", "qb", "qc")
    for name in names:
        dom0.system.add(name, private=b"data")
    dom0.sent(*names)
    with daemon.opened() as state:
        for name in names:
            del state["vms"][name]
    real = QubesAdmin.remove_tag

    def removed(self: QubesAdmin, qube: str, tag: str) -> None:
        if qube == "qa":
            raise QubesError("qubesd does not answer")
        real(self, qube, tag)

    monkeypatch.setattr(QubesAdmin, "remove_tag", removed)
    words = (f"--meta-dir={dom0.machine.state}", "--json", "receive", *names)
    assert main(words) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    reports = [each for each in found if each.get("kind") == "receive"]
    assert [each["qube"] for each in reports] == list(names)
    assert "qa was restored, and can't start while" in found[-1]["text"]
    tags = {name: TAG in dom0.system.qube(name)["tags"] for name in names}
    assert tags == {"qa": True, "qb": False, "qc": False}
    assert "The qube qa is half restored" in dom0.run("status")
