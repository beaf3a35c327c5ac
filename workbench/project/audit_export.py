"""The journal as JSON lines that anybody can verify with the script in the guide beside it."""

from __future__ import annotations

from pathlib import Path

from workbench.contract.audit import ExportedJournal
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError
from workbench.foundation.journal import Event
from workbench.foundation.project import Project, expanded

_PAGE = 5000

GUIDE = """\
# Verify this journal without the package that wrote it

Save this as `verify_journal.py` and run `python3 verify_journal.py JOURNAL.jsonl [CHECKPOINT.json ...]`. It prints the
number of events and the hash of the last one, or says which event is not what was written.

```python
import hashlib, json, sys

def digest(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

last, heads, gone = "sha256:" + "0" * 64, {}, set()
for number, line in enumerate(open(sys.argv[1], encoding="utf-8", newline="\\n"), start=1):
    e = json.loads(line)
    own = digest([last, number, e["at"], e["actor"], e["kind"], e["subject"], e["data_digest"]])
    payload = e["data"] is None or digest(e["data"]) == e["data_digest"]
    if (e["seq"], e["prev"], e["hash"], payload) != (number, last, own, True):
        sys.exit(f"event {number} is not what was written")
    last = heads[number] = own
    gone = gone | {f"event:{number}"} if e["data"] is None else gone - {e["subject"] * (e["kind"] == "audit.erased")}
for path in sys.argv[2:]:
    said = json.load(open(path, encoding="utf-8"))
    if heads.get(said["predicate"]["events"]) != "sha256:" + said["subject"][0]["digest"]["sha256"]:
        sys.exit(f"the journal does not pass through {path}: cut off or rewritten")
sys.exit(f"nobody erased {min(gone)}, and it is empty") if gone else print(len(heads), last)
```

The chain alone shows an edit, a deletion or a swap. Only a checkpoint that was kept elsewhere shows a journal that was
cut off or rewritten as a whole. Verify the checkpoint's own signature with a copy of `policy/reviewers` that you trust:

```sh
ssh-keygen -Y verify -f policy/reviewers -I SIGNER -n mlops-workbench.checkpoint \\
  -s CHECKPOINT.json.sig < CHECKPOINT.json
```

この記録は、上のスクリプトと `ssh-keygen` だけで、ほかのソフトウェアなしに検証できます。
"""
"""What stands beside an export; the tests run it as it is written."""


def export_journal(project: Project, path: str, overwrite: bool = False) -> ExportedJournal:
    """Write the whole journal as JSON lines with its chain, and how to verify it without this package.

    Args:
        project: The project.
        path: The file; ``<path>.VERIFY.md`` is written beside it.
        overwrite: Replace a file that is there.

    Raises:
        ConflictError: ``file-exists``.
        IntegrityError: ``journal-broken``: what is broken is not exported; keep the database itself.
        StorageError: The file cannot be written.
    """
    target = expanded(path).absolute()
    if target.exists() and not overwrite:
        raise ConflictError("file-exists", f"{target} is there already", "name another, or add --overwrite")
    head = project.journal.verify()
    lines: list[bytes] = []
    while len(lines) < head.seq:  # what happens meanwhile is left out: the head that was verified is what is exported
        page = project.journal.events(after=len(lines), limit=min(_PAGE, head.seq - len(lines)))
        lines.extend(canonical_json(_line(event)) + b"\n" for event in page)
    data = b"".join(lines)
    guide = Path(f"{target}.VERIFY.md")
    write_atomic(guide, GUIDE.encode())
    write_atomic(target, data)
    return ExportedJournal(str(target), str(guide), head.seq, head.hash, digest_bytes(data), len(data))


def _line(event: Event) -> dict[str, object]:
    names = ("seq", "at", "actor", "kind", "subject", "data_digest", "data", "prev", "hash")
    return {name: getattr(event, name) for name in names}
