# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every qube is shown as Qubes shows it, and how it is backed up."""

import json
from typing import Any

from qubes.dom0 import Dom0


def told(dom0: Dom0) -> "dict[str, Any]":
    return dom0.machine.parsed(dom0.run("--json", "overview"), "overview")


def states(dom0: Dom0) -> "dict[str, str]":
    return {each["volume"]: each["state"] for each in told(dom0)["volumes"]}


def test_every_qube_is_shown(dom0: Dom0) -> None:
    dom0.system.start("work")
    found = {each["qube"]: each for each in told(dom0)["qubes"]}
    assert sorted(found) == ["alone", "fedora", "sys-firewall", "vault", "work"]
    assert found["work"] == {
        "qube": "work",
        "klass": "AppVM",
        "label": "blue",
        "color": "0x3465a4",
        "icon": "appvm-blue",
        "running": True,
        "included": True,
        "volumes": ["work:private"],
    }
    assert not found["vault"]["included"]
    assert found["fedora"]["icon"] == "templatevm-black"
    assert found["alone"]["volumes"] == ["alone:private", "alone:root"]


def test_volumes_of_qubes_stand_as_they_do(dom0: Dom0) -> None:
    dom0.sent("work", "alone")
    found = told(dom0)
    rows = {each["volume"]: each for each in found["volumes"]}
    assert rows["work:private"]["state"] == "ok"
    assert rows["work:private"]["qube"] == "work"
    assert rows["vault:private"]["state"] == "excluded"
    assert rows["sys-firewall:private"]["state"] == "never"
    (backup,) = rows["work:private"]["backups"]
    assert backup["changed"] == 0 and backup["noted"]


def test_dom0_is_left_out_as_its_tick_says(dom0: Dom0) -> None:
    for ticked, state in ((False, "excluded"), (True, "never")):
        dom0.system.change("dom0", properties={"include_in_backups": ticked})
        assert states(dom0)["dom0:home"] == state


def test_overview_asks_little_of_qubesd(dom0: Dom0) -> None:
    for number in range(5):
        dom0.system.add(f"more-{number}")
    dom0.system.forget_calls()
    told(dom0)
    asked = [line.split()[:2] for line in dom0.system.calls()]
    about = [qube for _, qube in asked]
    for qube in set(about) - {"dom0"}:
        assert about.count(qube) <= 3, qube
    # The list of qubes, its own tick, and the colour of each label of one.
    assert about.count("dom0") <= 2 + 3


def test_qubes_are_ticked_where_qubes_keeps_it(dom0: Dom0) -> None:
    dom0.sent("work", "vault")
    dom0.run("exclude", "work")
    assert not dom0.system.qube("work")["properties"]["include_in_backups"]
    assert states(dom0)["work:private"] == "excluded"
    assert dom0.fails(9, "send").startswith("all volumes of the archive")
    assert dom0.sent("work") == ["work:private"]
    dom0.run("include", "work", "vault", "sys-firewall")
    assert dom0.system.qube("vault")["properties"]["include_in_backups"]
    assert dom0.sent() == [
        "sys-firewall:private",
        "vault:private",
        "work:private",
    ]
    dom0.run("exclude", "vault")
    assert dom0.sent() == ["sys-firewall:private", "work:private"]


def test_one_volume_of_a_qube_is_left_out_by_itself(dom0: Dom0) -> None:
    dom0.sent("alone")
    dom0.run("exclude", "alone:root")
    assert dom0.sent() == ["alone:private"]
    assert "include_in_backups" not in dom0.system.qube("alone")["properties"]
    assert "no qube 'nobody'" in dom0.fails(6, "include", "nobody")
    assert "no qube 'nobody'" in dom0.fails(6, "exclude", "nobody")


def test_qubes_are_shown_and_ticked_before_the_first_archive(
    dom0: Dom0,
) -> None:
    dom0.run("--force", "arch-delete")
    said = json.loads(dom0.run("--json", "exclude", "work"))
    assert said["archive"] == "" and said["kind"] == "exclude"
    assert states(dom0)["work:private"] == "excluded"
    assert states(dom0)["alone:root"] == "never"
