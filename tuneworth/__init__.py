"""Is fine-tuning worth it, or is a better prompt enough? From a file of example pairs to a verdict with its evidence.

    import tuneworth as tw

    clean = tw.curate_pairs(pairs, "style.yaml")     # a DataFrame or a file: clean splits, and a ledger of every row
    judged = tw.judge_outputs(clean.splits["test"], {"prompted": a, "tuned": b}, "style.yaml")
    run = tw.run_project("examples/components")      # curate, train, evaluate, report: the whole answer

Each name is imported at its first use; `__init__.pyi` lists them, docs/python.md shows them at work. The folders of the
pipeline are sub-packages: `tuneworth.curate`, `tuneworth.train`, `tuneworth.evaluate` and so on.
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
