"""Codes of errors that no bad day of a verb brings about, each with the reason; the lists may only become shorter."""

from __future__ import annotations

ELSEWHERE: dict[str, str] = {
    "A model runner says it to whoever asks for a prediction (tests/serving)": """
        address-taken answer-not-finite approvals-ended channel-mismatch channel-unreadable column-missing
        column-twice columns-malformed datatype-unknown engine-unknown example-differs example-missing
        input-malformed input-unknown json-malformed model-external-data model-none model-signature
        model-unreadable no-probabilities output-unknown params-unknown path-unknown rows-malformed rows-refused
        rows-shape runner-stopping token-needed value-not-a-number value-out-of-range
    """,
    "A check shows it in a review, as its result (tests/review)": """
        budget-unset champion-fails check-ambiguous check-missing environment-unknown examples-missing
        fairness-class fairness-columns fairness-task groups-too-small holdout-malformed holdout-missing
        holdout-too-small inputs-unknown leakage-unknown memory-unknown metric-changed model-fails no-metrics
        not-comparable not-replayable notebook-changed notebook-unreadable order-unknown replay-lost
        replay-not-confined replay-without-model requirement-loose rows-missing sandbox-crashed sandbox-timeout
        schema-unknown slice-column slices-too-small snapshot-damaged snapshot-empty snapshot-missing
        snapshot-old snapshot-unset
    """,
    "A target that is not ready gives it as the reason, or a job as that of its end (tests/compute, tests/targets)": """
        array-resources-differ cancel-pending cluster-conflict cluster-forbidden cluster-object-missing
        cluster-unauthenticated cluster-unreachable command-missing control-folder-not-private far-disk-full
        far-files-changing far-folder-refused far-processes-left far-python-failed far-python-missing
        far-shell-speaks host-authentication-failed host-key-changed host-key-unknown host-unreachable
        image-missing kubeconfig-unusable manifest-refused namespace-missing partition-missing queue-missing
        quota-exceeded secret-source-invalid slurm-commands-missing slurm-job-left slurm-refused
        slurm-unreachable store-unreachable store-unusable target-adapter-broken target-cannot
    """,
    "A cell that runs elsewhere says it, which no verb does (tests/execute/cells)": """
        cell-failed cell-input-undefined cell-output-undefined cell-timeout cell-value-unpicklable
        cell-values-too-large result-damaged result-too-large versions-differ
    """,
    "What a notebook calls says it: save_model, log, run (tests/experiment)": """
        classes-differ conversion-differs dataset-column-unreadable dataset-kind-unknown dataset-missing
        dataset-name-too-long disk-full experiment-deleted feature-unknown input-missing job-run-missing
        metric-not-a-number metric-unknown model-unsupported no-active-run nothing-to-resume param-changed
        rows-unusable run-deleted run-not-ended task-unknown tracking-outdated tracking-refused tracking-unavailable
    """,
    "A door says it before any verb is called (tests/doors)": """
        argument-wrong body-not-json cell-magic-unknown cell-option-wrong folder-gone job-failed parameter-missing
        path-outside project-missing quotes-unbalanced verb-unknown
    """,
    "It takes a disk, a lock, a program or a server that fails (test_storage.py and the tests of the rooms)": """
        checkpoint-raced data-locked data-unwritable disk-failed excel-missing file-changing git-failed
        journal-locked journal-truncated lease-held lock-busy notice-refused openlineage-missing
        openlineage-refused openssh-missing query-failed remote-unreachable runner-failed runner-slow
        study-damaged study-outdated study-unavailable tracking-locked
    """,
    "It takes a signature, a time or a release of its own (tests/review, tests/serving, tests/project)": """
        approval-expired changes-requested check-unknown checkpoint-gone checks-differ checks-failed
        grant-malformed grant-mismatch group-approval-missing identity-missing lineage-ambiguous monitor-missing
        not-blocking nothing-then override-denied override-ended policy-value promotion-early promotion-own
        promotion-unsigned reviewer-waiting secret-missing server-unreachable signature-invalid
        signature-malformed signed-in-future signer-other signer-revoked signing-failed soak-time
        stage-overridden stage-skipped stage-unproven statement-changed statement-malformed sweep-without-best
        verdict-other waiver-malformed
    """,
    "It takes bytes that were stored or logged otherwise (tests/data, tests/foundation, tests/monitor)": """
        archive-too-large config-missing data-changing data-source-unknown digest-malformed digest-unknown
        erase-shared erase-unclear file-not-in-tree ingest-schema-changed layout-malformed layout-mismatch
        link-in-tree no-paths original-differs original-not-kept path-escapes reference-malformed split-stale
        table-damaged table-format
    """,
    "It takes a job, a sweep or a pipeline that runs (tests/execute)": """
        data-not-pushed job-running pipeline-busy pipeline-failed pipeline-unknown record-changed
        run-not-finished run-running sweep-failed sweep-running target-refused
    """,
}
"""Codes that a test elsewhere shows, by the reason why no verb can be asked for them here."""
