"""What Slurm's words mean, for the situations that one healthy node cannot show."""

from __future__ import annotations

import pytest

from workbench.compute.folder import Exit
from workbench.compute.slurm.batch import batch_words, refusal
from workbench.compute.slurm.cluster import check_cluster, count_gpus, read_survey
from workbench.compute.slurm.options import SlurmOptions
from workbench.compute.slurm.states import (
    Left,
    Seen,
    positions,
    read_queue,
    status_alive,
    status_ended,
    status_silent,
    waiting_reason,
)
from workbench.contract.status import JobState

FINE, WRONG = Exit(0, "", ""), Exit(1, "cell_error", "KeyError: 'x'")
STOPPED, DEAD = Exit(143, "cancelled", ""), Exit(137, "DeadKernelError", "DeadKernelError: killed")


@pytest.mark.parametrize(
    ("state", "left", "expected"),
    [
        ("COMPLETED", Left(FINE), (JobState.SUCCEEDED, "")),
        ("NODE_FAIL", Left(FINE), (JobState.SUCCEEDED, "")),  # its last word was written before
        ("FAILED", Left(WRONG), (JobState.FAILED, "cell_error")),
        ("TIMEOUT", Left(WRONG), (JobState.FAILED, "cell_error")),
        ("TIMEOUT", Left(STOPPED), (JobState.FAILED, "timeout")),
        ("TIMEOUT", Left(), (JobState.FAILED, "timeout")),
        ("FAILED", Left(STOPPED, is_timed_out=True), (JobState.FAILED, "timeout")),
        ("FAILED", Left(STOPPED, is_timed_out=True, is_cancel_asked=True), (JobState.CANCELLED, "cancelled")),
        ("FAILED", Left(STOPPED), (JobState.CANCELLED, "cancelled")),
        ("CANCELLED", Left(), (JobState.CANCELLED, "cancelled")),
        ("CANCELLED", Left(DEAD), (JobState.CANCELLED, "cancelled")),
        ("PREEMPTED", Left(STOPPED), (JobState.PREEMPTED, "Preempted")),
        ("PREEMPTED", Left(), (JobState.PREEMPTED, "Preempted")),
        ("NODE_FAIL", Left(), (JobState.LOST, "NodeFail")),
        ("BOOT_FAIL", Left(), (JobState.LOST, "NodeFail")),
        ("OUT_OF_MEMORY", Left(DEAD), (JobState.FAILED, "OOMKilled")),
        ("OUT_OF_MEMORY", Left(), (JobState.FAILED, "OOMKilled")),
        ("FAILED", Left(DEAD), (JobState.FAILED, "DeadKernelError")),
        ("FAILED", Left(slurm_log="error: Detected 1 oom_kill event"), (JobState.FAILED, "OOMKilled")),
        ("FAILED", Left(slurm_log="error: Exceeded job memory limit"), (JobState.FAILED, "OOMKilled")),
        ("DEADLINE", Left(), (JobState.FAILED, "timeout")),
        ("COMPLETED", Left(is_cancel_asked=True), (JobState.CANCELLED, "cancelled")),
    ],
)
def test_an_end_is_told_from_both_sides(state, left, expected) -> None:
    status = status_ended(Seen("7", state, ""), left)
    assert status is not None
    assert (status.state, status.reason) == expected


def test_without_a_last_word_nothing_is_concluded_at_once() -> None:
    assert status_ended(Seen("7", "COMPLETED", ""), Left()) is None
    assert status_ended(None, Left()) is None
    assert status_silent(None, Left()).state is JobState.LOST
    assert status_silent(Seen("7", "FAILED", ""), Left()).reason == "RunnerDied"
    full = Left(runner_log="OSError: [Errno 28] No space left on device\n")
    assert status_silent(Seen("7", "FAILED", ""), full).reason == "disk-full"
    forgotten = status_ended(None, Left(WRONG))
    assert forgotten is not None
    assert forgotten.reason == "cell_error"
    gone = status_ended(None, Left(is_cancel_asked=True))
    assert gone is not None
    assert gone.state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("state", "has_events", "expected"),
    [
        ("PENDING", False, JobState.QUEUED),
        ("CONFIGURING", False, JobState.STARTING),
        ("RUNNING", False, JobState.STARTING),
        ("RUNNING", True, JobState.RUNNING),
        ("COMPLETING", True, JobState.RUNNING),
        ("SUSPENDED", True, JobState.RUNNING),
        ("REQUEUED", True, JobState.QUEUED),
    ],
)
def test_states_on_the_way(state, has_events, expected) -> None:
    assert status_alive(Seen("7", state, ""), Left(has_events=has_events), 0).state is expected


@pytest.mark.parametrize("reason", ["Priority", "Resources", "Dependency", "JobArrayTaskLimit", "Licenses", ""])
def test_what_time_will_mend_is_said_as_it_is(reason) -> None:
    assert waiting_reason(reason) == reason


@pytest.mark.parametrize(
    "reason",
    [
        "PartitionTimeLimit",
        "ReqNodeNotAvail, UnavailableNodes:gpu[1-3]",
        "BadConstraints",
        "QOSMaxCpuPerJobLimit",
        "AssocMaxWallDurationPerJobLimit",
        "QOSMinGRES",
        "JobHeldUser",
    ],
)
def test_what_time_will_not_mend_is_unschedulable(reason) -> None:
    assert waiting_reason(reason).startswith(f"Unschedulable: {reason}: ")


