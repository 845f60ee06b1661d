# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped policy: denies everybody; its examples do what they say."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from policy.evaluator import Call, decide, read_policy, uncommented
from wyng_dom0.errors import BadInput
from wyng_dom0.state.policy import install_policy, lint

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "policy" / "80-wyng.policy"
TEXT = FILE.read_text("ascii")
SERVICES = sorted(each.name for each in (ROOT / "qubes-rpc" / "vm").iterdir())
IN_DOM0 = sorted(p.name for p in (ROOT / "qubes-rpc" / "dom0").iterdir())
SOURCES = ["work", "monitor", "backup", "sys-net", "disp1234"]
TARGETS = ["backup", "work", "dom0", "@adminvm", "@default", "@dispvm"]
ARGUMENTS = ["+", "+laptop", "+work", "+..", "+a+b+22"]
ALLOWED = {
    ("wyng.Verify", "+laptop", "monitor", "backup"),
    ("wyng.Put", "+work", "work", "backup"),
    ("wyng.Get", "+work", "work", "backup"),
}
MATRIX = list(
    itertools.product([*SERVICES, *IN_DOM0], ARGUMENTS, SOURCES, TARGETS)
)


def test_shipped_policy_denies_every_call() -> None:
    rules = read_policy(TEXT)
    assert [c for c in MATRIX if decide(rules, Call(*c)) != "deny"] == []
    # By a line of its own, not because nothing matched.
    assert {r.service for r in rules} == {*SERVICES, *IN_DOM0}
    assert all(r.argument == r.source == r.target == "*" for r in rules)


def test_examples_allow_what_they_say_and_nothing_else() -> None:
    rules = read_policy(uncommented(TEXT))
    allowed = {c for c in MATRIX if decide(rules, Call(*c)) == "allow"}
    assert allowed == ALLOWED


@pytest.mark.parametrize("text", [TEXT, uncommented(TEXT)])
def test_shipped_policy_passes_the_lint(text: str) -> None:
    lint(text)


BAD_LINES = [
    "wyng.Put * * deny",
    "wyng.Put * * * deny # everybody",
    "wyng.Put * * * Deny",
    "wyng.Put * * * deny notify=perhaps",
    "wyng.Put * * * deny target=backup",
    "wyng.Put * * * allow notify=yes notify=yes",
    "wyng.Put * work @default allow",
    "wyng.Put * work backup allow target=",
    "wyng.Put * work backup allow target=@default",
    "wyng.Put * work backup allow target=@dispvm:@tag:x",
    "wyng.Put * work backup ask default_target=@dispvm:@tag:x",
    "wyng.Put laptop work backup allow",
    "wyng.Put +lap* work backup allow",
    "wyng.Put+laptop * work backup allow",
    "wyng/Put * work backup allow",
    "* +laptop work backup allow",
    "wyng.Put * @default backup allow",
    "wyng.Put * @nobody backup allow",
    "wyng.Put * -x backup allow",
    "!include other",
    "wyng.Put * * * d\u00e9ny",
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_line_that_qrexec_refuses_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "80-wyng.policy"
    install_policy(TEXT, path)
    with pytest.raises(BadInput):
        install_policy(f"{TEXT}{line}\n", path)
    assert path.read_text() == TEXT
    assert os.listdir(tmp_path) == ["80-wyng.policy"]


GOOD_LINES = [
    "",
    "# wyng.Put",
    "*  *  @anyvm  @adminvm  deny",
    "wyng.Put  +  @tag:x  @default  allow  target=backup user=root",
    "wyng.Put * @type:AppVM @dispvm ask default_target=@dispvm:backup",
    "wyng.Put * @dispvm:@tag:x backup allow autostart=no notify=no",
    "wyng.Put * work @dispvm:@tag:x ask target=@dispvm:backup",
    "wyng.Put * uuid:00000000-1111-2222-3333-444444444444 backup allow",
]


@pytest.mark.parametrize("line", GOOD_LINES)
def test_line_that_qrexec_takes_is_taken(line: str) -> None:
    lint(line)


@pytest.mark.parametrize(
    "name", ["80-Wyng.policy", ".80.policy", "80-wyng.policy.tmp", "a b.policy"]
)
def test_file_with_a_bad_name_is_never_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        install_policy(TEXT, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_policy_is_never_seen_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is whole, nothing there ends in .policy."""
    from wyng_dom0.state import durable

    seen = []
    sync = durable.sync_file

    def look(fd: int) -> None:
        seen.append(sorted(os.listdir(tmp_path)))
        sync(fd)

    monkeypatch.setattr(durable, "sync_file", look)
    install_policy(TEXT, tmp_path / "80-wyng.policy")
    assert seen == [[".80-wyng.policy.tmp"]]


@pytest.mark.parametrize("good", [True, False])
def test_program_of_the_package_installs_or_leaves_all(
    tmp_path: Path, good: bool
) -> None:
    source = tmp_path / "new"
    source.write_text(TEXT if good else "wyng.Put")
    target = tmp_path / "80-wyng.policy"
    done = subprocess.run(
        [sys.executable, "-m", "wyng_dom0.services.install_policy"]
        + [str(source), str(target)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == good == target.exists()
    assert len(done.stderr.splitlines()) == (0 if good else 1)


def test_service_scripts_are_two_lines_with_one_capability() -> None:
    for name in SERVICES:
        path = ROOT / "qubes-rpc" / "vm" / name
        lines = path.read_text("ascii").splitlines()
        verb = name.removeprefix("wyng.").lower()
        words = "relay" if verb == "ssh" else f"service {verb}"
        assert lines == ["#!/bin/sh", f"exec wyng-store {words}"]
        assert os.access(path, os.X_OK)
