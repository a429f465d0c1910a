"""A diagnosis in the terminal."""

from __future__ import annotations

from rich.console import Console

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.analysis.wording import plain
from tfmlflow.diagnosis.rules import HEALTHY, RULES, Diagnosis


def show(console: Console, run: StoredRun, said: Diagnosis, probed: bool) -> None:
    """Print the findings, causes first, what to try, and which rules were not judged."""
    console.print(f"{plain(run.name)}  {run.run_id}  {run.state}", style="bold", soft_wrap=True)
    for finding in said.findings:
        rule = finding.rule.replace("_", " ")
        console.print(f"\n{rule}", style="yellow", end="")
        console.print(f"  confidence {finding.confidence:.2f}", style="dim")
        console.print(f"  {plain(finding.sentence)}", soft_wrap=True)
        for word in finding.advice:
            console.print(f"  try {plain(word)}", style="green", soft_wrap=True)
    if not said.findings:
        console.print(HEALTHY)
    if said.not_judged:
        console.print(f"\n{said.judged} of {len(RULES)} rules judged; not judged:", style="dim")
        reasons: dict[str, list[str]] = {}
        for rule, why in said.not_judged.items():
            reasons.setdefault(why, []).append(rule.replace("_", " "))
        for why, rules in reasons.items():
            console.print(f"  {', '.join(rules)}: {plain(why)}", style="dim", soft_wrap=True)
        if not probed:
            console.print("  (a training by `tfmlflow train` leaves what they need in diagnosis.json)", style="dim")
