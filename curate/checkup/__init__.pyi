from .checkup import check_pairs as check_pairs
from .findings import SEVERITIES as SEVERITIES
from .findings import Checkup as Checkup
from .findings import Example as Example
from .findings import Finding as Finding
from .propose import proposed_reading as proposed_reading
from .propose import proposing_columns as proposing_columns
