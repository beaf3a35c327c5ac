"""Bad days of data: versions, remotes, checks, cards, splits, tables and watched folders."""

from __future__ import annotations

from tests.bad_day.situations import (
    NOISE,
    TRAIN,
    Case,
    after,
    emptied,
    everywhere,
    fifo,
    folder,
    git_added,
    link,
    nothing,
    remote,
    remove,
    sql,
    workbook,
    write,
)

ROWS = "data/rows.csv"
PATH = {"path": ROWS}
PATHS = {"paths": (ROWS,)}
NO_PATH = {"path": "data/row.csv"}
OUTSIDE = {"path": "/etc/hostname"}
CLEAN = {"path": ROWS, "out": "data/clean.csv", "recipe": "clean.toml"}
SPLIT = {"path": ROWS, "by": "random"}
ERASE = {"paths": (ROWS,), "column": "a", "value_file": "who.txt"}
REDUCE = {"path": ROWS, "recipe": "less.toml", "out": "data/less.parquet"}
IMPORT = {"source": ROWS, "name": "rows"}
INBOX = {"folder": "inbox", "name": "line1"}

recipe = write("clean.toml", '[[steps]]\ndo = "fill-missing"\nby = "median"\ncolumns = ["a"]\n')
changed = write(ROWS, "a,b\n3,4\n")
checks = write(f"{ROWS}.checks.toml", '[columns.a]\ntype = "integer"\nmax = 0\n')

