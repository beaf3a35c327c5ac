"""Checks on another machine: the candidate and its policy as the luggage of one ordinary job.

In: what a check is given, the names of checks, the target that policy names. Out: their reports, and where they ran.
``luggage`` packs bytes, policy, rows and this project's own code into one file that a digest names; ``sending`` makes a
job of it and waits; over there ``far_end`` looks whether it can be done, and ``bench`` runs the checks; ``landing``
reads what came back as what it is, somebody else's word. ``checking`` calls.
"""
