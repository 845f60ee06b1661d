# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole program as a process: one sentence, one code, clean output."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from wyng_common.errors import FrameError
from wyng_dom0 import errors
from wyng_dom0.cli import main as program
from wyng_dom0.cli.exit_codes import exit_code
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said, VolumeList
from wyng_dom0.events import Notice, Progress, RunDone, VolumeDone, Warning_

START = "import sys; from wyng_dom0.cli.main import main; sys.exit(main())"


def call(
    *words: str, home: "Path | None" = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", START, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(home or "/"),
        },
    )


@pytest.mark.parametrize(
    "error, code",
    [
        (errors.Dom0Error("x"), 1),
        (errors.Refused("x"), 1),
        (errors.SourceError("x"), 1),
        (errors.TargetError("x"), 1),
        (errors.Cancelled("x"), 1),
        (KeyboardInterrupt(), 1),
        (OSError(5, "x"), 1),
        (errors.SomeVolumesFailed((("a", "b"),)), 2),
        (errors.AuthenticationFailed("x"), 3),
        (errors.IntegrityError("x"), 4),
        (errors.RollbackError("x"), 4),
        (FrameError("x"), 4),
        (errors.DestinationError("x"), 5),
        (errors.DestinationBusy("x"), 5),
        (errors.DestinationFull("x"), 5),
        (errors.ConflictError("x"), 5),
        (errors.NotFound("x"), 6),
        (errors.BadInput("x"), 9),
    ],
)
def test_error_has_its_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_version_is_said() -> None:
    done = call("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("qvm-wyng 0.")
    said = json.loads(call("--json", "version").stdout)
    assert said["kind"] == "version" and said["version"]


def test_help_is_on_stdout() -> None:
    done = call("--help")
    assert done.returncode == 0 and "arch-init" in done.stdout


def test_bad_input_is_one_sentence_and_nine() -> None:
    done = call("vresion")
    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr == (
        "qvm-wyng: there is no command 'vresion': did you mean version?\n"
    )


def test_error_with_json_is_an_object_too() -> None:
    done = call("vresion", "--json")
    assert json.loads(done.stdout) == {
        "event": "error",
        "text": "there is no command 'vresion': did you mean version?",
        "code": 9,
        "cancelled": False,
    }


def test_unknown_config_key_is_named(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("colour: red\n")
    done = call("version", f"--config={config}")
    assert done.returncode == 9 and "'colour'" in done.stderr
    config.write_text("force: true\n")
    assert call("version", f"--config={config}").returncode == 9
    config.write_text("json: true\n")
    assert json.loads(call("version", f"--config={config}").stdout)
    missing = call("version", "--config=/no/such/file")
    assert missing.returncode == 9 and "/no/such/file" in missing.stderr


def test_arguments_that_are_no_text_end_in_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable.encode(), b"-c", START.encode(), b"\xff\xfe"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 9 and b"\\udcff" in done.stderr
    assert b"Traceback" not in done.stderr


def test_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_closed_streams_are_no_traceback() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" version <&- >&- 2>&-']
        + [sys.executable, START],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0


def fail_with(mocker: MockerFixture, error: BaseException) -> None:
    mocker.patch.object(program, "run_command", side_effect=error)


@pytest.mark.parametrize(
    "error, sentence",
    [
        (KeyboardInterrupt(), "interrupted"),
        (OSError(errno.EIO, "Input/output error", "/x"), "'/x': Input/output"),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError(), "a fault of this program (ZeroDivisionError)"),
    ],
)
def test_whatever_ends_it_is_one_sentence(
    mocker: MockerFixture,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    sentence: str,
) -> None:
    fail_with(mocker, error)
    assert program.main(["version"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and sentence in err and err.count("\n") == 1


def test_debug_shows_where_it_came_from(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(mocker, errors.NotFound("no such volume"))
    assert program.main(["version", "--debug"]) == 6
    err = capsys.readouterr().err
    assert "Traceback" in err and err.endswith("qvm-wyng: no such volume\n")


def test_notes_of_an_error_are_told(mocker: MockerFixture) -> None:
    error = errors.IntegrityError("a chunk is damaged")
    error.add_note("/dev/x is incomplete")
    assert program.describe_error(error) == (
        "a chunk is damaged; /dev/x is incomplete"
    )


def emit(context: Context) -> None:
    context.listener(Progress("a", 1, 2))
    context.listener(Notice("n"))
    context.listener(Warning_("w"))
    context.listener(RunDone("send", "l"))


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_json_is_all_there_is_on_stdout(
    mocker: MockerFixture,
    capsys: pytest.CaptureFixture[str],
    quiet: "list[str]",
) -> None:
    mocker.patch.object(program, "run_command", emit)
    assert program.main(["send", "--json", *quiet]) == 0
    out, err = capsys.readouterr()
    kinds = [json.loads(line)["event"] for line in out.splitlines()]
    assert kinds == ["progress", "notice", "warning", "run-done"]
    assert "warning: w" in err


def test_quiet_says_only_warnings(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(program, "run_command", emit)
    assert program.main(["send", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err == "qvm-wyng: warning: w\n"


def report(context: Context) -> None:
    context.report(Said("add", "Added 'a'.", {"volumes": ["a"]}))
    context.report(VolumeList("default", ()))


def test_quiet_shows_only_what_was_asked_for(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(program, "run_command", report)
    assert program.main(["list", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out == "The archive default has no volumes.\n"


def test_help_with_json_is_json() -> None:
    said = json.loads(call("--json", "--help").stdout)
    assert said["kind"] == "help" and "arch-init" in said["text"]


def done(context: Context) -> None:
    context.listener(VolumeDone("a", 5, session="20261123-101500"))


def test_receive_and_verify_say_it_once(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(program, "run_command", done)
    for command in ("receive", "verify"):
        assert program.main([command, "a"]) == 0
        assert capsys.readouterr().out == ""
    assert program.main(["verify", "a", "--json"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert json.loads(first)["event"] == "volume-done"
    assert program.main(["send", "a"]) == 0
    assert "20261123-101500" in capsys.readouterr().out


def test_failed_volumes_are_told_with_their_reasons() -> None:
    failed = tuple((f"a\u202e{i}", f"why {i}") for i in range(7))
    told = program.describe_error(errors.SomeVolumesFailed(failed))
    assert told.startswith("7 volumes failed: 'a\\u202e0' (why 0), ")
    assert told.endswith("(why 4) and 2 more")


def test_bare_name_in_an_error_cannot_act_on_the_terminal(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(mocker, errors.NotFound("no \x1b[31m\u202e\nvolume"))
    assert program.main(["version"]) == 6
    err = capsys.readouterr().err
    assert err == "qvm-wyng: no \\x1b[31m\\u202e\\nvolume\n"


def test_full_disk_under_stdout_ends_no_run() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    told = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" version >/dev/full', sys.executable, START],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert told.returncode == 1
    assert told.stderr == (
        "qvm-wyng: the command is done, but standard output can't be"
        " written: No space left on device\n"
    )


def test_exit_code_survives_a_full_stderr() -> None:
    told = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" nope 2>/dev/full', sys.executable, START],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert told.returncode == 9


def test_bars_are_for_terminals_only(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(program, "run_command", emit)
    bar = mocker.patch("wyng_dom0.cli.progress._new_bar")
    assert program.main(["send"]) == 0
    bar.assert_not_called()
    mocker.patch("wyng_dom0.cli.progress.has_bars", return_value=True)
    bar.return_value.n = 0
    assert program.main(["send"]) == 0
    bar.return_value.update.assert_called_once_with(1)
    bar.return_value.close.assert_called_once_with()


def test_help_loads_no_heavy_module() -> None:
    heavy = "{'tqdm', 'cryptography', 'zstandard', 'wyng_dom0.engine'}"
    code = (
        "import sys; from wyng_dom0.cli.main import main; main(['--help']);"
        f"print('LOADED', sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.endswith("LOADED []\n"), done.stdout + done.stderr
