"""Model folders that would run something, each made here: what scanners miss and what an allowlist must not.

``HOSTILE`` are edits of an honest folder by name. Nothing in them does more than name what it would call.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

Edit = Callable[[Path], object]


def text(value: str) -> bytes:
    """A short text as protocol 4 writes it."""
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def call(function: bytes, argument: str = "id") -> bytes:
    return b"\x80\x04" + function + text(argument) + b"\x85R."


SYSTEM = call(stack_global("os", "system"))
HONEST = pickle.dumps({"weights": [1.0, 2.0], "name": "faults"})

PICKLES: dict[str, bytes] = {
    "os.system": SYSTEM,
    "posix.system by GLOBAL": b"cposix\nsystem\n(Vid\ntR.",
    "INST": b"(Vid\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nVid\no.",
    "NEWOBJ": b"\x80\x04" + stack_global("subprocess", "Popen") + b"(" + text("id") + b"t\x81.",
    "NEWOBJ_EX": b"\x80\x04" + stack_global("subprocess", "Popen") + b"(t}\x92.",
    "builtins.eval": call(stack_global("builtins", "eval"), "1"),
    "builtins.exec": call(stack_global("builtins", "exec"), "1"),
    "builtins.getattr": call(stack_global("builtins", "getattr")),
    "builtins.__import__": call(stack_global("builtins", "__import__"), "os"),
    "__builtin__.eval": b"c__builtin__\neval\n(V1\ntR.",
    "a dotted name": call(stack_global("os", "path.os.system")),
    "importlib": call(stack_global("importlib", "import_module")),
    "runpy": call(stack_global("runpy", "_run_code")),
    "functools.partial": call(stack_global("functools", "partial")),
    "operator.attrgetter": call(stack_global("operator", "attrgetter")),
    "operator.methodcaller": call(stack_global("operator", "methodcaller")),
    "types.FunctionType": call(stack_global("types", "FunctionType")),
    "types.CodeType": call(stack_global("types", "CodeType")),
    "marshal.loads": call(stack_global("marshal", "loads")),
    "pickle.loads": call(stack_global("pickle", "loads")),
    "_pickle.loads": call(stack_global("_pickle", "loads")),
    "dill": call(stack_global("dill._dill", "_create_function")),
    "cloudpickle": call(stack_global("cloudpickle.cloudpickle", "_make_function")),
    "joblib.load": call(stack_global("joblib", "load")),
    "numpy's scalar": call(stack_global("numpy._core.multiarray", "scalar")),
    "numpy's exec": call(stack_global("numpy.testing._private.utils", "runstring")),
    "pandas.read_pickle": call(stack_global("pandas", "read_pickle")),
    "torch.load": call(stack_global("torch", "load")),
    "webbrowser": call(stack_global("webbrowser", "open")),
    "socket": call(stack_global("socket", "create_connection")),
    "ctypes": call(stack_global("ctypes", "CDLL")),
    "shutil.rmtree": call(stack_global("shutil", "rmtree")),
    "pty.spawn": call(stack_global("pty", "spawn")),
    "pip": call(stack_global("pip._internal.cli.main", "main")),
    "bdb": call(stack_global("bdb", "Bdb.run")),
    "a name through the memo": b"\x80\x04"
    + text("os")
    + b"\x94"
    + text("system")
    + b"\x94h\x00h\x01\x93"
    + text("id")
    + b"\x85R.",
    "a name by DUP": b"\x80\x04" + text("os") + b"2\x93.",
    "a name that is computed": b"\x80\x04" + call(stack_global("builtins", "str"))[2:-1] + text("system") + b"\x93.",
    "a persistent id": b"Pevil\n.",
    "a binary persistent id": b"\x80\x04" + text("evil") + b"Q.",
    "an extension code": b"\x80\x02\x82\x01.",
    "an out-of-band buffer": b"\x80\x05\x97.",
    "a second pickle behind the first": HONEST + SYSTEM,
    "bytes behind the end": HONEST + b"\0",
    "cut short": SYSTEM[:-3],
    "no pickle": b"this is no pickle",
    "empty": b"",
    "an empty stack": b"\x80\x04R.",
    "BUILD of what it must not": b"\x80\x04" + stack_global("logging.config", "listen") + b")R}b.",
    "in a list of harmless things": b"\x80\x04](" + text("a") + SYSTEM[2:-1] + b"e.",
    "gzip": gzip.compress(SYSTEM),
    "bzip2": bz2.compress(SYSTEM),
    "xz": lzma.compress(SYSTEM),
    "lzma": lzma.compress(SYSTEM, format=lzma.FORMAT_ALONE),
    "zlib": zlib.compress(SYSTEM),
    "zlib with something behind": zlib.compress(HONEST) + SYSTEM,
    "a zlib bomb": zlib.compress(bytes(300 << 20), 9),
    "a zip that is also a pickle": SYSTEM + b"PK\x05\x06" + bytes(18),
}


def skops_file(*nodes: dict, **parts: bytes) -> bytes:
    buffer = io.BytesIO()
    root = {
        "__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 1,
        "content": list(nodes), "protocol": 2, "_skops_version": "0.16.0",
    }  # fmt: skip
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps(root))
        for name, data in parts.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def node(loader: str, module: str, name: str, **more: object) -> dict:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 2, **more}


def object_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    return buffer.getvalue()


SKOPS: dict[str, bytes] = {
    "an object of os": skops_file(node("ObjectNode", "os", "system", content={})),
    "a function of os": skops_file(node("FunctionNode", "os", "system")),
    "a type of subprocess": skops_file(node("TypeNode", "subprocess", "Popen")),
    "a partial": skops_file(node("PartialNode", "functools", "partial", content={})),
    "a method": skops_file(node("MethodNode", "builtins", "str", content={})),
    "an operator": skops_file(node("OperatorFuncNode", "operator", "methodcaller", attrs={})),
    "a reduce": skops_file(node("ConstructorFromReduceNode", "builtins", "dict", content={})),
    "an unknown kind": skops_file(node("NewNode", "builtins", "dict")),
    "no kind": skops_file({"__class__": "system", "__module__": "os"}),
    "a type of its own trust": skops_file(node("ObjectNode", "evil", "Model", trusted=["evil.Model"])),
    "hidden in JSON": skops_file(
        node("DictNode", "builtins", "dict", content={"a": [[node("TypeNode", "os", "system")]]})
    ),
    "an array of objects": skops_file(node("NdArrayNode", "numpy", "ndarray", file="a.npy"), a__npy=object_array()),
    "a pickle inside": skops_file(model__pkl=SYSTEM),
    "no zip": b"PK\x03\x04",
    "no schema": b"PK\x05\x06" + bytes(18),
}


def safetensors_file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text_ = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text_) if length is None else length) + text_ + data


def tensor(begin: int, end: int, shape: list, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS: dict[str, bytes] = {
    "no header": b"",
    "a header longer than the file": safetensors_file({}, length=1 << 40),
    "a pickle by its name": SYSTEM,
    "a header that is no JSON": safetensors_file(b"{"),
    "bytes that nobody names": safetensors_file({"a": tensor(0, 4, [1])}, bytes(4) + SYSTEM),
    "tensors that overlap": safetensors_file({"a": tensor(0, 4, [1]), "b": tensor(2, 6, [1])}, bytes(6)),
    "a tensor beyond the end": safetensors_file({"a": tensor(0, 8, [2])}, bytes(4)),
    "a shape that lies": safetensors_file({"a": tensor(0, 4, [2])}, bytes(4)),
    "a negative shape": safetensors_file({"a": tensor(0, 4, [-1])}, bytes(4)),
    "an unknown dtype": safetensors_file({"a": tensor(0, 4, [1], "OBJ")}, bytes(4)),
    "a name twice": safetensors_file(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'),
    "metadata that is no text": safetensors_file({"__metadata__": {"a": [1]}}),
    "a deep header": safetensors_file(b"[" * 100_000),
}


def write(name: str, data: bytes) -> Edit:
    return lambda folder: (folder / name).write_bytes(data)


def rewrite(name: str, old: str, new: str) -> Edit:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


def with_code(folder: Path) -> None:
    """What ran with pickles forbidden: MLmodel names a module that lies in the folder."""
    (folder / "code").mkdir()
    (folder / "code" / "evil.py").write_text("")
    rewrite("MLmodel", "loader_module: mlflow.onnx", "loader_module: evil\n    code: code")(folder)


FOLDERS: dict[str, Edit] = {
    "loader_module and code": with_code,
    "loader_module alone": rewrite("MLmodel", "mlflow.onnx", "evil"),
    "code_paths": rewrite("MLmodel", "code: null", "code: code"),
    "model_code_path": rewrite(
        "MLmodel", "    data: model.onnx\n    env", "    model_code_path: a.py\n    data: model.onnx\n    env"
    ),
    "another flavor": rewrite("MLmodel", "  onnx:", "  sklearn:"),
    "MLmodel with a tag": write("MLmodel", b"!!python/object/apply:os.system [id]"),
    "MLmodel with anchors": write("MLmodel", b"a: &a [1]\nb: [*a, *a]\n"),
    "MLmodel is a list": write("MLmodel", b"- 1\n"),
    "python_model.pkl": write("python_model.pkl", SYSTEM),
    "a shared library": write("op.so", b"\x7fELF"),
    "a notebook": write("run.ipynb", b"{}"),
    "conda.yaml with another name": write("conda.yml", b""),
    "a hidden file": write(".pth", b"import os"),
    "an h5": write("model.h5", b"\x89HDF"),
    "a torch zip": write("model.pt", b"PK\x03\x04"),
    "holdout of objects": write("holdout.npz", b"PK\x03\x04"),
    "an object array": write("reference.npz", object_array()),
    "no ONNX": write("model.onnx", SYSTEM),
}


def pickled(data: bytes) -> Edit:
    return write("model.pkl", data)


HOSTILE: dict[str, Edit] = {
    **{f"pickle: {name}": pickled(data) for name, data in PICKLES.items()},
    **{
        f"joblib: {name}": write("model.joblib", data)
        for name, data in PICKLES.items()
        if name in ("zlib", "gzip", "os.system")
    },
    **{f"skops: {name}": write("model.skops", data) for name, data in SKOPS.items()},
    **{f"safetensors: {name}": write("model.safetensors", data) for name, data in SAFETENSORS.items()},
    **{f"folder: {name}": edit for name, edit in FOLDERS.items()},
}
