"""Other languages for what the rooms say: messages, hints and the summaries of evidence and checks.

Rooms say English sentences. :mod:`~workbench.foundation.words.translation` finds the sentence that a text was made from
and says it in the other language with the same values; what it does not know stays English. The server asks it for
every answer at its edge (:mod:`workbench.doors.words`), the monitor for what an alert tells of. The catalogue of a
language is one flat file, ``<language>.json``.
"""
