"""The whole table of bad days, room by room; every door is asked for every row."""

from __future__ import annotations

from tests.bad_day import situations
from tests.bad_day.cases import data, jobs, reviews, runs, serving

CASES = (*situations.CASES, *runs.CASES, *data.CASES, *jobs.CASES, *reviews.CASES, *serving.CASES)
