"""Figures: what the runner counts about itself, as JSON for the panel and as text for Prometheus.

``requests``, ``failures`` and the latencies are about predictions only: a panel that looks every second must not
count as traffic.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from typing import Any

from workbench.serving.runner.follower import Follower
from workbench.serving.runner.prediction_log import PredictionLog

_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Figures:
    """Count requests and keep the latencies of the last thousand predictions."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.rows = 0
        self.latency_sum_s = 0.0
        self._latencies_s: deque[float] = deque(maxlen=1000)
        self._buckets = [0] * (len(_BUCKETS_S) + 1)
        self._by_status: Counter[int] = Counter()

    def count(self, status: int, elapsed_s: float) -> None:
        """Count one prediction request."""
        self.requests += 1
        self.failures += status >= 500
        self._by_status[status] += 1
        self.latency_sum_s += elapsed_s
        self._latencies_s.append(elapsed_s)
        self._buckets[bisect_left(_BUCKETS_S, elapsed_s)] += 1

    def quantile_ms(self, share: float) -> float:
        """Return a quantile of the last latencies in milliseconds; 0 before the first."""
        ordered = sorted(self._latencies_s)
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000, 4) if ordered else 0.0

    def as_json(self, follower: Follower, log: PredictionLog) -> dict[str, Any]:
        """Return what the panel shows."""
        served = follower.served
        return {
            "model_digest": served.model_digest if served else "",
            "release": served.release if served else "",
            "version": served.version if served else 0,
            "refusal": follower.refusal,
            "refused": follower.refused,
            "swaps": follower.swaps,
            "swap_ms": round(follower.swap_ms, 3),
            "requests": self.requests,
            "failures": self.failures,
            "rows": self.rows,
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
            "logged_rows": log.written,
            "dropped_rows": log.dropped,
            "log_fault": log.fault,
        }

    def as_prometheus(self, follower: Follower, log: PredictionLog) -> bytes:
        """Return the figures in Prometheus' text format 0.0.4."""
        served = follower.served
        labels = f'{{model_digest="{served.model_digest}",release="{served.release}"}}' if served else ""
        lines = ["# TYPE workbench_runner_requests_total counter"]
        lines += [
            f'workbench_runner_requests_total{{status="{status}"}} {count}'
            for status, count in sorted(self._by_status.items())
        ]
        for name, kind, value in (
            ("failures_total", "counter", self.failures),
            ("rows_total", "counter", self.rows),
            ("swaps_total", "counter", follower.swaps),
            ("refusals_total", "counter", follower.refusals),
            ("refused", "gauge", int(bool(follower.refusal))),
            ("last_swap_seconds", "gauge", follower.swap_ms / 1000),
            ("logged_rows_total", "counter", log.written),
            ("dropped_rows_total", "counter", log.dropped),
            ("log_off", "gauge", int(bool(log.fault))),
            ("ready", "gauge", int(served is not None)),
        ):
            lines += [f"# TYPE workbench_runner_{name} {kind}", f"workbench_runner_{name} {value}"]
        if labels:
            lines += ["# TYPE workbench_runner_model_info gauge", f"workbench_runner_model_info{labels} 1"]
        lines += self._histogram()
        return ("\n".join(lines) + "\n").encode()

    def _histogram(self) -> list[str]:
        name = "workbench_runner_request_seconds"
        lines, total = [f"# TYPE {name} histogram"], 0
        for bound, count in zip((*map(str, _BUCKETS_S), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{name}_sum {self.latency_sum_s}", f"{name}_count {total}"]
