# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`pre` and `post`: the user's own commands around what reaches an archive."""

import json
from pathlib import Path

import pytest

from product.machine import DATA, Machine


def config(machine: Machine, **commands: "list[str] | str") -> str:
    path = machine.root / "config.yaml"
    path.write_text(json.dumps(commands))
    return f"--config={path}"


def script(machine: Machine, code: int = 0) -> "tuple[list[str], Path]":
    """A command that notes how it was called."""
    log, path = machine.root / "log", machine.root / "note"
    path.write_text(
        "#!/bin/sh\n"
        f'echo "$1 $WYNG_COMMAND $WYNG_RESULT" >>"{log}"\n'
        f"echo said; exit {code}\n"
    )
    path.chmod(0o755)
    return [str(path)], log


def test_commands_run_before_and_after(kept: Machine) -> None:
    words, log = script(kept)
    option = config(kept, pre=[*words, "a;b"], post=[*words, "$HOME"])
    done = kept.run("--json", "verify", option)
    assert all(json.loads(line) for line in done.splitlines())
    kept.run("version", option)
    assert log.read_text() == "a;b verify \n$HOME verify done\n"


def test_nothing_is_done_when_pre_fails(kept: Machine) -> None:
    words, log = script(kept, code=3)
    kept.write("a", DATA[::-1])
    option = config(kept, pre=words, post=["/bin/false"])
    done = kept.bare(f"--meta-dir={kept.state}", "send", option)
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].endswith(
        "under 'pre' ended with code 3; nothing was done"
    )
    assert kept.restored("a") == DATA


def test_post_runs_after_a_failure_too(kept: Machine) -> None:
    words, log = script(kept, code=4)
    option = config(kept, post=words)
    done = kept.bare(f"--meta-dir={kept.state}", "send", "no such", option)
    assert done.returncode == 6
    assert "no volume" in done.stderr and "code 4" in done.stderr
    assert log.read_text() == " send failed\n"


def test_post_that_fails_is_told_though_the_command_is_done(
    kept: Machine,
) -> None:
    option = config(kept, post=["/no/such/program"])
    assert "can't be run" in kept.fails(1, "verify", option)


@pytest.mark.parametrize("value", ["mount /x", [""], True])
def test_command_that_is_no_list_is_refused(
    kept: Machine, value: "str | list[str]"
) -> None:
    assert "'pre'" in kept.fails(9, "list", config(kept, pre=value))


def test_commands_are_for_the_configuration_only(kept: Machine) -> None:
    assert "--pre" in kept.fails(9, "list", "--pre=true")
