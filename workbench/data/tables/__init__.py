"""Tables by the block: one Arrow table from any source, versioned so that a small change stores little.

In: a CSV, Parquet, Feather or Excel file or a database query, and how to read it. Out: an ordinary folder
``data/<name>.table/`` (Arrow files named by their content and one ``table.json``) that DVC versions like any other, the
source's own bytes again, and what a table holds or where two differ. Called by experiment, the doors and the rooms
that care for data. ``blocks`` knows the folder and ``block_files`` what lies in it, ``sources`` what is read, ``cells``
how text becomes values and ``styles`` how values become that text again.
"""
