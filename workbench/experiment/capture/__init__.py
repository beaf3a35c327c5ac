"""What a run rests on: cells, inputs, code, environment, seeds, hardware.

In: what a process does, seen from inside it. Out: facts for the run's tags and artifacts. Called by ``session``, by
``execute`` for jobs and by the papermill engine; nothing here raises into the user's code.
"""
