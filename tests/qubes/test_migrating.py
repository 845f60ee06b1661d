# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions that wyng made of a qube are the qube's own here."""

from qubes.dom0 import Dom0
from wyng_archives import Format3, Session, Volume


def test_send_goes_on_with_what_was_migrated(dom0: Dom0) -> None:  # noqa: F811
    volumes = [
        Volume(name, [Session("20240301-101112", content)], vid=f"Vol_{at}")
        for at, (name, content) in enumerate(
            [("vm-work-private", b"work in 2024"), ("other", b"x")]
        )
    ]
    source = Format3(dom0.machine.root / "old", volumes=volumes).write()
    dom0.run("migrate", str(source), "vm-work*")
    assert dom0.restored("work:private") == b"work in 2024"
    dom0.sent("work")
    (listed,) = [
        dom0.machine.parsed(dom0.run("--json", "list", volume), "sessions")
        for volume in ["work:private"]
    ]
    assert [each["size"] > 0 for each in listed["sessions"]] == [True, True]
    assert listed["sessions"][0]["session"] == "20240301-101112"
