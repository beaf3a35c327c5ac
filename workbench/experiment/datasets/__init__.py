"""Datasets: what a frame in memory holds, named by its whole content, and logged to the run.

In: a pandas or polars frame, a numpy array, an Arrow table or a file. Out: a digest of 36 characters, a line in
MLflow's own ``datasets``/``inputs`` tables. ``digest`` says what "equal" means, ``columns`` brings each kind of column
into one form, ``schema`` writes MLflow's schema without its loops over elements, ``logged`` is the verb behind
``workbench.log_dataset``. Libraries are imported only where the caller's own object comes from them.
"""
