"""What every room stands on: errors, the project, the journal, the store, identity and leases.

In: paths and JSON. Out: durable state, digests, signatures and one tree of errors. Anyone may call; this room calls
nobody and imports only the standard library, SQLAlchemy and ``cryptography``. Its modules are imported one by
one, because the journal (SQLAlchemy) and identity (``cryptography``) cost time that ``mlops --help`` must not pay.
"""
