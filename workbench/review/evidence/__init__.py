"""Evidence: what proves a review, in one zip that somebody without this package can verify and file.

In comes a decided review; out goes a deterministic zip: what reviewers signed with their signatures, the policy, the
reviewers' keys, the check reports, the manifest of the model's bytes, and what is derived from them for people and
other tools (model card, CycloneDX ML-BOM, DSSE envelopes, mappings to standards). Doors call
:func:`workbench.review.evidence.bundle.export_evidence`.
"""
