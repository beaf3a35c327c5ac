"""Sweeps: one notebook, a space of parameters, and a search for the point where a metric is best.

In: a notebook, a TOML file that names the space, a budget of trials. Out: ordinary jobs, one or more for each trial, a
parent MLflow run with a child for each trial, the record ``sweep`` and the events ``sweep.started``,
``sweep.trial-ended``, ``sweep.cancelled`` and ``sweep.ended``. ``space`` is what may be tried, ``study`` the one file
that imports optuna; ``controller`` asks, submits, looks and tells, in a detached ``process`` that ``revival`` starts
again where it died; ``sweeps`` has the verbs. Doors and ``review`` call.
"""
