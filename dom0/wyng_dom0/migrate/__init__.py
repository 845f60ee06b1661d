# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading archives of wyng, of formats 2 and 3 and older; writes nothing there.

Everything in them is untrusted until its hash, or the seal above it, says it
is what was written.
"""
