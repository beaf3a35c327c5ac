"""What runs over there: constant scripts that take their words as ``$1``, ``$2``, …; nothing is pasted into one.

Those that an ssh connection carries stay on one line, because the login shell that reads them may be ``tcsh``.
"""

from __future__ import annotations

COMMAND = '[ -z "$1" ] || PATH=$1:$PATH; shift; export LC_ALL=C SLURM_TIME_FORMAT=standard; exec "$@"'
"""``$1``: folder of Slurm's commands, or nothing; then the command."""

JOB = r"""#!/bin/bash -l
# One job of MLOps Workbench. $1: its directory, or for tasks of an array the file that lists them; $2: Python.
export HOME
folder=$1 own=$SLURM_JOB_ID
if [ -n "$SLURM_ARRAY_TASK_ID" ]; then
  own=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  folder=${1%/arrays/*}/jobs/$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$1")
fi
cd -- "$folder" || exit 66
[ -z "$SLURM_ARRAY_TASK_ID" ] || ln -snf "${1%/*}/$SLURM_ARRAY_TASK_ID.txt" slurm.txt
# Only the job that the directory is noted for may run in it, and only once: a retry has a directory of its own.
if [ ! -e slurm.json ]; then
  printf '{"id": "%s"}\n' "$own" >".slurm.$own" && ln ".slurm.$own" slurm.json
  rm -f ".slurm.$own"
fi
grep -q "\"$own\"" slurm.json || { echo "not run: this directory is that of $(cat slurm.json)"; exit 0; }
if [ -e exit.json ] || [ -e slurm.cancel ]; then exit 0; fi
mkdir slurm.begun || { echo 'not run again: it was begun before'; exit 1; }
trap 'exit 143' TERM USR1
[ ! -s setup.sh ] || . ./setup.sh
mark=WORKBENCH_JOB=${folder##*/}
set -- "$2" runner.py "$folder"
[ ! -e environment.txt ] || set -- "$1" environment.py "${folder%/jobs/*}/envs" environment.txt runner.py "$folder"
env "$mark" "$@" </dev/null >>log.txt 2>&1 &
runner=$!
trap 'kill -TERM "$runner"' TERM
trap 'rm -f slurm.timeout; set -C; echo warned >slurm.timeout; kill -TERM "$runner"' USR1
while wait "$runner"; code=$?; kill -0 "$runner" 2>/dev/null; do :; done
left() { grep -lzsxF "$mark" /proc/[0-9]*/environ | tr -dc '0-9\n'; }
for signal in TERM TERM KILL; do
  pids=$(left)
  [ -z "$pids" ] || { kill -s $signal $pids; sleep 1; } 2>/dev/null
done
exit "$code"
"""
"""The batch script. Its own output, and what Slurm has to say of the job, goes to ``slurm.txt``; the runner's to
``log.txt``.

A login shell, because that is where clusters set up ``module`` and paths. ``wait`` ends early when a signal is
trapped, so it is asked until the runner is gone. USR1 is Slurm's warning of the time limit, TERM a cancellation. What
the notebook started and did not end ends with it, also where Slurm does not keep an eye on it (cgroups do,
``proctrack/linuxproc`` does not).
"""

SUBMIT = (
    '[ -z "$1" ] || PATH=$1:$PATH; export LC_ALL=C; cd -- "$2" || exit 66; name=$3 python=$4; shift 4; umask 077; '
    "exec 9>submit.lock; if command -v flock >/dev/null; then flock -w 60 9; [ $? -ne 1 ] || exit 75; fi; "
    "if [ -s slurm.json ]; then cat slurm.json; exit 0; fi; "
    "if [ -d slurm.begun ] || [ -e exit.json ]; then exit 0; fi; "
    'found=$(squeue --me --noheader --states=all --name="$name" --format="%F|%T|%r") || exit 75; '
    'id=$(printf "%s\\n" "$found" | grep -v "|FAILED|BadConstraints" | sed -n "s/|.*//p" | head -n 1); '
    '[ -n "$id" ] || id=$(sbatch --chdir="$PWD" "$@" "$PWD/job.sh" "$PWD" "$python") || exit 70; id=${id%%;*}; '
    'printf "{\\"id\\": \\"%s\\"}\\n" "$id" >.slurm.new && ln .slurm.new slurm.json 2>/dev/null; rm -f .slurm.new; '
    "cat slurm.json"
)
"""``$1``: folder of Slurm's commands; ``$2``: directory; ``$3``: name of the job; ``$4``: Python; then words of
``sbatch``.

The note and the job's name keep a second call from starting a second job, also where the first died between
``sbatch`` and the note; the lock does where the first still runs over there after its connection was cut (a file
system without locks is used without). What ``sbatch`` refused stays in the queue for a while as FAILED, and is no
job.
"""

SUBMIT_MANY = (
    '[ -z "$1" ] || PATH=$1:$PATH; export LC_ALL=C; cd -- "$2" || exit 66; name=$3 python=$4; shift 4; umask 077; '
    "exec 9>submit.lock; if command -v flock >/dev/null; then flock -w 60 9; [ $? -ne 1 ] || exit 75; fi; "
    'id=$(cat array 2>/dev/null); [ -n "$id" ] || { '
    'found=$(squeue --me --noheader --states=all --name="$name" --format="%F|%T|%r") || exit 75; '
    'id=$(printf "%s\\n" "$found" | grep -v "|FAILED|BadConstraints" | sed -n "s/|.*//p" | head -n 1); }; '
    '[ -n "$id" ] || id=$(sbatch --chdir="$PWD" "$@" "$PWD/job.sh" "$PWD/tasks" "$python") || exit 70; '
    'id=${id%%;*}; printf "%s" "$id" >.array && mv .array array; at=0; '
    "while read -r task; do "
    'printf "{\\"id\\": \\"%s_%s\\"}\\n" "$id" "$at" >.task && ln .task "../../jobs/$task/slurm.json" 2>/dev/null; '
    "rm -f .task; at=$((at + 1)); done <tasks; cat array"
)
"""The same for an array: ``tasks`` in the directory lists one execution a line, and each one's directory gets its
note."""

MARK = (
    'cd -- "$1" 2>/dev/null || exit 0; rm -f slurm.cancel; set -C; echo asked >slurm.cancel; '
    "cat slurm.json 2>/dev/null || :"
)
"""``$1``: directory of a job that is to end. Its notebook may have put a link in the place of the mark: that goes, and
nothing is written through another one (``set -C``)."""

SURVEY = (
    '[ -z "$1" ] || PATH=$1:$PATH; export LC_ALL=C SLURM_TIME_FORMAT=standard; '
    'for name in sbatch squeue scontrol scancel sinfo; do command -v "$name" >/dev/null || echo "$name"; done; '
    'said=$(scontrol ping 2>&1); printf "\\036%s" "$said"; '
    'case $said in *" UP"*) ;; *) printf "\\036\\036\\036"; exit 0 ;; esac; '
    "printf '\\036'; sinfo --noheader --Node --Format='Partition:|,Available:|,Time:|,NodeHost:|,CPUsState:|,Memory:|,"
    "Gres:|,GresUsed:|' 2>&1; "
    "printf '\\036'; squeue --noheader --array --states=PENDING --format='%P' 2>/dev/null; "
    'printf \'\\036\'; [ -z "$2" ] || scontrol --oneliner show partition "$2" 2>/dev/null; exit 0'
)
"""``$1``: folder of Slurm's commands; ``$2``: partition, or nothing. Five answers, parted by record separators; a
controller that is away is asked nothing more, for each question would wait its ten seconds."""
