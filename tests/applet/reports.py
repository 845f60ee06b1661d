# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports as the engine says them, for windows that need one of each state."""

from datetime import datetime, timedelta, timezone
from typing import Any, Sequence

Report = "dict[str, Any]"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
HOSTILE = "<b>bold</b><img src=/etc/passwd>\n\u202e&amp;"


def ago(hours: float, now: datetime = NOW) -> str:
    return (now - timedelta(hours=hours)).isoformat()


def archive(name: str = "laptop", **values: Any) -> Report:
    return {
        "name": name,
        "destination": f"internal:/backup/{name}",
        "source": "qubes",
        "last_send": ago(3),
        "every": 86400,
        "overdue": False,
        "next_run": ago(-2),
        "proven": None,
        "space": {
            "free": 5 << 30,
            "used": 1 << 30,
            "total": 9 << 30,
            "seen_at": ago(3),
        },
        **values,
    }


def backup(state: str = "ok", name: str = "laptop", **values: Any) -> Report:
    return {
        "archive": name,
        "state": state,
        "planned": state not in ("excluded", "missing"),
        "sessions": 3,
        "newest": "20261126-090000",
        "time": ago(50),
        "size": 1 << 30,
        "sent": ago(3),
        "failed": None,
        "error": "",
        "changed": 0,
        "everything": False,
        "noted": ago(1),
        "proven": None,
        "proven_session": "",
        **values,
    }


NEVER_HAD = {"sessions": 0, "newest": "", "time": None, "sent": None}


def volume(
    name: str, backups: "Sequence[Report]" = (), **values: Any
) -> Report:
    given = list(backups) or [backup()]
    owner = name.partition(":")[0] if ":" in name else ""
    return {
        "source": "qubes" if owner else "/images",
        "volume": name,
        "qube": owner,
        "present": all(each["state"] != "missing" for each in given),
        "size": 1 << 30,
        "state": given[0]["state"],
        "backups": given,
        **values,
    }


def qube(name: str, label: str = "red") -> Report:
    return {"qube": name, "klass": "AppVM", "label": label, "color": "0xcc0000"}


def overview(
    volumes: "Sequence[Report]",
    archives: "Sequence[Report]" = (),
    qubes: "Sequence[Report]" = (),
) -> Report:
    return {
        "kind": "overview",
        "archives": list(archives) or [archive()],
        "seen": [],
        "qubes": list(qubes),
        "volumes": list(volumes),
        "problems": [],
    }


EACH_STATE = (
    volume("work:private"),
    volume("dev:private", [backup("never", **NEVER_HAD)]),
    volume("mail:private", [backup("failed", failed=ago(1), error="no disk")]),
    volume("bank:private", [backup("overdue", sent=ago(90))]),
    volume("old:private", [backup("missing")]),
    volume("usb:private", [backup("excluded")]),
    volume("far:private", [backup("unknown", **NEVER_HAD)]),
)
