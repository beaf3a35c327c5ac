"""What the rooms say, in the language that the panel asks for (``Accept-Language``).

:mod:`~workbench.doors.words.answers` says which members of an answer hold sentences; a test asks for the translation of
every sentence of the modules in :data:`~workbench.doors.words.sentences.SPOKEN`. The catalogues lie in
:mod:`workbench.foundation.words`.
"""
