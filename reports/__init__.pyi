from .report import write_report as write_report
from .stored import read_run as read_run
