# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The systemd units: valid, in the background, and calling what there is."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest

from packages.conftest import ROOT, run
from packages.test_running import in_overlay
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.options import parse_options
from wyng_dom0.commands.context import Options

UNITS = sorted((ROOT / "systemd").glob("*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
TIMERS = [unit for unit in UNITS if unit.suffix == ".timer"]


def read(unit: Path) -> "configparser.ConfigParser":
    parser = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",)
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    return parser


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (package systemd)")


@pytest.mark.parametrize("place", ["dom0", "vm"])
def test_systemd_verifies_every_unit(
    roots: "Dict[str, Path]", place: str, tmp_path: Path
) -> None:
    """Where it is installed: the program and its manual page are there."""
    need("systemd-analyze")
    folder = roots[place] / "usr/lib/systemd/system"
    units = sorted(path.name for path in folder.iterdir())
    assert units
    where = "/usr/lib/systemd/system"
    said = in_overlay(
        roots[place],
        tmp_path,
        f"cd {where}; systemd-analyze verify --man=no --recursive-errors=no"
        f" {' '.join(units)} 2>&1",
    )
    # An option that it doesn't know is only told.
    assert said == ""


DOM0 = [unit for unit in SERVICES if unit.name.startswith("qvm-wyng")]


@pytest.mark.parametrize("unit", DOM0, ids=lambda unit: unit.name)
def test_service_calls_what_there_is(unit: Path) -> None:
    words = read(unit)["Service"]["ExecStart"].split()
    assert words[0] == "/usr/bin/qvm-wyng"
    words = [word.replace("%i", "laptop") for word in words[1:]]
    options = parse_options(words, lambda _: {}, has_terminal=False)
    assert isinstance(options, Options)
    assert options.command in COMMANDS
    assert options.unattended


def test_scrub_calls_what_there_is(
    roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    unit = read(ROOT / "systemd/wyng-store-scrub.service")
    in_overlay(roots["vm"], tmp_path, unit["Service"]["ExecStart"])


def test_scrub_waits_for_dom0_to_turn_it_on() -> None:
    for kind in ("service", "timer"):
        unit = read(ROOT / f"systemd/wyng-store-scrub.{kind}")["Unit"]
        switch = Path(unit["ConditionPathExists"])
        assert switch.parent == Path("/run/qubes-service")
        assert switch.name == "wyng-scrub"
    said = (ROOT / "doc/packaging.md").read_text()
    assert f"qvm-service BACKUP-QUBE {switch.name} on" in said


def test_scrub_needs_no_memory_of_systemd() -> None:
    """A qube's root, where systemd keeps it, is new with every start."""
    timer = read(ROOT / "systemd/wyng-store-scrub.timer")["Timer"]
    assert "OnCalendar" not in timer and "OnBootSec" in timer


def test_preset_enables_the_scrub(
    roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    need("systemctl")
    root = tmp_path / "root"
    shutil.copytree(roots["vm"] / "usr/lib", root / "usr/lib")
    run("systemctl", f"--root={root}", "preset", "wyng-store-scrub.timer")
    wants = root / "etc/systemd/system/timers.target.wants"
    assert [path.name for path in wants.iterdir()] == ["wyng-store-scrub.timer"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_service_stays_in_the_background(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["Type"] == "oneshot"
    assert int(service["Nice"]) >= 10
    assert service["IOSchedulingClass"] == "idle"
    assert int(service["CPUWeight"]) < 100


# Each breaks LVM: block devices, udev's semaphores, its files in /etc.
BREAK_LVM = ("PrivateDevices", "PrivateIPC", "ProtectClock", "DevicePolicy")
BREAK_LVM += ("DeviceAllow", "PrivateNetwork", "MemoryDenyWriteExecute")


@pytest.mark.parametrize("what", ["send", "monitor", "drill"])
def test_service_can_use_lvm(what: str) -> None:
    service = read(ROOT / f"systemd/qvm-wyng-{what}@.service")["Service"]
    assert [key for key in BREAK_LVM if key in service] == []
    assert service["ProtectSystem"] != "strict"
    assert "/etc/lvm" in service["ReadWritePaths"]
    assert "AF_NETLINK" in service["RestrictAddressFamilies"]


@pytest.mark.parametrize("what", ["send", "monitor"])
def test_service_waits_for_mains_unless_told(what: str) -> None:
    """An empty condition, as the unit's comment shows, takes it back."""
    unit = ROOT / f"systemd/qvm-wyng-{what}@.service"
    assert read(unit)["Unit"]["ConditionACPower"] == "true"
    shown = re.findall(r"^#         (.*)$", unit.read_text(), re.M)
    assert shown == ["[Unit]", "ConditionACPower="]


def test_no_call_is_one_start_too_many() -> None:
    """Whose it is was held to a pace before; nothing else starts it again."""
    unit = read(ROOT / "systemd/qvm-wyng-requests.service")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert "Restart" not in unit["Service"] and "Install" not in unit


def calendar(expression: str) -> "List[str]":
    need("systemd-analyze")
    said = run("systemd-analyze", "calendar", "--iterations=3", expression)
    return re.findall(r"(\d\d):(\d\d):\d\d \w+$", said, re.M)


def test_changes_are_noted_every_20_minutes() -> None:
    timer = read(ROOT / "systemd/qvm-wyng-monitor@.timer")["Timer"]
    minutes = [int(minute) for _, minute in calendar(timer["OnCalendar"])]
    assert {(b - a) % 60 for a, b in zip(minutes, minutes[1:])} == {20}


def test_sends_come_every_hour_and_are_made_up_for() -> None:
    timer = read(ROOT / "systemd/qvm-wyng-send@.timer")["Timer"]
    times = calendar(timer["OnCalendar"])
    assert [minute for _, minute in times] == ["00"] * 3
    first, second = int(times[0][0]), int(times[1][0])
    assert (second - first) % 24 == 1
    assert timer["Persistent"] == "true"
    assert timer["RandomizedDelaySec"] == "10min"


def test_drills_are_weekly_made_up_for_and_nobody_elses_to_enable() -> None:
    timer = read(ROOT / "systemd/qvm-wyng-drill@.timer")["Timer"]
    assert timer["OnCalendar"].startswith("Sun ")
    assert calendar(timer["OnCalendar"]) == [("03", "00")] * 3
    assert timer["Persistent"] == "true"
    service = read(ROOT / "systemd/qvm-wyng-drill@.service")["Unit"]
    assert service["ConditionACPower"] == "true"
    for unit in UNITS:
        also = read(unit)["Install"].get("Also", "") if unit in TIMERS else ""
        assert "drill" not in also


@pytest.mark.parametrize("unit", TIMERS, ids=lambda unit: unit.name)
def test_timer_has_its_service_and_can_be_enabled(unit: Path) -> None:
    assert unit.with_suffix(".service") in SERVICES
    assert read(unit)["Install"]["WantedBy"] == "timers.target"


def scriptlet(packages: "Dict[str, Path]") -> str:
    said = run("rpm", "-qp", "--scripts", packages["qvm-wyng-dom0"])
    return said.split("preuninstall scriptlet (using /bin/sh):\n", 1)[1]


def test_uninstall_disables_every_instance(
    packages: "Dict[str, Path]", roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    need("systemctl")
    root = tmp_path / "root"
    shutil.copytree(roots["dom0"] / "usr/lib", root / "usr/lib")
    for name in ("laptop", "my-other"):
        for what in ("send", "monitor", "drill"):
            unit = f"qvm-wyng-{what}@{name}.timer"
            run("systemctl", f"--root={root}", "enable", unit)
    wants = root / "etc/systemd/system/timers.target.wants"
    # A send's timer takes the one along that tells of missed sends.
    assert {path.name for path in wants.iterdir()} == {
        f"qvm-wyng-{what}@{name}.timer"
        for what in ("send", "monitor", "overdue", "drill")
        for name in ("laptop", "my-other")
    }
    calls = tmp_path / "bin"
    calls.mkdir()
    real = shutil.which("systemctl")
    (calls / "systemctl").write_text(f'#!/bin/sh\n{real} --root={root} "$@"\n')
    (calls / "systemctl").chmod(0o755)
    for left, count in (("1", 8), ("0", 0)):
        subprocess.run(
            ["sh", "-c", scriptlet(packages), "preun", left],
            env={"PATH": f"{calls}:/usr/bin:/bin"},
            check=True,
        )
        there = list(wants.iterdir()) if wants.exists() else []
        assert len(there) == count, left
