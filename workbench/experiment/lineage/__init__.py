"""Lineage of runs: what they read, what they followed and what they made, as edges derived from what runs recorded.

Nothing is recorded twice: edges are computed from tags that every run has anyway. In: a project. Out: edges of runs
(``runs``), W3C PROV (``prov``) and OpenLineage events (``openlineage``, sent by ``delivery``). The whole road, with
reviews, releases and windows, is put together in ``project.lineage``.
"""
