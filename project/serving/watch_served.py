"""One look at a served model: rows drawn, asked, scored like the recorded outputs, and kept."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl

from ...core import ConfigError, RunBroken, say, silent
from ...curate import DataSettings
from ...evaluate import (
    LEAST_ANSWERED,
    AnswerStore,
    RemotePlan,
    Scores,
    draw_rows,
    groups_by_id,
    look_at,
    open_answers,
    score_outputs,
    spent_on,
    standing_of,
)
from ..evaluation.verdicts import stated_by
from ..run import Run
from .asking import Served, bill, budget_of, check_asking, plan_asking, price_of, request
from .looks import History
from .recorded import Recorded, recorded

__all__ = ["Watcher"]
