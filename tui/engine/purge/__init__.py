"""Removing keys with a seat belt: plan, execute batch by batch with a journal, undo.

`request` says what is wanted, `plan` finds and freezes the list of keys, `execute` removes exactly these, `journals`
lists what can be undone, `undo` brings it back, and `finish` ends a purge that was interrupted.
"""
