"""The table: every thing a person can do here, once.

From these rows come the ``%mlops`` magics, the ``mlops`` command, the REST routes with their OpenAPI document, the
TypeScript contract, completion and help. A new capability is one function and one row.

A verb's function takes a :class:`~workbench.foundation.project.Project` first (unless ``needs_project`` is false) and
then only ``str``, ``int``, ``float``, ``bool``, ``Path``, ``tuple[str, ...]``, ``dict[str, str]`` or an optional one
of them. It returns one contract dataclass or a tuple of them and raises :class:`WorkbenchError` alone. Its docstring
is its help. Functions are named, not imported: ``mlops --help`` reads this file and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

from workbench.foundation.errors import NotFoundError, did_you_mean


class Permission(StrEnum):
    """What one must be allowed to do; doors map it to their own idea of a user."""

    READ = "read"
    RUN = "run"
    REVIEW = "review"
    RELEASE = "release"
    OPERATE = "operate"


class Follows(StrEnum):
    """What a command waits for, unless it is told ``--detach``; the panel and REST never wait."""

    NOTHING = "nothing"
    JOB = "job"  # the job that the function returns, with its progress
    SWEEP = "sweep"  # the sweep that the function returns, with each trial
    WAIT = "wait"  # the function itself, which has a parameter ``wait``
    LOG = "log"  # the job whose events it returns, only where ``--follow`` asks for it


@dataclass(frozen=True)
class Verb:
    """One row of the table.

    Attributes:
        noun: First word of the command.
        verb: Second word; empty where the noun alone is the command.
        function: ``module:name``.
        permission: What one must be allowed to do.
        summary: One line for the list of commands.
        positional: Parameters that stand without ``--`` on a command line, in order.
        short: One-letter option for a parameter (``{"p": "params"}``).
        needs_project: Whether the function takes a project first.
        follows: What a command waits for.
        empty: What a terminal says where the answer is an empty list.
        first: The command that makes the first one, where an empty list means that there is none yet.
        places: Text parameters that name a file or folder, or may: a command takes such from where it is called, a
            server, which stands wherever it was started, from the project.
    """

    noun: str
    verb: str
    function: str
    permission: Permission
    summary: str
    positional: tuple[str, ...] = ()
    short: tuple[tuple[str, str], ...] = ()
    needs_project: bool = True
    follows: Follows = Follows.NOTHING
    empty: str = "There is nothing to show."
    first: str = ""
    places: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The command: ``review approve``."""
        return f"{self.noun} {self.verb}".strip()

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing: a GET in REST."""
        return self.permission is Permission.READ

    def said_of_nothing(self, arguments: Iterable[str]) -> str:
        """Return what an empty list means; of what was asked for with a query nobody knows whether it is a first one.

        Args:
            arguments: Names of the arguments that were given.
        """
        asked = {
            name for name, parameter in self.signature().parameters.items() if parameter.default is parameter.empty
        }
        is_narrowed = bool(set(arguments) - {"limit", "sort"} - asked)
        if not self.first:
            return self.empty
        return "Nothing matches." if is_narrowed else f"{self.empty}: {self.first}"

    def load(self) -> Callable[..., Any]:
        """Import and return the function."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function

    def signature(self) -> inspect.Signature:
        """Return the signature with real types, without the project."""
        signature = inspect.signature(self.load(), eval_str=True)
        parameters = list(signature.parameters.values())
        return signature.replace(parameters=parameters[1:] if self.needs_project else parameters)


_READ, _RUN, _REVIEW, _RELEASE, _OPERATE = (
    Permission.READ,
    Permission.RUN,
    Permission.REVIEW,
    Permission.RELEASE,
    Permission.OPERATE,
)

