"""Native readers are seen in real kernels and processes, also where one cell imports and reads."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})

READS = {
    "pandas.read_parquet": ("t.parquet", "import pandas as pd; pd.read_parquet('t.parquet')"),
    "pandas.read_feather": ("t.feather", "import pandas as pd; pd.read_feather('t.feather')"),
    "pandas.read_csv": ("t.csv", "import pandas as pd; pd.read_csv('t.csv')"),
    "pandas.read_csv by pyarrow": ("t.csv", "import pandas as pd; pd.read_csv('t.csv', engine='pyarrow')"),
    "parquet.read_table": ("t.parquet", "import pyarrow.parquet as pq; pq.read_table('t.parquet')"),
    "parquet.read_table by name": ("t.parquet", "from pyarrow.parquet import read_table; read_table('t.parquet')"),
    "parquet.read_table by word": ("t.parquet", "import pyarrow.parquet as pq; pq.read_table(source='t.parquet')"),
    "parquet.ParquetFile": ("t.parquet", "import pyarrow.parquet as pq; pq.ParquetFile('t.parquet').read()"),
    "parquet.read_metadata": ("t.parquet", "import pyarrow.parquet as pq; pq.read_metadata('t.parquet')"),
    "dataset": ("t.parquet", "import pyarrow.dataset as ds; ds.dataset('t.parquet').to_table()"),
    "dataset of a folder": ("parts/0.parquet", "import pyarrow.dataset as ds; ds.dataset('parts').to_table()"),
    "csv.read_csv": ("t.csv", "import pyarrow.csv as c; c.read_csv('t.csv')"),
    "feather.read_table": ("t.feather", "import pyarrow.feather as f; f.read_table('t.feather')"),
    "memory_map": ("t.feather", "import pyarrow as pa; pa.memory_map('t.feather').read()"),
    "polars.read_parquet": ("t.parquet", "import polars as pl; pl.read_parquet('t.parquet')"),
    "polars.scan_parquet": ("t.parquet", "import polars as pl; pl.scan_parquet('*.parquet').collect()"),
    "polars.read_csv": ("t.csv", "import polars as pl; pl.read_csv('t.csv')"),
    "polars.scan_csv": ("t.csv", "import polars as pl; pl.scan_csv('t.csv').collect()"),
    "polars.read_ipc": ("t.feather", "import polars as pl; pl.read_ipc('t.feather')"),
    "duckdb.read_csv": ("t.csv", "import duckdb; duckdb.read_csv('t.csv').fetchall()"),
    "duckdb.sql": ("t.parquet", "import duckdb; duckdb.sql(\"SELECT * FROM 't.parquet' WHERE b = 'x'\").fetchall()"),
    "duckdb connection": ("t.csv", "import duckdb; duckdb.connect().execute('FROM \"t.csv\"').fetchall()"),
    "duckdb pattern": (
        "parts/0.parquet",
        "import duckdb; duckdb.sql(\"FROM read_parquet('parts/*.parquet')\").fetchall()",
    ),
}
# Files of their own: the processes run at the same time.
WRITES = {
    "pandas": (
        "import pandas as pd; pd.DataFrame({'a': [1]}).to_parquet('pandas.parquet'); pd.read_parquet('pandas.parquet')"
    ),
    "pyarrow": (
        "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'a': [1]}), 'pyarrow.parquet');"
        " pq.read_table('pyarrow.parquet')"
    ),
    "polars": (
        "import polars as pl; pl.DataFrame({'a': [1]}).write_parquet('polars.parquet');"
        " pl.read_parquet('polars.parquet')"
    ),
    "duckdb": (
        "import duckdb; duckdb.sql(\"COPY (SELECT 1) TO 'duckdb.parquet'\");"
        " duckdb.sql(\"FROM 'duckdb.parquet'\").fetchall()"
    ),
}


def read_in_one_process(python, snippets: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return what a recorder saw of each snippet, each as the first thing that its own process does."""
    code = (
        "from workbench.experiment import session\n"
        "session.begin_capture(project.root)\n"
        "exec(sys.argv[1] if len(sys.argv) > 1 else os.environ['SNIPPET'])\n"
        "print(json.dumps([(i.path, i.reader, bool(i.digest)) for i in session._session.recorder.inputs()]))\n"
    )
    processes = {name: python(code, SNIPPET=snippet) for name, snippet in snippets.items()}
    found = {}
    for name, process in processes.items():
        said, noise = process.communicate()
        assert process.returncode == 0, f"{name}: {noise}"
        found[name] = json.loads(said.strip().splitlines()[-1])
    return found


@pytest.fixture
def files(project):
    root = project.root
    (root / "parts").mkdir()
    pq.write_table(TABLE, root / "t.parquet")
    pq.write_table(TABLE, root / "parts" / "0.parquet")
    TABLE.to_pandas().to_csv(root / "t.csv", index=False)
    pd.DataFrame(TABLE.to_pandas()).to_feather(root / "t.feather", compression="uncompressed")


@pytest.mark.checklist("S1-08")
@pytest.mark.parametrize("library", ["pandas", "pyarrow", "polars", "duckdb"])
def test_each_reader_is_seen_although_the_same_cell_imports_it(project, files, python, library):
    own = {name: read for name, read in READS.items() if f"import {library}" in read[1] or f"from {library}" in read[1]}
    assert own
    found = read_in_one_process(python, {name: code for name, (_, code) in own.items()})
    for name, (path, _) in own.items():
        assert [(seen, is_digested) for seen, _, is_digested in found[name]] == [(path, True)], name


def test_a_file_that_native_code_made_here_and_read_back_is_no_input(project, files, python):
    assert read_in_one_process(python, WRITES) == {name: [] for name in WRITES}


def test_a_failing_note_fails_no_reader(project, files, python):
    code = (
        "from workbench.experiment import session\n"
        "from workbench.experiment.capture import readers, inputs\n"
        "session.begin_capture(project.root)\n"
        "inputs.listening = readers._paths = lambda *_: 1 / 0\n"
        "import pyarrow.parquet as pq, polars as pl, duckdb\n"
        "print(pq.read_table('t.parquet').num_rows, pl.read_csv('t.csv').height)\n"
        "print(duckdb.sql(\"FROM 't.csv'\").fetchall()[0])\n"
    )
    with python(code) as process:
        said, noise = process.communicate()
    assert said.split("\n")[:2] == ["3 3", "(1, 'x')"], noise
    assert noise.count("could not be recorded") == 1


def test_libraries_are_not_imported_and_their_functions_stay_what_they_are(project, python):
    code = (
        "from workbench.experiment import session\n"
        "session.begin_capture(project.root)\n"
        "print(sorted({'pyarrow', 'polars', 'duckdb', 'numpy', 'torch'} & set(sys.modules)))\n"
        "import pickle, inspect, pyarrow.parquet as pq\n"
        "assert pickle.loads(pickle.dumps(pq.read_table)) is pq.read_table\n"
        "assert 'columns' in inspect.signature(pq.read_table).parameters\n"
        "assert isinstance(pq.ParquetFile, type)\n"
        "assert type(pq.__spec__.loader).__name__ == 'SourceFileLoader'\n"
    )
    with python(code) as process:
        said, noise = process.communicate()
    assert process.returncode == 0, noise
    assert said.strip() == "[]"
