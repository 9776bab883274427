"""The served model of a run: exported, checked, watched."""
