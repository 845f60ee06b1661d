# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that an archive always has: set once, heeded by every command."""

import json
from typing import Any

import pytest

from product.machine import DATA, Machine


def shown(machine: Machine, *words: str) -> "dict[str, dict[str, Any]]":
    (report,) = machine.objects("configure", *words)
    return {each["key"]: each for each in report["options"]}


def removed(machine: Machine, *words: str) -> int:
    """How many sessions the rules would remove."""
    out = machine.run(
        "--json", "prune", "--dry-run", "--autoprune=full", *words
    )
    return len(machine.parsed(out, "pruned")["removed"])


def config(machine: Machine, text: str) -> str:
    path = machine.root / "config.yaml"
    path.write_text(text)
    return f"--config={path}"


def test_what_is_set_counts_until_it_is_taken_back(kept: Machine) -> None:
    first = shown(kept)
    assert {each["origin"] for each in first.values()} == {"default"}
    assert first["guard-data"]["value"] == "90"
    assert first["compression"]["value"] == "zstd:3"
    found = shown(kept, "keep-last=1", "autoprune=full", "every=1w")
    assert found["keep-last"] == {
        "key": "keep-last",
        "value": "1",
        "default": "",
        "origin": "archive",
        "stored": "1",
    }
    (status,) = kept.objects("status")
    assert status["archives"][0]["every"] == 7 * 86400
    for size in (9, 8):
        kept.write("a", DATA[:size])
        kept.run("send")
    assert kept.volumes() == {"a": 2}, "the last send pruned before it"
    found = shown(kept, "keep-last=", "autoprune=", "every=")
    assert {each["origin"] for each in found.values()} == {"default"}
    assert not list((kept.state / "options").iterdir())


def test_typed_and_configured_go_before(kept: Machine) -> None:
    shown(kept, "keep-last=1", "limit-rate=9M")
    for size in (9, 8):
        kept.write("a", DATA[:size])
        kept.run("send")
    assert removed(kept, "--keep-last=3") == 0
    assert removed(kept) == 2
    file = config(kept, "keep-last: 2\nlimit-rate: 8M\n")
    assert removed(kept, file) == 1
    (report,) = kept.objects(file, "configure")
    rows = {each["key"]: each for each in report["options"]}
    assert report["rules_in_config"]
    assert (rows["limit-rate"]["value"], rows["limit-rate"]["origin"]) == (
        "8M",
        "config",
    )
    assert "count not" in kept.run(file, "configure")
    file = config(kept, "retention:\n  a:\n    keep-daily: 9\n")
    (nested,) = kept.objects(file, "configure")
    assert nested["rules_in_config"]


def test_each_archive_has_its_own(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    shown(kept, "--archive=b", "every=2h", "limit-rate=1M")
    assert shown(kept)["limit-rate"]["origin"] == "default"
    assert shown(kept, "--archive=b")["limit-rate"]["value"] == "1M"
    (status,) = kept.objects("status")
    assert [each["every"] for each in status["archives"]] == [86400, 7200]
    kept.run("--archive=b", "--force", "arch-delete")
    assert not list((kept.state / "options").iterdir())


@pytest.mark.parametrize(
    "words",
    [
        "keep-daily",
        "keep-dayly=7",
        "keep-daily=many",
        "passcmd=rm",
        "pre=rm",
        "autoprune=perhaps",
        "guard-data=101",
        "limit-rate=fast",
        "every=now",
        "session-limit=-1",
        "timeout=0",
        "compression=gold",
        "state=frozen",
        "send-unchanged=yes",
        "keep-tag=a,b=c",
        "min-free-space=some",
        "keep-daily=7 keep-daily=8",
        "keep-daily=7 apdays=0:62:1:2",
        "min-free-space=1G autoprune=off",
        "limit-rate=1M keep-daily=nonsense",
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    kept: Machine, words: str
) -> None:
    kept.fails(9, "configure", *words.split())
    assert not (kept.state / "options").exists()


def test_contradiction_with_what_is_set_already_is_refused(
    kept: Machine,
) -> None:
    shown(kept, "keep-daily=7")
    assert "contradict" in kept.fails(9, "configure", "apdays=0:62:1:2")
    shown(kept, "keep-daily=", "apdays=0:62:1:2")
    assert removed(kept) == 0


def test_damaged_options_are_told_and_not_taken_for_none(
    kept: Machine,
) -> None:
    shown(kept, "keep-last=1")
    (path,) = (kept.state / "options").iterdir()
    path.write_text("{")
    for words in (("prune",), ("send",), ("configure",)):
        assert f"{path} is damaged" in kept.fails(9, *words)


def test_option_of_a_later_version_is_passed_over(kept: Machine) -> None:
    shown(kept, "keep-last=1")
    (path,) = (kept.state / "options").iterdir()
    values = {**json.loads(path.read_text()), "warp": "9"}
    path.write_text(json.dumps(values))
    kept.run("send")


def defaults(machine: Machine, *words: str) -> "list[str]":
    (found,) = machine.objects(*words, "status")
    return [each["name"] for each in found["archives"] if each["default"]]


def test_default_archive_is_the_first_made_until_another_is_set(
    kept: Machine,
) -> None:
    kept.init("--encrypt=off", name="b")
    kept.init("--encrypt=off", name="c")
    assert defaults(kept) == ["a"] and kept.volumes() == {"a": 1}
    assert "meant where no archive is named" in kept.run("configure")
    said = kept.run("--archive=c", "configure", "default=on", "every=1w")
    assert "meant where no archive is named" in said
    assert "The archive c has no volumes" in kept.run("list")
    assert "c (default)" in kept.run("status")
    (overview,) = kept.objects("overview")
    found = [(each["name"], each["default"]) for each in overview["archives"]]
    assert found == [("c", True), ("a", False), ("b", False)]
    # It is not b that is the default one, so nothing is taken back.
    kept.run("--archive=b", "configure", "default=off")
    assert defaults(kept) == ["c"]
    kept.run("configure", "default=")
    assert defaults(kept) == ["a"] and kept.volumes() == {"a": 1}


def test_config_goes_before_the_default_that_was_set(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    file = config(kept, "archive: a\n")
    words = (f"--meta-dir={kept.state}", file, "--archive=b")
    done = kept.bare(*words, "configure", "default=on")
    assert "config.yaml says archive: a" in done.stderr
    assert defaults(kept, file) == ["a"] and defaults(kept) == ["b"]
    (report,) = kept.objects(file, "--archive=b", "configure")
    assert not report["default"]


def test_default_archive_that_is_deleted_leaves_the_first_made(
    kept: Machine,
) -> None:
    kept.init("--encrypt=off", name="b")
    kept.run("--archive=b", "configure", "default=on")
    kept.run("--archive=b", "--force", "arch-delete")
    assert defaults(kept) == ["a"]
    kept.init("--encrypt=off", name="b")
    assert defaults(kept) == ["a"], "its name is no other's default"


def test_default_that_is_damaged_stands_for_no_other(kept: Machine) -> None:
    kept.init("--encrypt=off", name="b")
    kept.run("--archive=b", "configure", "default=on")
    (kept.state / "default.json").write_bytes(b"damaged")
    assert "default.json is damaged" in kept.fails(9, "list")
    kept.run("--archive=b", "configure", "default=on")
    assert defaults(kept) == ["b"]


@pytest.mark.parametrize("words", ["default", "default=yes", "default=on x=1"])
def test_default_that_is_none_is_refused(kept: Machine, words: str) -> None:
    kept.fails(9, "configure", *words.split())
    kept.fails(9, "configure", "default=on", "default=off")
    assert not (kept.state / "default.json").exists()
