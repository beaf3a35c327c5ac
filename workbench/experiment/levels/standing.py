"""Whether levels that runs carry still stand, at a glance: for the doctor, who has no time to hash data.

What needs only the journal, the tags and a look into the cache is looked at here; ``mlops runs verify`` does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.data.content import is_cached
from workbench.experiment.levels.commit import has_commit
from workbench.experiment.levels.facts import RunFacts, read_facts
from workbench.experiment.levels.judgement import LEVELS
from workbench.experiment.levels.record import last_verdict, stored_evidence
from workbench.experiment.runs import reader_of
from workbench.experiment.search.expression import Comparison, Field, Literal
from workbench.experiment.store.rows import RunQuery
from workbench.foundation.project import Project

_LOOKED_AT = 50


def fallen_levels(project: Project) -> Iterator[tuple[str, str, str]]:
    """Yield run, level and reason of the newest runs whose level no longer stands.

    Args:
        project: The project; the newest 50 runs above R0 are looked at.
    """
    raised = tuple(Literal(level, is_quoted=True) for level in LEVELS[1:])
    where = Comparison(Field("tags", "workbench.level"), "IN", raised)
    for row in reader_of(project).search(RunQuery(limit=_LOOKED_AT, where=where)):
        facts = read_facts(project, row.id)
        if reason := why_fallen(project, facts):
            yield facts.run, facts.level, reason


def why_fallen(project: Project, facts: RunFacts) -> str:
    """Return why the level that a run carries no longer stands; empty where nothing speaks against it."""
    verdict = last_verdict(project, facts.run)
    if verdict is None or verdict["level"] != facts.level:
        return "no evidence in the journal stands behind it"
    needed = LEVELS[1 : LEVELS.index(facts.level) + 1]
    if not set(needed) <= set(stored_evidence(project, facts)):
        return "its evidence, or what the run recorded, was changed"
    if "R2" in needed:
        for version in sorted({item.dataset_version for item in facts.inputs if item.dataset_version}):
            record = project.journal.record("dataset", version)
            if record is not None and not is_cached(project, str(record.body["digest"])):
                return f"the cache no longer has {version}"
    if facts.commit and not has_commit(project, facts.commit):
        return f"Git no longer has commit {facts.commit[:12]}"
    return ""
