# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes of qubes are drilled in the pool that they came from."""

import json
from typing import Any, Dict

from qubes.dom0 import Dom0


def drilled(dom0: Dom0, *words: str) -> Dict[str, Any]:
    out = dom0.run("--json", *words)
    found = [json.loads(line) for line in out.splitlines()]
    (report,) = [each for each in found if each.get("kind") == "drill"]
    return dict(report)


def test_qube_is_drilled_in_its_pool(dom0: Dom0) -> None:
    dom0.sent("work")
    report = drilled(dom0, "drill", "work")
    assert report["volume"] == "work:private"
    assert report["scratch"] == str(dom0.system.pool)
    assert report["cached"] == 0
    assert not list(dom0.system.pool.glob(".wyng-drill*"))


def test_settings_alone_are_nothing_to_drill(dom0: Dom0) -> None:
    dom0.sent("work:settings", "work")
    assert drilled(dom0, "drill")["volume"] == "work:private"
    said = dom0.run("drill", "work:settings")
    assert "has no data to restore" in said


def test_qube_that_is_gone_is_drilled_in_the_default_pool(dom0: Dom0) -> None:
    from qubesadmin import daemon

    dom0.sent("work")
    with daemon.opened() as state:
        del state["vms"]["work"]
    assert drilled(dom0, "drill")["scratch"] == str(dom0.system.pool)


def test_pool_of_another_kind_needs_a_place_to_be_named(dom0: Dom0) -> None:
    from qubesadmin import daemon

    dom0.sent("work")
    with daemon.opened() as state:
        state["pools"]["z"] = {"driver": "zfs"}
        state["vms"]["work"]["volumes"]["private"]["pool"] = "z"
    said = dom0.fails(1, "drill", "work")
    assert "the pool 'z' is of the kind 'zfs'" in said and "--scratch" in said
    place = dom0.machine.root
    report = drilled(dom0, f"--scratch={place}", "drill", "work")
    assert report["scratch"] == str(place)
