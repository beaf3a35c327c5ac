"""The doors: the ``mlops`` command, the ``%mlops`` magics, the Jupyter server extension and the papermill engine.

In: words, JSON or a notebook cell. Out: the same verbs, called, and their results rendered for whoever stands there.
Doors parse and render; they decide nothing. Nobody imports a door.
"""
