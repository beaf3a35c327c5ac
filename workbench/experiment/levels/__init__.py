"""Reproducibility levels: how far the result of a run can be proved, computed from evidence and never asserted.

In: what a run recorded (``facts``), a fresh checkout of its commit, the records of its replays. Out: evidence and
mismatches; ``record`` turns them into a level and keeps them with the run. Called by ``execute.reproduce``, which makes
checkouts and replays, and by the doctor.
"""
