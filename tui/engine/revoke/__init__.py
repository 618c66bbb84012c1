"""Ending logins: find what grants access, say what would fall, remove it in the right order, and look again.

`roles` says which families a schema's token rules are about, `holdings` what is known of their keys, `looking` reads
them, `finding` goes through the keyspace, `plan` freezes what would fall, `execute` removes it and looks again until
nothing is left, `audit` writes down that it happened. There is no undo: a file of live credentials would be worse.
"""
