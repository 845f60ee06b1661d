# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`pause`, `resume` and `cancel`: a word to a run of this machine."""

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.errors import NotFound
from wyng_dom0.names import quote
from wyng_dom0.runs.joining import Joined, join, wait_for
from wyng_dom0.runs.run_files import RunFacts, find_run

# A run is held or ended between two pieces of work, which may take a moment.
_SECONDS = 20.0
_OVER = "over"


def run(context: Context) -> None:
    """Tell the named run, or the only one, and say what came of it."""
    options = context.options
    facts = find_run(context.places, options.names[0] if options.names else "")
    joined = join(context.places, facts)
    if joined is None:
        raise NotFound(
            f"the run {quote(facts.run)} is over, or lets nobody in",
            about=facts.run,
        )
    try:
        state = _steer(options.command, facts, joined)
    finally:
        joined.close()
    context.report(
        Said(
            options.command,
            _SENTENCES[state].format(facts.run),
            {"run": facts.run, "state": state},
        )
    )


_SENTENCES = {
    "paused": "{0} is paused: `qvm-wyng resume {0}` lets it go on.",
    "running": "{0} goes on.",
    "cancelled": "{0} has ended; the same command goes on from there.",
    "pausing": "{0} will pause as soon as it can; until then it works on.",
    "cancelling": "{0} will end as soon as what it does may be left.",
    _OVER: "{0} was done before.",
}


# Command -> the event it waits for, what the run is then, and until then.
_WAITS = {
    "pause": ("paused", "paused", "pausing"),
    "resume": ("resumed", "running", "running"),
    "cancel": ("error", "cancelled", "cancelling"),
}


def _steer(command: str, facts: RunFacts, joined: Joined) -> str:
    """What the run is after the word; see _SENTENCES."""
    event, then, until = _WAITS[command]
    joined.say(command)
    if command == "resume" and not facts.paused:
        # It may have been asked to pause and not have come to it.
        return then
    told = wait_for(joined, (event,), _SECONDS)
    if told is None:
        return until
    return then if told else _OVER
