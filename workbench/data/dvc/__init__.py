"""DVC's formats and habits: what a snapshot has to write, read and respect so that ``dvc`` finds nothing to do.

In and out: bytes on the disk, in DVC's own layout. ``pointers`` are ``.dvc`` files, ``cache`` the objects and their
listings, named by ``hashing``; ``links`` is how an object gets there without a second copy, ``ignored`` what
``.dvcignore`` leaves out, ``repository`` the configuration, ``repo_lock`` whose turn it is. Only ``store`` and
``stages`` import dvc, for what is unusual and for pipelines. Called by ``data`` alone, but for pointers, which travel.
"""
