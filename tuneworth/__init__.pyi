from .core import ConfigError as ConfigError
from .core import DataError as DataError
from .core import GateFailed as GateFailed
from .core import ModelError as ModelError
from .core import RunBroken as RunBroken
from .core import TuneworthError as TuneworthError
from .curate import Curated as Curated
from .curate import CurateSettings as CurateSettings
from .curate import Explanation as Explanation
from .evaluate import Money as Money
from .project import CheckedStyle as CheckedStyle
from .project import Run as Run
from .project import Training as Training
from .project import check_style as check_style
from .project import compute_roi as compute_roi
from .project import curate_pairs as curate_pairs
from .project import curate_project as curate_project
from .project import evaluate_run as evaluate_run
from .project import explain_row as explain_row
from .project import infer_style as infer_style
from .project import judge_outputs as judge_outputs
from .project import report_run as report_run
from .project import run_project as run_project
from .project import train_adapter as train_adapter
from .style import InferredStyle as InferredStyle

__version__: str
