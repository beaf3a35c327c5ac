"""Why a metric may differ although everything recorded is the same: draws without a seed, and the clock.

The source of the executed cells is read (``ast``), never run. A suspect is named only when a metric did differ, so a
notebook that merely prints the time raises no alarm. What hides in a library is not seen here; then the state of the
generators, as the run recorded it, is the only witness.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.experiment.capture.seeds import UNSEEDED
from workbench.experiment.levels.facts import RunFacts
from workbench.experiment.levels.judgement import Judgement

_CLOCK = frozenset(
    {
        "time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.localtime", "time.gmtime",
        "time.ctime", "time.strftime", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
        "Timestamp.now", "Timestamp.today", "Timestamp.utcnow",
    }
)  # fmt: skip
_SEEDING = frozenset({"seed", "manual_seed", "set_seed", "set_state", "setstate", "set_rng_state"})
_ALWAYS_RANDOM = frozenset({"os.urandom", "uuid.uuid1", "uuid.uuid4", "random.SystemRandom"})
_RANDOM_BY_DEFAULT = frozenset(
    {
        "train_test_split", "shuffle", "resample", "ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit",
        "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
        "GradientBoostingClassifier", "GradientBoostingRegressor", "DecisionTreeClassifier", "DecisionTreeRegressor",
        "BaggingClassifier", "BaggingRegressor", "AdaBoostClassifier", "AdaBoostRegressor", "IsolationForest",
        "MLPClassifier", "MLPRegressor", "SGDClassifier", "SGDRegressor", "KMeans", "MiniBatchKMeans",
        "GaussianMixture", "RandomizedSearchCV", "permutation_importance", "TSNE",
    }
)  # fmt: skip


def name_suspects(facts: RunFacts, judged: Judgement) -> None:
    """Name what may have made a metric differ."""
    calls = [(cell.index, name, call) for cell in facts.cells for name, call in _calls(cell.source)]
    seeded = {_library(name) for _, name, _ in calls if name.rpartition(".")[2] in _SEEDING}
    own = {name for cell in facts.cells for name in _assigned(cell.source)}
    is_named = False
    for cell, name, call in calls:
        if name.partition(".")[0] in own:
            continue  # ``random = np.random.default_rng(7)``: the notebook's own, seeded where it was made
        if _ends_in(name, _CLOCK):
            judged.differs(
                "R4", "clock", f"cell {cell}", recorded=name, found="another time", detail="the cell reads the clock"
            )
            is_named = True
        elif _is_unseeded(name, call, seeded):
            judged.differs(
                "R4",
                "randomness",
                f"cell {cell}",
                recorded=name,
                found="another draw",
                detail="the cell draws without a seed",
            )
            is_named = True
    if is_named or any(mismatch.part != "metric" for mismatch in judged.mismatches):
        return  # a part that differs explains the figure; libraries draw numbers for purposes of their own, too
    for library, state in sorted(facts.seeds.items()):
        if state == UNSEEDED:
            judged.differs(
                "R4",
                "randomness",
                library,
                recorded="unseeded",
                found="another draw",
                detail="nothing seeded this generator",
            )


def _is_unseeded(name: str, call: ast.Call, seeded: set[str]) -> bool:
    last = name.rpartition(".")[2]
    if name in _ALWAYS_RANDOM:
        return True
    if last in ("default_rng", "RandomState", "Random", "Generator") and "random" in name.lower():
        return not call.args and not call.keywords
    if last in _RANDOM_BY_DEFAULT:
        given = next((k.value for k in call.keywords if k.arg == "random_state"), None)
        is_given = given is not None and not (isinstance(given, ast.Constant) and given.value is None)
        return not is_given and "numpy" not in seeded
    parts = name.split(".")
    if last in _SEEDING or len(parts) < 2:
        return False
    if parts[0] in ("np", "numpy") and parts[1:2] == ["random"]:
        return "numpy" not in seeded
    if parts[0] == "random":
        return "random" not in seeded
    if parts[0] == "torch" and last in ("rand", "randn", "randint", "randperm", "multinomial", "normal"):
        return "torch" not in seeded
    return False


def _library(name: str) -> str:
    first = name.partition(".")[0]
    return {"np": "numpy"}.get(first, first)


def _calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    for node in _nodes(source):
        if isinstance(node, ast.Call) and (name := _dotted(node.func)):
            yield name, node


def _assigned(source: str) -> Iterator[str]:
    return (node.id for node in _nodes(source) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _nodes(source: str) -> Iterator[ast.AST]:
    lines = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.splitlines()]
    try:
        yield from ast.walk(ast.parse("\n".join(lines)))
    except (SyntaxError, ValueError, RecursionError):
        return


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _ends_in(name: str, known: frozenset[str]) -> bool:
    return ".".join(name.split(".")[-2:]) in known
