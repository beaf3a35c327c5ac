"""Edge reduction: send less than was measured, and be able to say what was left out.

In: a table on this machine and a recipe (TOML) of steps. Out: a smaller table, the steps with bytes before and after
(``workbench.contract.reduction``), and the event ``data.reduced``. Called through the verb ``data reduce``, on the
workbench's own machine or beside a production line. A step is a pure function of a frame: the same rows give the same
bytes anywhere.
"""
