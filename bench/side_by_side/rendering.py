# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as Markdown: goals, all figures, how they were taken. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from side_by_side.figures import Run, median
from side_by_side.goals import (
    CLONE_GOALS,
    GOALS,
    Costs,
    Runs,
    Verdict,
    disturbed,
    judge,
    unlock_cost,
    unlock_costs,
)
from side_by_side.results import runs_of

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
MARK = "†"
_NOTE = f"{MARK} taken while other work used the machine."
_QUANTITIES = {
    "wall": "wall",
    "cpu": "processor",
    "memory": "memory of the largest process",
    "archive": "archive",
    "growth": "growth of the archive",
    "read": "bytes read of the volume",
}
_SECONDS = ("wall", "cpu")
_TITLES = {
    "first-send": "first send",
    "restore": "restore and sync",
    "verify": "verify of all data",
    "changed": "1 % changed",
    "prune-10": "prune, oldest of 10",
    "prune-200": "prune, oldest of 200",
    "list-200": "list of 200",
    "huge-send": "huge sparse send",
    "huge-restore": "huge sparse restore",
    "unchanged": "clone, unchanged",
    "scattered": "clone, 64 x 16 KiB",
    "clustered": "clone, 1 % changed",
    "reading": "clone, 1 % changed",
    "one-pass": "extents, one pass",
    "history": "one page after 10 sessions",
}
# What besides wall and processor time is worth a line.
_EXTRA = {
    "first-send": ("memory", "archive"),
    "restore": ("memory",),
    "verify": ("memory",),
    "changed": ("growth",),
    "huge-send": ("memory",),
    "huge-restore": ("memory",),
    "unchanged": ("memory",),
    "reading": ("read",),
    "one-pass": ("memory",),
}
# Rows whose times say nothing.
_UNTIMED = frozenset({"reading"})


def format_value(value: Optional[float], name: str) -> str:
    """A quantity with its unit; empty when it is not known."""
    if value is None:
        return ""
    if name in _SECONDS:
        return f"{value:.1f} s" if value >= 9.95 else f"{value:.2f} s"
    mib = value / 2**20
    return f"{mib:,.0f} MiB" if mib >= 9.95 else f"{mib:.2f} MiB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first bound to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goal_table(runs: Runs, titles: Mapping[str, str]) -> str:
    """Each goal: ours, the other's, the ratio, the limit, met or missed."""
    unlocks = unlock_costs(runs)
    rows = []
    for goal in (*GOALS, *CLONE_GOALS):
        verdict = judge(goal, runs, unlocks)
        if verdict.ours is None:
            continue
        mark = f" {MARK}" if disturbed(goal, runs) else ""
        others = " or ".join(titles.get(key, key) for key in goal.against)
        theirs = format_value(verdict.best, goal.quantity)
        rows.append(
            [
                goal.title + mark,
                format_value(verdict.ours, goal.quantity),
                f"{theirs} ({others})" if theirs else "",
                "" if verdict.ratio is None else f"{verdict.ratio:.2f}",
                _limit(verdict),
                _met(verdict),
            ]
        )
    return table(["", "qvm-wyng", "beside", "ratio", "goal", ""], rows)


def figure_table(runs: Runs, titles: Mapping[str, str]) -> str:
    """Every figure of every contestant, keys already open."""
    unlocks = unlock_costs(runs)
    keys = [
        key
        for key in titles
        if any(key in runs.get(row, {}) for row in _TITLES)
    ]
    rows = []
    for row, title in _TITLES.items():
        seconds = () if row in _UNTIMED else _SECONDS
        for name in (*seconds, *_EXTRA.get(row, ())):
            if row in runs:
                rows.append(
                    [f"{title}: {_QUANTITIES[name]}"]
                    + [
                        _cell(runs[row].get(key, ()), name, key, unlocks)
                        for key in keys
                    ]
                )
    if unlocks:
        costs = [
            format_value(unlocks.get((key, "wall")), "wall") for key in keys
        ]
        rows.append(["unlocking by passphrase, once", *costs])
    return table(["", *(titles[key] for key in keys)], rows)


def conditions(results: Mapping[str, Any]) -> str:
    """How the figures came to be, as a list."""
    work, machine = results["workload"], results["machine"]
    lines = [
        f"Image: {work['size'] >> 20:,} MiB sparse ext4 of {work['files']:,}"
        f" files, {work['data'] >> 20:,} MiB of data (SHA-256"
        f" {work['sha256'][:16]}…), changed by {work['changed'] >> 10:,} KiB;"
        f" sessions of the 200: {work['small'] >> 20:,} MiB.",
        f"Machine: {machine['processor']}, {machine['processors']} processors,"
        f" {machine['memory'] >> 30} GiB, {machine['file_system']},"
        f" {machine['kernel']}, Python {machine['python']}.",
        f"Caches: {results['caches']}",
        f"{results['rounds']} Medians; contestants interleaved. Wall and"
        " processor time are with the key open: what one unlocking costs is"
        " taken off.",
    ]
    for program in results["programs"].values():
        lines.append(
            f"{program['title']}: {program['version']}; {program['options']}."
        )
    taken = sorted({row["taken"][:10] for row in results["rows"].values()})
    revisions = sorted({row["revision"] for row in results["rows"].values()})
    lines.append(f"Taken {', '.join(taken)}, revision {', '.join(revisions)}.")
    return "\n".join(f"- {line}" for line in lines)


def report(results: Mapping[str, Any]) -> str:
    """The whole of results.md."""
    runs, titles = runs_of(results), _program_titles(results)
    parts = [
        "# Figures",
        "Made from results.json by `bench/tables.py`.",
        goal_table(runs, titles),
        "## All figures",
        figure_table(runs, titles),
        "## How they were taken",
        conditions(results),
    ]
    return "\n\n".join([*parts, *_note(runs)]) + "\n"


def section(results: Mapping[str, Any]) -> str:
    """What stands between the markers of the README."""
    runs, titles = runs_of(results), _program_titles(results)
    parts = [goal_table(runs, titles), conditions(results), *_note(runs)]
    return "\n\n".join(parts)


def between_markers(text: str, filling: str) -> str:
    """`text` with what is between the markers replaced.

    Raises ValueError when the markers are not there once each, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the text must hold {BEGIN} and {END}, once each")
    return f"{before}{BEGIN}\n{filling}\n{END}{after}"


def _program_titles(results: Mapping[str, Any]) -> "dict[str, str]":
    return {key: each["title"] for key, each in results["programs"].items()}


def _note(runs: Runs) -> "list[str]":
    loaded = any(
        run.loaded
        for row in runs.values()
        for each in row.values()
        for run in each
    )
    return [_NOTE] if loaded else []


def _cell(runs: Sequence[Run], name: str, key: str, unlocks: Costs) -> str:
    value = median(runs, name, unlock_cost(unlocks, key, name))
    loaded = name in _SECONDS and any(run.loaded for run in runs)
    return format_value(value, name) + (f" {MARK}" if loaded else "")


def _limit(verdict: Verdict) -> str:
    goal = verdict.goal
    if goal.against:
        return f"{goal.limit:.2f}"
    return format_value(goal.limit, goal.quantity)


def _met(verdict: Verdict) -> str:
    return {True: "met", False: "**missed**", None: "not known"}[verdict.met]
