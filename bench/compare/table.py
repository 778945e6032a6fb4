"""Figures as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(
    rows: Sequence[str], columns: Sequence[str], speeds: Mapping[tuple[str, str], float]
) -> str:
    """A line for each row, a dash where there is no figure."""
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = [
            f"{speeds[row, column]:,.0f}" if (row, column) in speeds else "–" for column in columns
        ]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)
