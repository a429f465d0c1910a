"""What is refused of a sweep before its first job."""

from __future__ import annotations

from tfmlflow.errors import UsageError
from tfmlflow.objective import resolved
from tfmlflow.sweep.leaderboard.leaderboard import FOLD
from tfmlflow.sweep.plan import Plan

NEVER_VARIED = ("sweep", "hydra", "objective")


def check(plan: Plan) -> None:
    """Compose and check every job that is known, or the ends of the space, before anything starts.

    Raises:
        UsageError: Names the jobs that are wrong.
    """
    for key in plan.space.keys:
        if key.split(".")[0] in NEVER_VARIED:
            raise UsageError(f"{key}: has to be the same in all jobs of a sweep; start one sweep for each value")
    plan.check_jobs([plan.space.point(lambda dimension: dimension.ends[0])])
    sampled = "sampler" in plan.said
    if FOLD in plan.space.keys and (sampled or plan.said["name"] == "random"):
        raise UsageError(
            f"{FOLD}: sweep={plan.said['name']} would look for the fold that is easiest; all folds of each "
            "configuration are trained with sweep=grid"
        )
    if not plan.space.dimensions and (sampled or plan.said["name"] == "random"):
        raise UsageError(f"sweep={plan.said['name']}: nothing varies; give a list or an interval: seed=1,2,3")
    if sampled:
        plan.trials  # noqa: B018
        plan.check_jobs(plan.space.ends())
    else:
        plan.check_jobs(plan.points)
    objective = plan.settings["objective"]
    if not plan.said.get("objectives") and resolved(str(objective["metric"]), str(objective["mode"])) is None:
        raise UsageError(
            f"objective.metric={objective['metric']}: nothing tells whether more or less is better, and a sweep "
            "has to know before its first job; add objective.mode=max, or min"
        )
    judged = "sampler" in plan.said or plan.said["pruner"] != "none"
    if plan.said["pruner"] != "none" and FOLD in plan.space.keys:
        raise UsageError(
            f"sweep.pruner={plan.said['pruner']}: would judge a configuration's fold by other folds, which may be "
            "easier; with data.fold set sweep.pruner=none"
        )
    if judged and len(plan.kinds) > 1:
        by = f"sweep={plan.said['name']}" if sampled else f"sweep.pruner={plan.said['pruner']}"
        raise UsageError(
            f"{by}: cannot learn from values that are not comparable: {plan.objectives[0][0]} between "
            f"{', '.join(plan.kinds[:4])}; start one sweep for each, or judge by another objective.metric"
        )
    if plan.said["pruner"] != "none" and len(plan.objectives) > 1:
        raise UsageError(f"sweep.pruner={plan.said['pruner']}: cannot judge by several sweep.objectives; set none")