@pytest.mark.parametrize("reason", ["QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit", "QOSMaxCpuPerUserLimit"])
def test_a_limit_that_others_use_up_is_waited_for(reason) -> None:
    assert waiting_reason(reason) == reason


def test_places_go_by_priority_and_then_by_number() -> None:
    queue = read_queue(
        "12|PENDING|Priority||10|gpu\n9|PENDING|Resources||10|gpu\n30_1|PENDING|Priority||99|gpu\n"
        "30_11|PENDING|Priority||99|gpu\n30_2|PENDING|Priority||99|gpu\n4|PENDING|Resources||1|cpu\n"
    )
    assert positions(queue.values()) == {"30_1": 1, "30_2": 2, "30_11": 3, "9": 4, "12": 5, "4": 1}


@pytest.mark.parametrize(
    ("gres", "count"),
    [
        ("gpu:2", 2),
        ("gpu:a100:4(S:0-1)", 4),
        ("gpu:a100:4(S:0,2),gpu:t4:1", 5),
        ("gpu:a100:2(IDX:0-1)", 2),
        ("gpu:0(IDX:N/A)", 0),
        ("license:3,shard:8", 0),
        ("(null)", 0),
    ],
)
def test_gpus_are_counted(gres, count) -> None:
    assert count_gpus(gres) == count


PING = "Slurmctld(primary) at ctl is UP"
SINFO = """gpu*|up|1-00:00:00|n1|4/28/0/32|250000|gpu:a100:4(S:0-1)|gpu:a100:3(IDX:0-2)|
gpu*|up|1-00:00:00|n2|0/0/32/32|250000|gpu:a100:4(S:0-1)|gpu:a100:0(IDX:N/A)|
old|down|infinite|n1|4/28/0/32|250000|(null)|(null)|
"""


def survey(missing="", ping=PING, sinfo=SINFO, waiting="gpu\ngpu\n", partition=""):
    return read_survey("\x1e".join([missing, ping, sinfo, waiting, partition]))


def test_a_survey_counts_what_is_there_and_what_is_free() -> None:
    found = survey(partition="PartitionName=gpu MaxTime=1-00:00:00 MaxNodes=UNLIMITED MaxMemPerNode=4096 Nodes=n1")
    gpu = found.partition("")
    assert gpu is not None
    assert (gpu.name, gpu.waiting, sum(node.cpus for node in gpu.nodes)) == ("gpu", 2, 64)
    assert (sum(node.cpus_free for node in gpu.nodes), sum(node.gpus_free for node in gpu.nodes)) == (28, 5)
    assert found.limits == "one job gets at most 1-00:00:00 time, 4096 MiB of memory"


@pytest.mark.parametrize(
    ("found", "wanted", "name", "hint"),
    [
        (survey(missing="sbatch\nsinfo"), "", "commands", "bin ="),
        (survey(ping="Slurmctld(primary) at ctl is DOWN"), "", "controller", "scontrol ping"),
        (survey(sinfo="slurm_load_partitions: Unable to contact slurm controller"), "", "controller", "scontrol ping"),
        (survey(), "gpus", "partition-missing", "did you mean 'gpu'?"),
        (survey(), "old", "partition", "known: gpu"),
        (survey(sinfo=SINFO.replace("*", "")), "", "partition-missing", "known: gpu, old"),
    ],
)
def test_what_stands_in_the_way_is_found_with_what_mends_it(found, wanted, name, hint) -> None:
    last = check_cluster(found, wanted, "cluster", "scontrol ping")[-1]
    assert (last.name, last.is_ok, hint in last.hint) == (name, False, True), last


def test_a_batch_job_asks_for_what_the_job_asks_for_and_takes_no_surroundings_along() -> None:
    options = SlurmOptions(partition="gpu", account="vision", extra=("--mail-type=END",))
    resources = {"cpus": 4, "memory_bytes": (1 << 30) + 1, "gpus": 2, "time_limit_s": 90}
    words = batch_words("jb-1", {"notebook": "a b.ipynb", "resources": resources}, options)
    assert {"--cpus-per-task=4", "--mem=1025M", "--gres=gpu:2", "--time=2", "--export=NONE"} <= set(words)
    assert {"--partition=gpu", "--account=vision", "--no-requeue", "--job-name=jb-1"} <= set(words)
    assert words[-1] == "--mail-type=END"
    assert not any(word.startswith(("--qos", "--constraint")) for word in words)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", "partition-missing"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
         "account-refused"),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "qos-refused"),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates "
         "accounting/QOS policy (job submit limit, user's size and/or time limits)", "quota-exceeded"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available",
         "target-too-small"),
        ("sbatch: error: something new", "slurm-refused"),
        ("", "slurm-refused"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_name_and_a_way_out(said, code) -> None:
    error = refusal(said, SlurmOptions(partition="x", account="y", qos="z"), "cluster", "sinfo")
    assert (error.code, bool(error.message), bool(error.hint)) == (code, True, True)
