"""Watch what is served, tell people once, and show the whole road on one page.

In: the prediction log that runners append to, the frozen models with their reference profile, the journal and what
the rooms below list. Out: prediction windows, drift, alerts, the project at a glance, the doctor's findings and the
one-page report. Doors may call; this room calls every room below it and is called by none of them, so a runner
never waits for statistics. A check is one pass without state of its own: where it stopped stands in the last window it
recorded, so any number of checks may run at once, from a timer, a notebook or the panel.
"""
