"""Reading model files without opening them: what a pickle would import, a skops file build, a safetensors file hold.

In: bytes that nobody has looked at. Out: ``names`` (everything that loading would import, exactly) and ``faults``. What
cannot be told is a fault, so a reader here never says less than what a loader would do. Called in the sandboxed child.
"""
