"""What people type for processors, memory and time, and targets that cannot give it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from workbench.compute.needs import read_duration, read_memory, read_resources, require_capabilities, require_room
from workbench.compute.targets import Capability, TargetFigures
from workbench.contract.job import Resources
from workbench.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 << 30),
        ("8Gi", 8 << 30),
        ("8 GiB", 8 << 30),
        ("1.5GiB", 3 << 29),
        ("512MiB", 512 << 20),
        ("16GB", 16_000_000_000),
        ("5000kB", 5_000_000),
        ("1TiB", 1 << 40),
    ],
)
def test_memory_is_read_with_its_unit(text: str, size: int) -> None:
    assert read_memory(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8G", "8GiB or 8GB"),
        ("8g", "8GiB or 8GB"),
        ("8", "8GiB"),
        ("8 sheep", "8GiB"),
        ("-8GiB", "--memory 8GiB"),
        ("0GiB", "between"),
        ("500kB", "between"),
        ("99999999TiB", "between"),
        ("1e3GiB", "--memory 8GiB"),
        ("٨GiB", "--memory 8GiB"),
    ],
)
def test_memory_that_could_mean_two_things_is_asked_about(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_memory(text)
    assert refused.value.code == "resources-unreadable"
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h30m", 9_000), ("45m", 2_700), ("1d12h", 129_600), ("90s", 90), ("1d1h1m1s", 90_061)]
)
def test_a_time_limit_is_read(text: str, seconds: int) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["90", "2:30:00", "30m2h", "1h1h", "0s", "", "-1h", "1.5h", "999999d"])
def test_a_time_limit_that_could_mean_two_things_is_asked_about(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_duration(text)
    assert refused.value.code == "resources-unreadable"
    assert "2h30m" in refused.value.hint


def test_what_is_not_asked_for_is_zero() -> None:
    assert read_resources() == Resources()
    assert read_resources(cpus=2, memory="1GiB", gpus=1, time_limit="1h") == Resources(2, 1 << 30, 1, 3_600)
    with pytest.raises(UsageError, match="resources-unreadable"):
        read_resources(cpus=-1)


class Shelf:
    """A target that cannot limit anything."""

    name = "shelf"
    capabilities = frozenset({Capability.GPU})
    refusals: Mapping[Capability, str] = {Capability.LIMITS: "a shelf has no limits"}


@pytest.mark.parametrize("resources", [Resources(cpus=1), Resources(memory_bytes=1), Resources(time_limit_s=1)])
def test_a_target_refuses_in_its_own_words(resources: Resources) -> None:
    with pytest.raises(UsageError) as refused:
        require_capabilities(Shelf(), resources)  # type: ignore[arg-type]
    assert refused.value.code == "target-cannot"
    assert "a shelf has no limits" in refused.value.message


def test_what_a_target_can_do_is_not_refused() -> None:
    require_capabilities(Shelf(), Resources(gpus=1))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not offer 'array'"):
        require_capabilities(Shelf(), Resources(), Capability.ARRAY)  # type: ignore[arg-type]


class Bench(Shelf):
    """A target of one small machine."""

    capabilities = frozenset({Capability.GPU, Capability.LIMITS})

    def figures(self) -> TargetFigures:
        return TargetFigures(cpus=2, memory_bytes=4 << 30, free_disk_bytes=1, gpus=0)


@pytest.mark.parametrize(
    ("resources", "what"),
    [
        (Resources(cpus=3), "2 processors"),
        (Resources(memory_bytes=5 << 30), "4096 MiB of memory"),
        (Resources(gpus=1), "0 GPUs"),
    ],
)
def test_one_machine_refuses_what_it_does_not_have(resources: Resources, what: str) -> None:
    with pytest.raises(UsageError) as refused:
        require_room(Bench(), resources)  # type: ignore[arg-type]
    assert (refused.value.code, what in refused.value.message) == ("target-too-small", True)
    require_room(Bench(), Resources(cpus=2, memory_bytes=4 << 30, time_limit_s=5))  # type: ignore[arg-type]
