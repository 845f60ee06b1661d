# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which module carries out which command.

Each is imported when it is wanted: `--help` must not wait for all of them.
"""

from collections.abc import Callable

from wyng_dom0.commands.context import Context

Run = Callable[[Context], None]


def run_command(context: Context) -> None:
    """Carry out the command that the options name; raises what it raises."""
    _COMMANDS[context.options.command](context)


def _add(context: Context) -> None:
    from wyng_dom0.commands import add

    add.run(context)


def _arch_check(context: Context) -> None:
    from wyng_dom0.commands import arch_check

    arch_check.run(context)


def _arch_deduplicate(context: Context) -> None:
    from wyng_dom0.commands import arch_deduplicate

    arch_deduplicate.run(context)


def _arch_delete(context: Context) -> None:
    from wyng_dom0.commands import arch_delete

    arch_delete.run(context)


def _arch_init(context: Context) -> None:
    from wyng_dom0.commands import arch_init

    arch_init.run(context)


def _delete(context: Context) -> None:
    from wyng_dom0.commands import delete

    delete.run(context)


def _forget(context: Context) -> None:
    from wyng_dom0.commands import remember

    remember.forget(context)


def _include(context: Context) -> None:
    from wyng_dom0.commands import include

    include.run(context)


def _key(context: Context) -> None:
    from wyng_dom0.commands import key

    key.run(context)


def _remember(context: Context) -> None:
    from wyng_dom0.commands import remember

    remember.remember(context)


def _diff(context: Context) -> None:
    from wyng_dom0.commands import diff

    diff.run(context)


def _drill(context: Context) -> None:
    from wyng_dom0.commands import drill

    drill.run(context)


def _list(context: Context) -> None:
    from wyng_dom0.commands import list

    list.run(context)


def _overdue(context: Context) -> None:
    from wyng_dom0.commands import overdue

    overdue.run(context)


def _overview(context: Context) -> None:
    from wyng_dom0.commands import overview

    overview.run(context)


def _migrate(context: Context) -> None:
    from wyng_dom0.commands import migrate

    migrate.run(context)


def _monitor(context: Context) -> None:
    from wyng_dom0.commands import monitor

    monitor.run(context)


def _probe(context: Context) -> None:
    from wyng_dom0.commands import probe

    probe.run(context)


def _prune(context: Context) -> None:
    from wyng_dom0.commands import prune

    prune.run(context)


def _protect(context: Context) -> None:
    from wyng_dom0.commands import protect

    protect.run(context)


def _receive(context: Context) -> None:
    from wyng_dom0.commands import receive

    receive.run(context)


def _rename(context: Context) -> None:
    from wyng_dom0.commands import rename

    rename.run(context)


def _requests(context: Context) -> None:
    from wyng_dom0.commands import requests

    requests.run(context)


def _history(context: Context) -> None:
    from wyng_dom0.commands import history

    history.run(context)


def _configure(context: Context) -> None:
    from wyng_dom0.commands import configure

    configure.run(context)


def _schedule(context: Context) -> None:
    from wyng_dom0.commands import schedule

    schedule.run(context)


def _send(context: Context) -> None:
    from wyng_dom0.commands import send

    send.run(context)


def _status(context: Context) -> None:
    from wyng_dom0.commands import status

    status.run(context)


def _steer(context: Context) -> None:
    from wyng_dom0.commands import steer

    steer.run(context)


def _verify(context: Context) -> None:
    from wyng_dom0.commands import verify

    verify.run(context)


def _version(context: Context) -> None:
    from wyng_dom0.commands import version

    version.run(context)


def _watch(context: Context) -> None:
    from wyng_dom0.commands import watch

    watch.run(context)


_COMMANDS: dict[str, Run] = {
    "add": _add,
    "cancel": _steer,
    "pause": _steer,
    "resume": _steer,
    "watch": _watch,
    "arch-check": _arch_check,
    "arch-deduplicate": _arch_deduplicate,
    "arch-delete": _arch_delete,
    "arch-init": _arch_init,
    "delete": _delete,
    "forget": _forget,
    "include": _include,
    "exclude": _include,
    "key": _key,
    "diff": _diff,
    "drill": _drill,
    "list": _list,
    "overdue": _overdue,
    "overview": _overview,
    "protect": _protect,
    "migrate": _migrate,
    "monitor": _monitor,
    "probe": _probe,
    "prune": _prune,
    "receive": _receive,
    "remember": _remember,
    "rename": _rename,
    "configure": _configure,
    "history": _history,
    "requests": _requests,
    "schedule": _schedule,
    "send": _send,
    "unprotect": _protect,
    "status": _status,
    "verify": _verify,
    "version": _version,
}
