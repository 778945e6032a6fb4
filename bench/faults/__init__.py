"""The fault campaign: emails are sent through kills, freezes and lies, and every one is accounted for.

`python -m bench.faults` (make faults). See docs/faults.md.
"""
