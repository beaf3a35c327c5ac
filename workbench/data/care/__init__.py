"""Care for data about people: cards that say whose it is, a scan for personal data, and erasing somebody's rows.

In: a path inside the project, or the id of a dataset version. Out: reports (:mod:`workbench.contract.quality`), the
card file ``<path>.card.toml``, and :mod:`~workbench.data.care.erasure`, which rewrites every version of a dataset. No
value of a person stands in a report, an event, a log or a command line: examples are masked, values to erase come from
a file or an environment variable. Called by the doors, and by the doctor for what is missing.
"""
