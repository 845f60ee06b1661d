# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes OS: what is asked of qubesd, and what of a qube is kept."""
