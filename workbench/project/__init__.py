"""The project as a whole: make one, see it at a glance, look for what is wrong, read its journal.

In: every other room, read only. Out: a new project folder, the status, the doctor's findings, the audit. Only the verbs
call here.
"""
