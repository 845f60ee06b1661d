# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Services, policy, packages and docs name the same things, and they run."""

import re
from pathlib import Path
from typing import Dict

import pytest

from packages.conftest import ROOT
from packages.test_running import in_overlay
from wyng_common.ids import StagingToken
from wyng_common.messages import (
    HEADER_SIZE,
    Capability,
    Header,
    Hello,
    Op,
    Status,
    parse_message_header,
)

SOURCES = sorted((ROOT / "qubes-rpc" / "vm").iterdir())
SERVICES = {path.name for path in SOURCES}
POLICY = ROOT / "policy" / "80-wyng.policy"
PAGES = [
    path
    for path in sorted((ROOT / "doc").rglob("*.*"))
    if path.suffix in (".md", ".1")
]
# In dom0, where a backup qube calls them.
DOM0_SOURCES = sorted((ROOT / "qubes-rpc" / "dom0").iterdir())
DOM0_SERVICES = {path.name for path in DOM0_SOURCES}


@pytest.mark.parametrize("place", ["vm", "deb", "dom0"])
def test_every_service_is_installed(
    roots: "Dict[str, Path]", place: str
) -> None:
    folder = roots[place] / "etc/qubes-rpc"
    sources = DOM0_SOURCES if place == "dom0" else SOURCES
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in sources
    }
    for source in sources:
        installed = folder / source.name
        assert installed.read_bytes() == source.read_bytes()
        assert installed.stat().st_mode & 0o777 == 0o755


def test_only_dom0_has_the_policy(roots: "Dict[str, Path]") -> None:
    installed = roots["dom0"] / "etc/qubes/policy.d"
    assert [path.name for path in installed.iterdir()] == [POLICY.name]
    assert (installed / POLICY.name).read_bytes() == POLICY.read_bytes()
    for place in ("vm", "deb"):
        assert not (roots[place] / "etc/qubes").exists()


def test_policy_denies_every_service_and_no_other() -> None:
    lines = POLICY.read_text().splitlines()
    rules = [line.split() for line in lines if line and line[0] != "#"]
    assert {rule[0] for rule in rules} == SERVICES | DOM0_SERVICES
    assert all(rule[1:] == ["*", "*", "*", "deny"] for rule in rules)


@pytest.mark.parametrize(
    "path",
    [*PAGES, POLICY, ROOT / "README.md"],
    ids=lambda path: path.name,
)
def test_docs_name_only_services_there_are(path: Path) -> None:
    named = set(re.findall(r"\bwyng\.[A-Z][a-z]+\b", path.read_text("utf-8")))
    assert named <= SERVICES | DOM0_SERVICES


ASK = """
mkdir -p $WORK/bin
for name in sudo sleep; do
    cat >$WORK/bin/$name <<END
#!/bin/bash
cat >>$WORK/$name <<<"\\$*"
END
    chmod 755 $WORK/bin/$name
done
PATH=$WORK/bin:$PATH QREXEC_REMOTE_DOMAIN=backup \\
QREXEC_SERVICE_ARGUMENT=work $ETC/wyng.Restore work >answer
until test -s sudo; do :; done
/usr/libexec/qvm-wyng/decide restore backup work
"""


def test_installed_service_of_dom0_answers_and_decides(
    roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    """The script, what it runs and what that runs as root are all there."""
    where = roots["dom0"] / "etc/qubes-rpc"
    said = in_overlay(
        roots["dom0"], tmp_path, f"ETC={where}\nWORK={tmp_path}\n{ASK}"
    )
    assert said == ""
    assert (tmp_path / "answer").read_bytes() == b"."
    assert (tmp_path / "sleep").read_text() == "2\n"
    asked = (tmp_path / "sudo").read_text()
    assert asked == "-n -- /usr/libexec/qvm-wyng/decide restore backup work\n"
    decide = roots["dom0"] / "usr/libexec/qvm-wyng/decide"
    assert decide.read_text().splitlines()[0] == "#!/usr/bin/python3 -I"


INIT = """
wyng() {
    QREXEC_REMOTE_DOMAIN=$1 QREXEC_SERVICE_ARGUMENT=laptop \\
    QREXEC_SERVICE_FULL_NAME=$2+laptop "$ETC/$2" laptop
}
wyng dom0 wyng.Init <hello >answer
wyng work wyng.Init <hello >other 2>/dev/null && exit 1
true
"""


def test_installed_service_answers_dom0_and_nobody_else(
    roots: "Dict[str, Path]", tmp_path: Path
) -> None:
    """The installed script, the installed program, the system's Python."""
    body = Hello(Capability.INIT, StagingToken(b"T" * 16)).encode()
    bye = Header(Op.BYE, 0, 0, 2, 0).encode()
    hello = Header(Op.HELLO, 0, 0, 1, len(body)).encode() + body
    (tmp_path / "hello").write_bytes(hello + bye)
    (tmp_path / "wyng").mkdir()
    where = roots["vm"] / "etc/qubes-rpc"
    in_overlay(roots["vm"], tmp_path, f"ETC={where}\n{INIT}")
    said = (tmp_path / "answer").read_bytes()
    first = parse_message_header(said[:HEADER_SIZE], 1 << 20)
    assert first.code is Op.HELLO
    assert Status(first.second) is Status.NO_ARCHIVE
    refused = (tmp_path / "other").read_bytes()
    statuses = [refused[1]] if refused else []
    assert Status.NO_ARCHIVE not in statuses and Status.OK not in statuses
