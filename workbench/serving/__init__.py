"""Serving: approved bytes answer on a channel, and nothing else does.

In: a review that was approved. Out: a release (a record in the journal), the channel file that runners follow,
model runners and their prediction log. ``releases`` and ``runners`` hold the verbs; ``channel`` is the one noun
that both they and the runner know; ``runner/`` is the server process, which never imports the rest of this room.
Doors and the monitor call.
"""
