"""The fault campaign: emails go through kills, freezes and lies, and each is accounted for.

`python -m bench.faults` (make faults). See docs/faults.md.
"""
