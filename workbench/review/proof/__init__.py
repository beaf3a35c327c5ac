"""What anybody verifies without trusting the journal, the database or us: signed statements, and grants made of them.

Statements (a decision, a waiver, a deed, a request) say what was signed; persons and demands say whether the right
people signed it; :func:`.verification.verify_grant` says whether bytes may answer. Pure functions of bytes and keys.
The model runner imports this chamber and what ``policies`` reads (policy, reviewers, how either may change), and
nothing else of the gate.
"""
