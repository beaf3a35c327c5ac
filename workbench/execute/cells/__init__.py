"""One cell on another machine: ``%%mlops on TARGET --in a,b --out c``.

In: the cell's source, the values it is given, the name of a target. Out: the values it makes, or the exception that it
raised there. The cell becomes a notebook of three cells and so a job like any other: ``far_cell`` and ``parcel``, which
travel with it, open what came and pack what goes back; ``remote`` sends, follows and takes in; ``failure`` makes the
exception of the far side one of this side; ``names`` knows what a cell uses. The magic calls.
"""