CASES = (
    # versions
    Case("log-of-nothing", nothing, "data log", "version-unknown", {"dataset": "data/row.csv"}),
    Case("record-nothing", nothing, "data snapshot", "path-not-data", {"paths": ("",)}),
    Case("record-the-project", nothing, "data snapshot", "path-not-data", {"paths": (".",)}),
    Case("record-from-elsewhere", nothing, "data snapshot", "path-outside-project", {"paths": ("/etc/hostname",)}),
    Case(
        "record-a-link",
        after(folder("data/real"), folder("data/f"), write("data/f/x.csv", "1"), link("data/f/linked", "../real")),
        "data snapshot",
        "data-linked-folder",
        {"paths": ("data/f",)},
    ),
    Case(
        "record-what-dvc-ignores",
        after(write(".dvcignore", "*.tmp\n"), write("data/x.tmp", "1")),
        "data snapshot",
        "data-ignored",
        {"paths": ("data/x.tmp",)},
    ),
    Case(
        "record-a-part",
        after(folder("data/whole"), write("data/whole/x.csv", "1")),
        "data snapshot",
        "data-overlaps",
        {"paths": ("data", "data/whole")},
    ),
    Case(
        "dvcignore-within",
        after(folder("data/f"), write("data/f/.dvcignore", "x"), write("data/f/a", "1")),
        "data snapshot",
        "dvcignore-inside",
        {"paths": ("data/f",)},
    ),
    Case("special-file", fifo("data/pipe"), "data snapshot", "path-special", {"paths": ("data/pipe",)}),
    Case(
        "special-file-within",
        after(folder("data/f"), fifo("data/f/pipe")),
        "data snapshot",
        "data-special",
        {"paths": ("data/f",)},
    ),
    Case("checks-broken", after(changed, checks), "data snapshot", "data-checks-failed", PATHS),
    Case(
        "dvc-configured-wrong",
        write(".dvc/config", NOISE),
        "data snapshot",
        "dvc-config-malformed",
        {"paths": ("notebooks",)},
    ),
    Case(
        "git-ignores-dvc",
        after(write(".gitignore", ".dvc\n"), remove(f"{ROWS}.dvc"), remove(".dvc/config")),
        "data snapshot",
        "dvc-ignored",
        {"paths": ("notebooks",)},
    ),
    Case("pointer-noise", write(f"{ROWS}.dvc", NOISE), "data push", "pointer-malformed", PATHS),
    Case("restore-over-work", changed, "data restore", "data-unsaved", {"version": "{dataset}"}),
    Case(
        "restore-without-cache",
        after(remove(ROWS), emptied(".dvc/cache")),
        "data restore",
        "data-cache-missing",
        {"version": "{dataset}"},
    ),
    Case(
        "restore-damaged",
        after(remove(ROWS), everywhere(".dvc/cache/files/md5/*/*", b"other")),
        "data restore",
        "data-cache-damaged",
        {"version": "{dataset}"},
    ),
    Case(
        "restore-any",
        sql(
            "INSERT INTO records SELECT noun, id || '0', state, revision, changed_seq, body FROM records"
            " WHERE noun = 'dataset'"
        ),
        "data restore",
        "version-ambiguous",
        {"version": "data/rows.csv@6"},
    ),
    Case("verify-nothing-known", nothing, "data verify", "version-unknown", {"paths": ("data/row.csv",)}),
    Case("unlock-nothing", nothing, "data unlock", "data-missing", {"paths": ("data/row.csv",)}),
    Case("push-nowhere", nothing, "data push", "remote-missing", PATHS),
    Case("push-to-nobody", nothing, "data push", "remote-missing", {"remote": "orign"}),
    Case("push-the-unrecorded", nothing, "data push", "version-unknown", {"paths": ("data/row.csv",)}),
    Case("pull-nowhere", nothing, "data pull", "remote-missing", PATHS),
    Case(
        "pull-what-nobody-pushed",
        after(remote(), remove(ROWS), emptied(".dvc/cache")),
        "data pull",
        "remote-incomplete",
        PATHS,
    ),
    Case("pull-over-work", after(remote(), changed), "data pull", "data-unsaved", PATHS),
    Case("record-what-git-keeps", git_added(TRAIN), "data snapshot", "data-in-git", {"paths": (TRAIN,)}),
    Case(
        "record-beside-a-broken-lock",
        write(".dvc/tmp/rwlock", NOISE),
        "data snapshot",
        "data-lock-damaged",
        {"paths": (TRAIN,)},
    ),
    Case("push-to-no-plugin", remote("azure://x/y"), "data push", "remote-plugin-missing", PATHS),
    # quality
    Case("checks-of-nothing", nothing, "data checks", "data-missing", NO_PATH),
    Case("checks-of-noise", write(ROWS, NOISE), "data checks", "data-not-a-table", PATH),
    Case(
        "checks-wrong",
        write(f"{ROWS}.checks.toml", "[columns.a]\ntype = 'intger'"),
        "data checks",
        "checks-invalid",
        PATH,
    ),
    Case("infer-twice", checks, "data infer", "checks-exist", PATH),
    Case("infer-of-nothing", nothing, "data infer", "data-missing", NO_PATH),
    Case("infer-of-elsewhere", nothing, "data infer", "path-outside-project", OUTSIDE),
    Case("clean-without-recipe", nothing, "data clean", "recipe-unnamed", {"path": ROWS, "out": "data/clean.csv"}),
    Case("clean-without-file", nothing, "data clean", "recipe-missing", CLEAN),
    Case("clean-onto-itself", recipe, "data clean", "clean-onto-itself", {**CLEAN, "out": ROWS}),
    Case(
        "clean-by-no-way", write("clean.toml", '[[steps]]\ndo = "fil-missing"'), "data clean", "recipe-invalid", CLEAN
    ),
    Case(
        "clean-no-such-column",
        write("clean.toml", '[[steps]]\ndo = "fill-missing"\nby = "median"\ncolumns = ["z"]'),
        "data clean",
        "column-unknown",
        {**CLEAN, "whole": True},
    ),
    Case(
        "clean-by-hand-written-fit",
        write("fit.json", "{}"),
        "data clean",
        "recipe-malformed",
        {"path": ROWS, "out": "data/clean.csv", "apply": "fit.json"},
    ),
    Case("split-by-no-way", nothing, "data split", "split-way-unknown", {**SPLIT, "by": "randm"}),
    Case("split-all-away", nothing, "data split", "split-share-wrong", {**SPLIT, "test": 1.0}),
    Case("split-by-no-column", nothing, "data split", "split-column-missing", {**SPLIT, "by": "group"}),
    Case("split-by-unknown-column", nothing, "data split", "column-unknown", {**SPLIT, "by": "group", "column": "z"}),
    Case(
        "split-by-no-time",
        write(ROWS, "a,b\nx,1\ny,2\n"),
        "data split",
        "split-time-missing",
        {**SPLIT, "by": "time", "column": "a"},
    ),
    Case("split-one-row", write(ROWS, "a,b\n1,2\n"), "data split", "split-too-few", SPLIT),
    Case("split-of-nothing", nothing, "data split", "data-missing", NO_PATH),
    Case(
        "split-over-another",
        after(write(ROWS, "a\n" + "\n".join(map(str, range(50)))), write(f"{ROWS}.split.csv", "row,part\n0,train\n")),
        "data split",
        "split-exists",
        SPLIT,
    ),
    Case(
        "clean-text-by-median",
        after(write(ROWS, "a,b\nx,1\n,2\n"), recipe),
        "data clean",
        "recipe-misfit",
        {**CLEAN, "whole": True},
    ),
    Case("leaks-without-split", nothing, "data leaks", "split-missing", PATH),
    Case(
        "leaks-in-no-split",
        write(f"{ROWS}.split.csv", NOISE),
        "data leaks",
        "split-malformed",
        {**PATH, "split": f"{ROWS}.split.csv"},
    ),
    # care
    Case("card-of-no-data", nothing, "data card", "card-missing", PATH),
    Case("card-no-toml", write(f"{ROWS}.card.toml", "owner ="), "data card", "config-syntax", PATH),
    Case("describe-class", nothing, "data describe", "card-invalid", {**PATH, "data_class": "secret"}),
    Case("describe-language", nothing, "data describe", "language-unknown", {**PATH, "language": "fr"}),
    Case("describe-nothing", nothing, "data describe", "data-missing", NO_PATH),
    Case("scan-nothing", nothing, "data scan", "data-missing", NO_PATH),
    Case("scan-elsewhere", nothing, "data scan", "path-outside-project", OUTSIDE),
    Case("erase-no-column", nothing, "data erase", "erase-column-missing", PATHS),
    Case("erase-nobody", nothing, "data erase", "erase-values-missing", {**PATHS, "column": "a"}),
    Case("erase-nobody-named", write("who.txt", "\n"), "data erase", "erase-values-missing", ERASE),
    Case("erase-unrecorded", write("who.txt", "1\n"), "data erase", "dataset-unknown", {**ERASE, "paths": (TRAIN,)}),
    Case("erase-unsaved", after(write("who.txt", "1\n"), changed), "data erase", "data-unsaved", ERASE),
    Case(
        "erase-without-cache",
        after(write("who.txt", "1\n"), emptied(".dvc/cache")),
        "data erase",
        "data-cache-missing",
        ERASE,
    ),
    # tables
    Case("import-nothing", nothing, "data import", "source-unclear", {}),
    Case("import-two-things", nothing, "data import", "source-unclear", {**IMPORT, "query": "SELECT 1"}),
    Case("import-missing", nothing, "data import", "source-missing", {"source": "data/row.csv"}),
    Case("import-no-table", write("data/x.bin", NOISE), "data import", "format-unknown", {"source": "data/x.bin"}),
    Case("import-empty", write(ROWS, ""), "data import", "table-empty", IMPORT),
    Case("import-ragged", write(ROWS, "a,b\n1,2\n1,2,3\n"), "data import", "table-ragged", IMPORT),
    Case("import-in-no-encoding", nothing, "data import", "encoding-unknown", {**IMPORT, "encoding": "utf-9"}),
    Case(
        "import-in-another-encoding",
        write(ROWS, "a\n\u3042\n".encode("cp932")),
        "data import",
        "encoding-wrong",
        {**IMPORT, "encoding": "utf-8"},
    ),
    Case("import-noise", write(ROWS, bytes(range(128, 256)) * 20), "data import", "encoding-unknown", IMPORT),
    Case("import-under-no-name", nothing, "data import", "table-name", {**IMPORT, "name": "../x"}),
    Case("import-by-no-key", nothing, "data import", "key-unknown", {**IMPORT, "key": ("z",)}),
    Case("import-by-a-key-twice", nothing, "data import", "key-not-unique", {**IMPORT, "key": ("a",)}),
    Case(
        "import-by-a-key-unfilled",
        write(ROWS, "a,b\n1,2\n,3\n"),
        "data import",
        "key-missing-values",
        {**IMPORT, "key": ("a",)},
    ),
    Case("import-no-address", nothing, "data import", "url-missing", {"query": "SELECT 1", "name": "q"}),
    Case(
        "import-no-workbook", write("data/x.xlsx", NOISE), "data import", "table-malformed", {"source": "data/x.xlsx"}
    ),
    Case(
        "import-no-sheet",
        workbook("data/x.xlsx", 1),
        "data import",
        "sheet-missing",
        {"source": "data/x.xlsx", "sheet": "Sheet9"},
    ),
    Case("import-an-empty-sheet", workbook("data/x.xlsx"), "data import", "table-empty", {"source": "data/x.xlsx"}),
    Case(
        "import-from-no-database",
        nothing,
        "data import",
        "database-unavailable",
        {"query": "SELECT 1", "name": "q", "url_env": "HOME"},
    ),
    Case("import-recipe-no-toml", write("data/rows.table.toml", "key ="), "data import", "recipe-malformed", IMPORT),
    Case("import-recipe-key", write("data/rows.table.toml", "kee = 1"), "data import", "recipe-unknown-key", IMPORT),
    Case(
        "import-type",
        write("data/rows.table.toml", '[columns.a]\ntype = "intger"'),
        "data import",
        "type-unknown",
        IMPORT,
    ),
    Case(
        "import-of-another-type",
        after(write(ROWS, "a,b\nx,1\n"), write("data/rows.table.toml", '[columns.a]\ntype = "int64"')),
        "data import",
        "column-type",
        IMPORT,
    ),
    Case(
        "export-nothing", nothing, "data export", "data-missing", {"version": "data/row.csv", "path": "{root}/out.csv"}
    ),
    Case(
        "export-no-version", nothing, "data export", "version-unknown", {"version": "rows@1", "path": "{root}/out.csv"}
    ),
    Case(
        "export-over", nothing, "data export", "file-exists", {"version": "{dataset}", "path": "{root}/workbench.toml"}
    ),
    Case(
        "export-format",
        nothing,
        "data export",
        "format-unknown",
        {"version": "{dataset}", "path": "{root}/out.csv", "format": "cvs"},
    ),
    Case(
        "export-a-folder",
        after(folder("data/f"), write("data/f/x", "1")),
        "data export",
        "not-a-table",
        {"version": "data/f", "path": "{root}/out.csv"},
    ),
    Case("diff-nothing", nothing, "data diff", "data-missing", {"before": "data/row.csv", "after": ROWS}),
    Case("diff-no-version", nothing, "data diff", "version-unknown", {"before": "rows@1", "after": ROWS}),
    Case("diff-by-no-key", changed, "data diff", "key-unknown", {"before": "{dataset}", "after": ROWS, "key": ("z",)}),
    Case("profile-nothing", nothing, "data profile", "data-missing", {"source": "data/row.csv"}),
    Case("profile-no-column", nothing, "data profile", "column-unknown", {"source": ROWS, "columns": ("z",)}),
    Case("reduce-without-recipe", nothing, "data reduce", "recipe-missing", REDUCE),
    Case(
        "reduce-no-parquet",
        write("less.toml", '[[step]]\nkind = "keep"\ncolumns = ["a"]'),
        "data reduce",
        "path-not-data",
        {**REDUCE, "out": "data/less.csv"},
    ),
    Case("reduce-no-step", write("less.toml", '[[step]]\nkind = "filtr"'), "data reduce", "recipe-invalid", REDUCE),
    Case(
        "reduce-no-column",
        write("less.toml", '[[step]]\nkind = "keep"\ncolumns = ["z"]'),
        "data reduce",
        "reduction-column-missing",
        REDUCE,
    ),
    Case(
        "reduce-over-itself",
        after(
            folder("data/f"),
            write("less.toml", '[[step]]\nkind = "keep"\ncolumns = ["a"]'),
            write("data/x.parquet", ""),
        ),
        "data reduce",
        "reduction-over-source",
        {**REDUCE, "path": "data/x.parquet", "out": "data/x.parquet"},
    ),
    Case(
        "reduce-noise",
        after(write("less.toml", '[[step]]\nkind = "keep"\ncolumns = ["a"]'), write(ROWS, NOISE)),
        "data reduce",
        "table-unreadable",
        REDUCE,
    ),
    Case(
        "reduce-by-no-window",
        write("less.toml", '[[step]]\nkind = "aggregate"\ntime = "a"\nwindow = "0s"\nstatistics = ["mean"]'),
        "data reduce",
        "reduction-not-possible",
        REDUCE,
    ),
    # watched folders
    Case(
        "watches-of-noise",
        after(
            write("data/line1.watch.toml", 'folder = "inbox"\ninto = "data/line1"\n'),
            write(".workbench/journal.db", NOISE),
        ),
        "watches",
        "journal-unreadable",
    ),
    Case("watch-twice", write("data/line1.watch.toml", 'folder = "inbox"\n'), "watch add", "watch-exists", INBOX),
    Case("watch-pattern", nothing, "watch add", "watch-invalid", {**INBOX, "pattern": "/*.csv"}),
    Case(
        "watched-folder-of-ones-own",
        write("data/line1.watch.toml", 'folder = "/etc"\ninto = "data/line1"\n'),
        "ingest",
        "secrets-untrusted",
        {"name": "line1"},
    ),
    Case(
        "watched-folder-gone",
        write("data/line1.watch.toml", 'folder = "inbox"\ninto = "data/line1"\n'),
        "ingest",
        "watch-folder-missing",
        {"name": "line1"},
    ),
)
