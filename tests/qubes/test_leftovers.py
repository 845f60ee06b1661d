# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a killed restore leaves is told, and goes only where it is ours."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List

import pytest

from product.machine import START
from qubes.dom0 import Dom0

TAG = "backup-restore-in-progress"
MARK = "wyng.restoring"
WAIT = 60.0


def status(dom0: Dom0) -> Dict[str, Any]:
    out = dom0.run("--json", "status")
    return dict(dom0.machine.parsed(out, "status"))


def leftovers(dom0: Dom0) -> "List[tuple[str, str]]":
    return [(e["kind"], e["name"]) for e in status(dom0)["leftovers"]]


@contextmanager
def held_restore(
    dom0: Dom0, *words: str
) -> "Iterator[subprocess.Popen[bytes]]":
    """A restore that writes to a volume, and is paused."""
    given = [f"--meta-dir={dom0.machine.state}", "--limit-rate=1M"]
    given += ["--force", "receive", *words]
    environ = {**os.environ, **dom0.env}
    with subprocess.Popen(
        [sys.executable, "-c", START, *given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
    ) as process:
        try:
            until = time.monotonic() + WAIT
            while not is_held(dom0):
                assert time.monotonic() < until and process.poll() is None
            yield process
        finally:
            process.kill()


def is_held(dom0: Dom0) -> bool:
    """It imports and is paused; asked again and again to be."""
    running = status(dom0)["running"]
    importing = any(
        volume["importing"]
        for name in dom0.system.names()
        for volume in dom0.system.qube(name)["volumes"].values()
    )
    if running and importing and not running[0]["paused"]:
        dom0.run("pause")
    return bool(running and importing and running[0]["paused"])


@pytest.fixture
def large(dom0: Dom0) -> Dom0:
    """work has so much data that a slow restore of it lasts."""
    dom0.system.add("big", private=os.urandom(8 << 20), size=8 << 20)
    dom0.sent("big", "work")
    return dom0


def test_killed_restore_is_told_and_removed_when_asked(large: Dom0) -> None:
    with held_restore(large, "big", "--as=again") as process:
        again = large.system.qube("again")
        assert TAG in again["tags"] and again["features"][MARK] == "made"
        assert leftovers(large) == [], "it is on its way"
        said = large.fails(5, "--force", "delete", "again", "--clean")
        assert "in use by receive" in said
        process.kill()
        process.wait(WAIT)
    assert leftovers(large) == [("made", "again")]
    told = large.run("status")
    assert "`qvm-wyng receive big --as=again --overwrite` finishes it" in told
    assert "`qvm-wyng delete again --clean` removes it" in told
    said = large.fails(1, "delete", "again", "--clean")
    assert "Type its name" in said or "again" in said
    assert "again" in large.system.names()
    large.run("--dry-run", "delete", "again", "--clean")
    assert "again" in large.system.names()
    large.run("--force", "delete", "again", "--clean")
    assert "again" not in large.system.names()
    assert leftovers(large) == []


def test_killed_restore_can_be_finished(large: Dom0) -> None:
    with held_restore(large, "big", "--as=again") as process:
        process.kill()
        process.wait(WAIT)
    volumes = large.system.qube("again")["volumes"]
    # As admin.vm.volume.Import does when its input ends too early.
    volumes["private"]["importing"] = False
    large.system.change("again", volumes=volumes)
    large.run("--force", "receive", "big", "--as=again", "--overwrite")
    again = large.system.qube("again")
    assert large.system.read("again") == large.system.read("big")
    assert TAG not in again["tags"] and MARK not in again["features"]
    assert leftovers(large) == []
    said = large.fails(1, "--force", "delete", "again", "--clean")
    assert "it is left alone" in said and "again" in large.system.names()


def test_qube_that_was_written_over_is_told_and_never_removed(
    large: Dom0,
) -> None:
    with held_restore(large, "big", "--overwrite") as process:
        process.kill()
        process.wait(WAIT)
    assert large.system.qube("big")["features"][MARK] == "over"
    assert leftovers(large) == [("over", "big")]
    said = large.fails(1, "--force", "delete", "big", "--clean")
    assert "it is left alone" in said and "big" in large.system.names()


@pytest.mark.parametrize(
    "tags, features",
    [([TAG], {}), ([], {MARK: "made"}), ([TAG], {MARK: "over"})],
)
def test_qube_of_another_is_left_alone(
    dom0: Dom0, tags: "List[str]", features: "Dict[str, str]"
) -> None:
    dom0.system.change("work", tags=tags, features=features)
    said = dom0.fails(1, "--force", "delete", "work", "--clean")
    assert "it is left alone" in said and "work" in dom0.system.names()
    dom0.system.change("work", tags=[TAG], features={MARK: "made"})
    dom0.system.change("work", state="Running")
    said = dom0.fails(1, "--force", "delete", "work", "--clean")
    assert "work runs" in said and "work" in dom0.system.names()


def test_qube_whose_tag_was_taken_away_is_its_users(large: Dom0) -> None:
    with held_restore(large, "big", "--as=again") as process:
        process.kill()
        process.wait(WAIT)
    again = large.system.qube("again")
    again["volumes"]["private"]["importing"] = False
    large.system.change("again", tags=[], volumes=again["volumes"])
    assert leftovers(large) == []
    with held_restore(large, "big", "--as=again", "--overwrite") as process:
        process.kill()
        process.wait(WAIT)
    assert leftovers(large) == [("over", "again")]
    said = large.fails(1, "--force", "delete", "again", "--clean")
    assert "it is left alone" in said and "again" in large.system.names()


@pytest.mark.parametrize("tags", [[], [TAG]])
def test_qube_that_was_not_marked_yet_is_left_and_told_no_more(
    large: Dom0, tags: "List[str]"
) -> None:
    """As a kill between making it and marking it leaves it."""
    with held_restore(large, "big", "--as=again") as process:
        (note,) = (large.machine.state / "restores").glob("*.json")
        noted = json.loads(note.read_text())
        process.kill()
        process.wait(WAIT)
    note.write_text(json.dumps({**noted, "marked": False}))
    large.system.change("again", tags=tags, features={})
    assert leftovers(large) == [("perhaps", "again")]
    assert "may be what a killed restore of big began" in large.run("status")
    said = large.run("--force", "delete", "again", "--clean")
    assert "left alone" in said and "again" in large.system.names()
    assert leftovers(large) == []


def test_what_was_removed_by_hand_is_told_no_longer(large: Dom0) -> None:
    from qubesadmin import daemon

    with held_restore(large, "big", "--as=again") as process:
        process.kill()
        process.wait(WAIT)
    with daemon.opened() as state:
        del state["vms"]["again"]
    assert leftovers(large) == []
    said = large.run("delete", "again", "--clean")
    assert "told no more" in said


def test_failed_restore_leaves_no_note(large: Dom0) -> None:
    packs = (large.machine.backup / "a" / "packs").rglob("*.pack")
    chunks = max(packs, key=lambda pack: pack.stat().st_size)
    data = chunks.read_bytes()
    chunks.write_bytes(data[: len(data) // 8].ljust(len(data), b"\0"))
    large.fails(4, "receive", "big", "--as=again")
    assert leftovers(large) == []
    assert "again" not in large.system.names()


def test_what_came_since_is_taken_away(dom0: Dom0) -> None:
    before = {"label": "blue", "template": "fedora", "memory": 777}
    dom0.system.change(
        "work",
        properties=before,
        features={"menu-items": "a"},
        tags=["client", "created-by-dom0"],
        firewall=["action=drop"],
        devices={"block": {"sys-firewall+sda+x": "mode='manual'"}},
    )
    dom0.sent("work")
    dom0.system.change(
        "work",
        properties={
            "label": "blue",
            "template": "fedora",
            "vcpus": 9,
            "netvm": "sys-firewall",
            "kernelopts": "quiet",
            "memory": 5,
        },
        features={
            "menu-items": "a",
            "service.x": "1",
            "os": "Linux",
            "supported-rpc.x": "1",
            "wyng.last.default": "s",
        },
        tags=["created-by-dom0", "new", "guivm-dom0"],
        firewall=["action=accept"],
        devices={
            "block": {"sys-firewall+sda+x": "mode='manual'"},
            "usb": {"sys-firewall+1-1+y": ""},
        },
        notes="new",
    )
    words = ("receive", "work", "--overwrite", "--settings-only")
    out = dom0.run("--json", "--force", *words)
    report = dom0.machine.parsed(out, "receive")
    work = dom0.system.qube("work")
    assert work["properties"] == {**before, "kernelopts": "quiet"}
    assert work["firewall"] == ["action=drop"] and work["notes"] == ""
    assert sorted(work["features"]) == [
        *("menu-items", "os", "supported-rpc.x", "wyng.last.default")
    ]
    assert sorted(work["tags"]) == ["client", "created-by-dom0", "guivm-dom0"]
    assert work["devices"]["usb"] == {}
    assert report["removed"] == [
        "the property vcpus",
        "the feature service.x",
        "the tag new",
        "the usb device sys-firewall+1-1+y",
        "its notes",
        "the property netvm",
    ]
    # What it has already is neither given again nor asked for.
    assert (report["withheld"], report["settings"]) == ([], 3)
    assert report["failed"] == [
        "the property kernelopts came since and was left"
    ]


def test_session_without_settings_takes_nothing_away(dom0: Dom0) -> None:
    dom0.sent("work")
    dom0.system.change("work", tags=["client", "new"], notes="new")
    words = ("receive", "work", "--overwrite", "--data-only")
    dom0.run("--json", "--force", *words)
    work = dom0.system.qube("work")
    assert (work["tags"], work["notes"]) == (["client", "new"], "new")


def test_nonsense_is_refused(dom0: Dom0) -> None:
    for words in (("a:b",), ("work", "--all"), ("work", "--vid=00")):
        dom0.fails(9, "--force", "delete", "--clean", *words)
    said = dom0.fails(6, "--force", "delete", "--clean", "nobody")
    assert said == "there is no qube nobody"
    out = json.loads(dom0.run("--json", "status").splitlines()[-1])
    assert out["leftovers"] == []
