# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of wyng that are none here: what is said to those who give them.

What is not needed is taken and told, so that scripts of wyng's go on working;
what would mean something else without it is refused. Data, and the words
taken out of a command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wyng_dom0.errors import BadInput


@dataclass(frozen=True)
class Foreign:
    """An option of wyng 0.3 or 0.8; `why` ends the sentence that is said.

    `is_taken`: without it all is done that it asks for, or better.
    """

    name: str
    takes_value: bool
    is_taken: bool
    why: str


FOREIGN: dict[str, Foreign] = {
    each.name: each
    for each in (
        Foreign(
            *("change-uuid", False, False),
            "two copies of an archive are told apart by their places: give"
            " the copy a name of its own with arch-init --from",
        ),
        Foreign(
            *("force-retry", False, True),
            "what was interrupted is taken up again by the same command",
        ),
        Foreign(
            *("maxsync", False, True),
            "all is durable before it counts",
        ),
        Foreign(
            *("meta-reduce", True, True),
            "no copy of the archive's metadata is kept here",
        ),
        Foreign(
            *("opt-qubes", True, False),
            "nothing is passed on to qrexec: what a qube may do is said by"
            " the policy in /etc/qubes/policy.d",
        ),
        Foreign(
            *("opt-ssh", True, False),
            "an option of ssh can run a command: put it into ~/.ssh/config,"
            " under the name of the host",
        ),
        Foreign(
            *("purge", True, False),
            "delete --clean throws away what is kept here of one archive,"
            " with --all of every archive",
        ),
        Foreign(
            *("purge-tmp", False, True),
            "what dead runs left is removed by the next one",
        ),
        Foreign(
            *("skip-corrupt-chunks", False, False),
            "what can't be proven is never restored in silence: verify says"
            " which ranges are damaged, an older session may have them whole",
        ),
        Foreign(*("tar-bypass", False, True), "there is no tar here"),
        Foreign(
            *("upgrade-format", False, True),
            "there is one format, and archives made by wyng are brought over"
            " by migrate",
        ),
        Foreign(
            *("use-snapshot-diff", False, True),
            "--sparse starts from whatever is known of the target",
        ),
        Foreign(
            *("vouch", True, True),
            "what a file system says of changes is tested, not vouched for",
        ),
    )
}


def take_foreign(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """(the words that are ours, a sentence for each option that was taken).

    Raises BadInput for one that must not be passed over.
    """
    ours: list[str] = []
    told: dict[str, str] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            ours += [word, *words[at:]]
            break
        option = _foreign(word)
        if option is None:
            ours.append(word)
            continue
        if not option.is_taken:
            raise BadInput(f"there is no --{option.name} here: {option.why}")
        told[option.name] = f"--{option.name} is not needed: {option.why}"
        if option.takes_value and "=" not in word:
            at += 1
    return ours, tuple(told.values())


def _foreign(word: str) -> Foreign | None:
    if not word.startswith("--"):
        return None
    return FOREIGN.get(word[2:].split("=", 1)[0])
