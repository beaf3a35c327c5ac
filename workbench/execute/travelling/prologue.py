"""What a far kernel runs, unseen, before the first cell: so that it records as a kernel at home does.

Travels with ``runner``. Each step is for itself: what fails is not recorded, and the notebook runs all the same.
``opened`` tells ``inputs`` what is read; ``stand_in`` has ``import workbench`` work where the package is not installed;
``seeds`` notices who seeds random generators, and leaves their states in ``seeds.json`` as the kernel ends. That step
is the package's own module, which travels as it is: it gets the name it has at home, from where the others that it
imports are found, too.
"""

from __future__ import annotations

CAPTURE = ("quiet", "imports", "seeds")
"""Modules of ``workbench.experiment.capture`` that travel as ``capture_<name>.py``; each imports earlier ones alone."""

PROLOGUE = r"""
def _workbench_opened():
    import os, sys
    out = os.open(os.environ["WORKBENCH_READ_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    root, seen = os.environ["WORKBENCH_READ_ROOT"] + os.sep, set()
    def hook(event, arguments):
        if event != "open":
            return
        try:
            path, _, flags = arguments
            if not isinstance(path, str) or not isinstance(flags, int) or path in seen:
                return
            full = os.path.realpath(path)
            if full.startswith(root) and full not in seen:
                seen.add(full)
                written = flags & (os.O_WRONLY | os.O_RDWR)
                if not flags & os.O_DIRECTORY:
                    os.write(out, (("w " if written else "r ") + full + "\n").encode("utf-8", "surrogateescape"))
        except Exception:
            pass
    sys.addaudithook(hook)
def _workbench_stand_in():
    import importlib.util, os, sys
    found = importlib.util.find_spec("workbench")
    if found is None or found.origin is None:  # a mere folder of that name on the path is no package
        folder, package = os.environ["WORKBENCH_BESIDE"], "workbench.experiment.capture."
        names = [(package + name, "capture_" + name) for name in %r]
        for name, file in [("workbench", "standin"), *names]:
            spec = importlib.util.spec_from_file_location(name, os.path.join(folder, file + ".py"))
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
def _workbench_seeds():
    import atexit, importlib, json, os
    seeds = importlib.import_module("workbench.experiment.capture.seeds")
    seeds.watch_seeds()
    path, kernel = os.path.join(os.environ["WORKBENCH_BESIDE"], "seeds.json"), os.getpid()
    def write():
        if os.getpid() == kernel:  # and no child that it forked
            with open(path + ".new", "w") as stream:
                json.dump(seeds.seeds({}), stream)
            os.replace(path + ".new", path)
    atexit.register(write)
for _workbench_step in (_workbench_opened, _workbench_stand_in, _workbench_seeds):
    try:
        _workbench_step()
    except Exception:
        pass
del _workbench_opened, _workbench_stand_in, _workbench_seeds, _workbench_step
""" % (CAPTURE,)  # noqa: UP031 -- braces are Python's own here
