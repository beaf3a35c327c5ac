"""Telling people: what happens at the gate goes to a webhook, a Slack channel or a mailbox, at least once, in order.

In: the journal's events and ``[notices.<name>]`` of ``workbench.toml``. Out: messages, signed with HMAC where a secret
is named. The journal is the outbox; a small file for each receiver says how far it was told, so nothing is lost when a
receiver is away, a process is killed or a machine starts again. Verbs call ``delivery.announce``, which never fails.
"""
