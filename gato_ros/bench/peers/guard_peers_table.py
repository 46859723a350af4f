"""What `bench guard-peers` measured, as a Markdown table."""

from __future__ import annotations

from typing import Any

OURS = "gato_ros guard"


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"The same {result['ticks']:,} commands at 100 Hz ({', '.join(result['kinds'])}; "
        f"{result['broken_states']} of them with a joint angle that cannot be).",
        "",
        "| fuzz | commands | not finite | outside its limits | moved | p50 / p99 per command |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["fuzz"]:
        if row["reason"]:
            lines.append(f"| {row['system']} | {row['reason']} | | | | |")
            continue
        parts = ", ".join(f"{row[name]:,} {name}" for name in ("speed", "acceleration", "position") if row.get(name))
        lines.append(
            f"| {row['system']} | {row['commands']:,} | {row['nonfinite']:,} | {row['outside']:,}"
            f"{f' ({parts})' if parts else ''} | {row['moving_share']:.0%} | {row['p50_us']:.0f} / "
            f"{row['p99_us']:.0f} us |"
        )
    lines += [
        f"| | {row['system']}: {row['loaded']} | | | | |"
        for row in result["fuzz"]
        if row.get("loaded") and "source" in row["loaded"]
    ]
    if result["kills"]:
        lines += [
            "",
            "| the policy is taken away | fault | last moving command | first command that stops | "
            "the caller gets control back | worst of |",
            "|---|---|---|---|---|---|",
        ]
    for row in result["kills"]:
        if row["reason"]:
            lines.append(f"| {row['system']} | {row['fault']} | {row['reason']} | | | |")
            continue
        never = f"never in {row['observed_s']:.0f} s"
        back = "not needed" if row["system"] == OURS else _ms(row["control_back_ms"], never)
        stops = never if row["control_back_ms"] is None else "never: it raises"
        lines.append(
            f"| {row['system']} | {row['fault']} | {_ms(row['last_moving_ms'], never)} | "
            f"{_ms(row['first_stopping_ms'], stops)} | {back} | {row['trials']} |"
        )
    return "\n".join(lines) + "\n"


def _ms(value: float | None, never: str) -> str:
    return never if value is None else f"{value:.0f} ms"
