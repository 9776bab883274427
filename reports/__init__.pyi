from .report import write_report as write_report
from .stored import read_run as read_run
from .terminal import curated_text as curated_text
from .terminal import derivation_text as derivation_text
from .terminal import money_text as money_text
from .terminal import verdict_text as verdict_text