# fmt: off
VERBS: tuple[Verb, ...] = (
    # project
    Verb(
        "init", "", "workbench.project.template:create_project", _RUN, "Create a project from a template",
        ("folder",), (("t", "template"),), needs_project=False,
    ),
    Verb("status", "", "workbench.project.overview:project_status", _READ, "Show the project at a glance"),
    Verb("doctor", "", "workbench.project.overview:examine", _READ, "Look for what is wrong and say what mends it"),
    Verb(
        "store", "tune", "workbench.experiment.store.tuning:tune_store", _OPERATE,
        "Make an MLflow database fast and safe to share", ("path",), places=("path",),
    ),
    # notebook → run
    Verb(
        "run", "", "workbench.execute.jobs:submit", _RUN, "Run a notebook on a target",
        ("notebook",), (("p", "params"), ("t", "target")), follows=Follows.JOB,
    ),
    Verb(
        "bundle", "", "workbench.execute.bundle:show_bundle", _READ, "Show what would travel to a far target",
        ("notebook",),
    ),
    Verb(
        "sweep", "", "workbench.execute.sweeps.sweeps:sweep", _RUN, "Search for a notebook's best parameters",
        ("notebook",), (("t", "target"), ("n", "trials"), ("m", "metric")), follows=Follows.SWEEP,
    ),
    Verb(
        "sweeps", "", "workbench.execute.sweeps.sweeps:list_sweeps", _READ, "List sweeps",
        empty="No sweeps yet", first="mlops sweep <notebook> --space space.toml",
    ),
    Verb("sweep", "show", "workbench.execute.sweeps.sweeps:show_sweep", _READ, "Show every trial", ("sweep",)),
    Verb(
        "sweep", "request", "workbench.review.sweeps:request_best", _RUN, "Ask for a sweep's best model to pass",
        ("sweep",), follows=Follows.WAIT,
    ),
    Verb("sweep", "cancel", "workbench.execute.sweeps.sweeps:cancel_sweep", _RUN, "Cancel a sweep", ("sweep",)),
    Verb(
        "pipeline", "", "workbench.execute.pipelines.stages:list_stages", _READ, "List stages and which are stale",
        empty="No stages yet", first="mlops pipeline add <notebook>",
    ),
    Verb(
        "pipeline", "add", "workbench.execute.pipelines.stages:add_stage", _RUN, "Make a notebook a stage",
        ("notebook",), (("i", "inputs"), ("o", "outputs"), ("p", "params")),
    ),
    Verb(
        "pipeline", "run", "workbench.execute.pipelines.refresh:run_pipeline", _RUN, "Run the stages that are stale",
        ("stages",), follows=Follows.WAIT,
    ),
    Verb(
        "pipeline", "runs", "workbench.execute.pipelines.refresh:list_pipeline_runs", _READ, "List pipeline runs",
        empty="The pipeline has not run yet", first="mlops pipeline run",
    ),
    Verb(
        "runs", "", "workbench.experiment.runs:list_runs", _READ, "List runs, or those that a query asks for",
        ("query",), (("n", "limit"),),
        empty="No runs yet", first="mlops run <notebook>",
    ),
    Verb(
        "runs", "group", "workbench.experiment.runs:group_runs", _READ, "Group runs by what they have in common",
        ("field", "query"), (("n", "limit"),),
        empty="No runs yet", first="mlops run <notebook>",
    ),
    Verb("runs", "show", "workbench.experiment.runs:show_run", _READ, "Show everything about a run", ("run",)),
    Verb(
        "runs", "verify", "workbench.execute.reproduce:verify", _RUN, "Look anew how far a run can be proved", ("run",),
    ),
    Verb(
        "runs", "evidence", "workbench.execute.reproduce:show_evidence", _READ,
        "Show how far a run can be proved and why", ("run",),
    ),
    Verb(
        "reproduce", "", "workbench.execute.reproduce:reproduce", _RUN, "Run a run again and prove its level R1 to R4",
        ("run",), (("t", "target"), ("n", "replays")), follows=Follows.WAIT,
    ),
    Verb("runs", "compare", "workbench.experiment.runs:compare_runs", _READ, "Show where runs differ", ("runs",)),
    Verb(
        "runs", "diff", "workbench.experiment.differences:diff_runs", _READ, "Show what changed between two runs",
        ("before", "after"),
    ),
    Verb("runs", "tag", "workbench.experiment.annotations:tag_run", _RUN, "Set tags of a run", ("run", "tags")),
    Verb("runs", "note", "workbench.experiment.annotations:note_run", _RUN, "Write about a run", ("run", "text")),
    Verb("runs", "star", "workbench.experiment.annotations:star_runs", _RUN, "Star runs", ("runs",)),
    Verb("runs", "unstar", "workbench.experiment.annotations:unstar_runs", _RUN, "Take stars off runs", ("runs",)),
    Verb(
        "runs", "delete", "workbench.experiment.annotations:delete_runs", _RUN, "Delete runs; can be undone",
        ("runs",),
    ),
    Verb(
        "runs", "undelete", "workbench.experiment.annotations:undelete_runs", _RUN, "Bring deleted runs back",
        ("runs",),
    ),
    Verb(
        "runs", "export", "workbench.experiment.transfer:export_runs", _RUN, "Write runs into one file",
        ("path", "runs"),
    ),
    Verb("runs", "import", "workbench.experiment.transfer:import_runs", _RUN, "Bring runs in from a file", ("path",)),
    Verb("gc", "", "workbench.experiment.storage:collect_garbage", _OPERATE, "Show, or free, what nothing needs"),
    # data
    Verb(
        "data", "", "workbench.data.versions:list_versions", _READ, "List dataset versions",
        empty="No versions yet", first="mlops data snapshot <path>",
    ),
    Verb(
        "data", "snapshot", "workbench.data.versions:snapshot", _RUN, "Record files as a dataset version",
        ("paths",), (("m", "message"),),
    ),
    Verb("data", "restore", "workbench.data.versions:restore", _RUN, "Bring back a dataset version", ("version",)),
    Verb("data", "log", "workbench.data.versions:log_versions", _READ, "List versions of a dataset", ("dataset",)),
    Verb(
        "data", "verify", "workbench.data.versions:verify_versions", _READ,
        "Hash again what the cache has of each version", ("paths",),
        empty="No versions yet", first="mlops data snapshot <path>",
    ),
    Verb("data", "unlock", "workbench.data.versions:unlock", _RUN, "Make large data writable again", ("paths",)),
    Verb("data", "push", "workbench.data.remotes:push", _RUN, "Bring dataset versions to a DVC remote", ("paths",)),
    Verb("data", "pull", "workbench.data.remotes:pull", _RUN, "Bring dataset versions from a DVC remote", ("paths",)),
    Verb(
        "data", "checks", "workbench.data.quality.checks:check_data", _READ, "Look whether data holds what it must",
        ("path",),
    ),
    Verb("data", "infer", "workbench.data.quality.checks:infer_checks", _RUN, "Propose checks from data", ("path",)),
    Verb(
        "data", "clean", "workbench.data.quality.clean:clean_data", _RUN, "Clean a table by recorded steps",
        ("path",), (("o", "out"),),
    ),
    Verb("data", "split", "workbench.data.quality.split:split_data", _RUN, "Split into training and test", ("path",)),
    Verb("data", "leaks", "workbench.data.quality.split:check_split", _READ, "Look for leaks in a split", ("path",)),
    Verb("data", "card", "workbench.data.care.card:show_card", _READ, "Show whose data it is", ("path",)),
    Verb("data", "describe", "workbench.data.care.card:describe_data", _RUN, "Write a data card", ("path",)),
    Verb("data", "scan", "workbench.data.care.scan:scan_data", _READ, "Look for personal data", ("path",)),
    Verb(
        "data", "erase", "workbench.data.care.erasure:erase_rows", _OPERATE, "Erase a person's rows from every version",
        ("paths",),
    ),
    Verb(
        "data", "import", "workbench.data.tables.imports:import_table", _RUN, "Record a table by the block",
        ("source",), (("m", "message"), ("n", "name")),
    ),
    Verb(
        "data", "export", "workbench.data.tables.exports:export_data", _RUN, "Write a version into a file",
        ("version", "path"),
    ),
    Verb(
        "data", "diff", "workbench.data.tables.diff:diff_data", _READ, "Show where two states of data differ",
        ("before", "after"),
    ),
    Verb(
        "data", "profile", "workbench.data.tables.profile:profile_data", _READ, "Show what a table holds",
        ("source",),
    ),
    Verb(
        "data", "reduce", "workbench.data.reduction.reduce:reduce", _RUN, "Reduce a table before it is sent",
        ("path",), (("o", "out"),),
    ),
    Verb(
        "watches", "", "workbench.data.ingest.intake:list_watches", _READ, "List watched folders",
        empty="No folder is watched yet", first="mlops watch add <folder> --name <name>",
    ),
    Verb(
        "watch", "add", "workbench.data.ingest.intake:add_watch", _RUN, "Watch a folder for new data files",
        ("folder",), (("n", "name"),),
    ),
    Verb(
        "ingest", "", "workbench.data.ingest.intake:ingest", _RUN, "Take what has arrived in watched folders",
        ("name",),
        empty="No folder is watched yet", first="mlops watch add <folder> --name <name>",
    ),
    # lineage
    Verb(
        "lineage", "", "workbench.project.lineage.walk:show_lineage", _READ,
        "Show what something was made from and what was made from it", ("id",),
    ),
    Verb(
        "lineage", "export", "workbench.project.lineage.export:export_lineage", _RUN,
        "Write lineage down as W3C PROV or OpenLineage", ("id", "to"), (("f", "format"),),
    ),
    Verb(
        "lineage", "emit", "workbench.experiment.lineage.delivery:deliver", _RUN,
        "Send the OpenLineage events that are outstanding",
    ),
    # compute
    Verb(
        "secrets", "", "workbench.compute.consent:list_secrets", _READ,
        "List which secrets workbench.toml has read, and where they go",
        empty="workbench.toml reads no secrets.",
    ),
    Verb(
        "secrets", "trust", "workbench.compute.consent:trust_secrets", _OPERATE,
        "Agree that secrets of a section are read", ("sections",),
    ),
    Verb("targets", "", "workbench.compute.cards:list_targets", _READ, "List targets and whether they are ready"),
    Verb(
        "jobs", "", "workbench.execute.jobs:list_jobs", _READ, "List jobs",
        empty="No jobs yet", first="mlops run <notebook>",
    ),
    Verb("jobs", "show", "workbench.execute.jobs:show_job", _READ, "Show a job", ("job",)),
    Verb(
        "logs", "", "workbench.execute.jobs:job_events", _READ, "Show what a job has said", ("job",),
        follows=Follows.LOG,
        empty="The job has said nothing yet.",
    ),
    Verb("cancel", "", "workbench.execute.jobs:cancel", _RUN, "Cancel a job", ("job",)),
    Verb("retry", "", "workbench.execute.jobs:retry", _RUN, "Try a job again that did not succeed", ("job",)),
    Verb("fetch", "", "workbench.execute.jobs:fetch", _RUN, "Bring files of a job here", ("job", "patterns")),
    # review
    Verb(
        "identity", "create", "workbench.review.people:create_identity", _RUN, "Make an SSH key to sign with",
        places=("path",),
    ),
    Verb(
        "reviewers", "", "workbench.review.people:list_reviewers", _READ, "List who may approve",
        empty="Nobody may approve yet", first="mlops reviewers add <mail-address> <key.pub>",
    ),
    Verb(
        "reviewers", "add", "workbench.review.people:add_reviewer", _REVIEW, "Let somebody's key approve",
        ("principal", "public_key"),
    ),
    Verb(
        "reviews", "", "workbench.review.reviews:list_reviews", _READ, "List reviews",
        empty="No reviews yet", first="mlops review request <model>",
    ),
    Verb("review", "show", "workbench.review.reviews:show_review", _READ, "Show a review", ("review",)),
    Verb(
        "review", "request", "workbench.review.reviews:request_review", _RUN, "Ask for a model to be let through",
        ("model",), (("t", "to"),), follows=Follows.WAIT,
    ),
    Verb(
        "review", "approve", "workbench.review.reviews:approve", _REVIEW, "Approve, signed with your SSH key",
        ("review",), (("m", "reason"),),
    ),
    Verb(
        "review", "reject", "workbench.review.reviews:reject", _REVIEW, "Reject, signed with your SSH key",
        ("review",), (("m", "reason"),),
    ),
    Verb(
        "review", "request-changes", "workbench.review.reviews:request_changes", _REVIEW,
        "Ask for changes, signed with your SSH key", ("review",), (("m", "reason"),),
    ),
    Verb(
        "review", "status", "workbench.review.status:review_status", _RUN,
        "Say to CI whether a review lets its model through", ("review",), places=("junit",),
    ),
    Verb(
        "review", "check", "workbench.review.confirmation:check_review", _REVIEW,
        "Run a review's checks here and sign what they found", ("review",),
    ),
    Verb(
        "review", "compare", "workbench.review.beside:compare_review", _READ,
        "Show a candidate beside the served model", ("review",),
    ),
    Verb(
        "review", "draft", "workbench.review.drafts:show_draft", _READ, "Show exactly what you would sign",
        ("review", "verdict"), (("m", "reason"), ("c", "check")),
    ),
    Verb(
        "review", "override", "workbench.review.breaking:override", _REVIEW,
        "Break the glass: let a model through for 24 hours", ("review",), (("m", "reason"),),
    ),
    Verb(
        "review", "post-review", "workbench.review.breaking:post_review", _REVIEW,
        "Sign that you looked at what was overridden", ("review",), (("m", "reason"),),
    ),
    Verb(
        "evidence", "export", "workbench.review.evidence.bundle:export_evidence", _RUN,
        "Write what proves a review into a zip that verifies without us", ("review", "path"), places=("path",),
    ),
    Verb(
        "review", "waive", "workbench.review.waiving:waive", _REVIEW, "Waive a check, signed with your SSH key",
        ("review", "check"), (("m", "reason"),),
    ),
    Verb(
        "review", "comment", "workbench.review.comments:comment", _RUN, "Say something about a candidate",
        ("review", "text"),
    ),
    Verb(
        "policy", "lint", "workbench.review.policies.reading:lint_policy", _READ, "Look for what is wrong in a policy",
        ("path",),
        empty="Nothing wrong was found.",
    ),
    Verb(
        "policy", "explain", "workbench.review.policies.reading:explain_policy", _READ, "Say what each stage asks for"
    ),
    Verb(
        "policy", "test", "workbench.review.policies.trial:run_cases", _READ, "Judge written cases by a policy",
        ("file",),
    ),
    Verb(
        "policy", "try", "workbench.review.policies.trial:try_policy", _READ, "Judge past reviews by another policy",
        ("path",),
        empty="No reviews to judge yet", first="mlops review request <model>",
    ),
    Verb("policy", "", "workbench.review.policies.adoption:show_change", _READ, "Show whether the policy is in force"),
    Verb(
        "policy", "propose", "workbench.review.policies.adoption:propose_policy", _REVIEW,
        "Propose a policy that asks for less", (), (("m", "reason"),),
    ),
    Verb(
        "policy", "sign", "workbench.review.policies.adoption:sign_policy", _REVIEW,
        "Sign for a proposed policy, under the one in force", (), (("m", "reason"),),
    ),
    Verb("card", "create", "workbench.review.model_cards:create_card", _RUN, "Write an empty model card", ("model",)),
    Verb("card", "show", "workbench.review.model_cards:show_card", _READ, "Show what a card lacks", ("model",)),
    Verb(
        "notices", "", "workbench.review.notices.delivery:list_notices", _READ, "List who is told what happens",
        empty="Nobody is told: [notices.<name>] in workbench.toml names whom to tell.",
    ),
    Verb(
        "notices", "send", "workbench.review.notices.delivery:send_notices", _OPERATE,
        "Tell now what is outstanding",
        empty="Nobody is told: [notices.<name>] in workbench.toml names whom to tell.",
    ),
    # serving
    Verb(
        "releases", "", "workbench.serving.releases:list_releases", _READ, "List releases",
        empty="No releases yet", first="mlops release <review>",
    ),
    Verb("release", "", "workbench.serving.releases:release", _RELEASE, "Release an approved model", ("review",)),
    Verb("rollback", "", "workbench.serving.releases:roll_back", _RELEASE, "Go back one release", ("channel",)),
    Verb(
        "verify", "", "workbench.serving.verification:verify", _RUN,
        "Verify what stands on a channel or lies in a folder", ("what",), (("o", "into"),), places=("what", "into"),
    ),
    Verb(
        "history", "", "workbench.project.history:show_history", _READ, "Show what ran when, and who approved it",
        ("model",),
    ),
    Verb(
        "runners", "", "workbench.serving.runners:list_runners", _READ, "List model runners",
        empty="No runners yet", first="mlops serve <model>@<stage>",
    ),
    Verb("serve", "", "workbench.serving.runners:start_runner", _OPERATE, "Start the model runner", ("channel",)),
    Verb("stop", "", "workbench.serving.runners:stop_runner", _OPERATE, "Stop the model runner", ("channel",)),
    Verb(
        "gate", "server-setup", "workbench.serving.server_gate:setup_server", _OPERATE,
        "Let only the gate touch models on a shared server", ("models",),
    ),
    Verb(
        "gate", "watch", "workbench.monitor.guard:watch_gate", _OPERATE, "Look whether anything passed by the gate",
        empty="Nothing was moved past the gate.",
    ),
    # monitor
    Verb(
        "monitor", "", "workbench.monitor.watch:list_monitors", _READ, "Show how served models are doing",
        empty="Nothing was released yet that could be watched", first="mlops release <review>",
    ),
    Verb("monitor", "check", "workbench.monitor.watch:check_channel", _OPERATE, "Look for drift now", ("channel",)),
    Verb(
        "alerts", "", "workbench.monitor.alerts:list_alerts", _READ, "List alerts, the most urgent first",
        empty="No alerts.",
    ),
    Verb("alerts", "acknowledge", "workbench.monitor.alerts:acknowledge", _OPERATE, "Take an alert on", ("alert",)),
    Verb("alerts", "resolve", "workbench.monitor.alerts:resolve", _OPERATE, "Close an alert", ("alert",)),
    Verb("report", "", "workbench.project.report:write_report", _RUN, "Write the one-page HTML report"),
    # journal
    Verb(
        "audit", "verify", "workbench.project.audit:verify_journal", _READ, "Walk the journal's chain",
        places=("checkpoint", "signers"),
    ),
    Verb(
        "audit", "log", "workbench.project.audit:list_events", _READ, "List what happened", short=(("n", "limit"),),
        empty="Nothing has happened yet.",
    ),
    Verb(
        "audit", "erase", "workbench.project.audit_erasure:erase_payload", _OPERATE,
        "Erase what an event says; the chain stays whole", ("seq",), (("m", "reason"),),
    ),
    Verb(
        "audit", "checkpoint", "workbench.project.checkpoints:make_checkpoint", _OPERATE,
        "Sign the journal's end and keep it elsewhere", (), (("t", "to"),), places=("to",),
    ),
    Verb(
        "audit", "export", "workbench.project.audit_export:export_journal", _RUN, "Write the journal as JSON lines",
        ("path",), places=("path",),
    ),
)
# fmt: on


def find_verb(words: str) -> Verb:
    """Return the verb for ``"review approve"``.

    Raises:
        NotFoundError: ``verb-unknown``, with the nearest one.
    """
    for verb in VERBS:
        if verb.words == words:
            return verb
    raise NotFoundError("verb-unknown", f"There is no command '{words}'", did_you_mean(words, (v.words for v in VERBS)))
