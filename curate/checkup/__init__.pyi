from .checkup import check_pairs as check_pairs
from .finding import SEVERITIES as SEVERITIES
from .finding import Checkup as Checkup
from .finding import Example as Example
from .finding import Finding as Finding
from .propose import proposed_reading as proposed_reading
from .propose import proposing_columns as proposing_columns
