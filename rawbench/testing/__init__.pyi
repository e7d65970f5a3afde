from .checks import CheckResult, check_names, run_checks
from .conformance import CodecConformance
from .dataset_contract import check_dataset
from .evidence import Limits
from .golden import write_golden
from .metric_contract import check_metric
from .processes import Launcher

__all__ = [
    "CheckResult",
    "CodecConformance",
    "Launcher",
    "Limits",
    "check_dataset",
    "check_metric",
    "check_names",
    "run_checks",
    "write_golden",
]
