"""From request to decision for a small model, checks and signature included; the clean re-run has its own time.

Budget: at most 10 s from ``mlops review request`` until an approval is signed, with every check that opens the model
(format, schema, metric, slices, leakage, budget) run in its sandbox, and four that judge what else its author wrote
(hygiene, card, dependencies, licences), each in a child of its own. What the replay of a notebook adds is the
notebook's own time, and is left out here.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.review.conftest import World, build_model
from workbench.experiment.store import tracking
from workbench.foundation.identity import create_key
from workbench.review import reviews
from workbench.review.people import add_reviewer

BUDGET_S = 10.0
POLICY = """\
[stages.production]
required = ["format", "schema", "metric"]
optional = ["slices", "leakage", "budget", "hygiene", "card", "dependencies", "licences"]
approvals = 1

[stages.production.slices]
column = "sensor_0"

[stages.production.budget]
size_bytes = 50_000_000
latency_ms = 50.0
"""


def main() -> int:
    """Print the figures; 1 where the budget is broken."""
    with tempfile.TemporaryDirectory(prefix="wb-review-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        root, keys = folder / "project", folder / "keys"
        (root / "policy").mkdir(parents=True)
        (root / "workbench.toml").write_text('[project]\nname = "bench"\n')
        (root / "policy" / "gate.toml").write_text(POLICY)
        world = World(root, keys)
        tracking.ensure_store(world.as_("alice"))
        for who in ("alice", "bob"):
            create_key(keys / who, comment=who)
            add_reviewer(world.as_("alice"), f"{who}@example.com", str(keys / f"{who}.pub"))
        run = world.log_model(build_model(folder / "model", train_rows=400, seed=3))
        begun = time.perf_counter()
        review = reviews.request_review(world.as_("alice"), run, wait=True)
        checked = time.perf_counter()
        decided = reviews.approve(world.as_("bob"), review.id)
        ended = time.perf_counter()
    for report in review.checks:
        print(f"{report.name:<12} {report.duration_s:6.2f} s   {report.result}")
    total = ended - begun
    verdict = "kept" if total <= BUDGET_S and decided.state == "APPROVED" else "BROKEN"
    print(f"request      {checked - begun:6.2f} s   of which checks {sum(r.duration_s for r in review.checks):.2f} s")
    print(f"approve      {ended - checked:6.2f} s")
    print(f"to decision  {total:6.2f} s   budget {BUDGET_S:g} s: {verdict}")
    return int(verdict == "BROKEN")


if __name__ == "__main__":
    sys.exit(main())
