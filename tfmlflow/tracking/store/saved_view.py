"""A saved view of MLflow's experiment page: which runs and columns it shows, and which charts.

The page's state lies in a tag of the experiment, as the page itself would save it (MLflow 3: `name`, `createdAt` and
the state, deflated; `savedViewUtils` and `ExperimentPageUIState` in MLflow's repository). A page that does not know
the format opens as it always does.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

PREFIX = "mlflow.sharedViewState."
OURS = "tfmlflow-"  # begin the keys of views that may be taken away again
ALL = "all"  # key of the view of a whole experiment
KEPT = 20  # others in an experiment
LONGEST = 20_000  # characters of an experiment's tag
CLOSED = (
    "best",
    "val",
    "train",
    "test",
    "batch",
    "perf",
    "system",
)  # the sections of the charts that MLflow makes itself
MOST_PARAMS = 12


@dataclass(frozen=True)
class SavedView:
    """What a page shows first.

    Attributes:
        name: In the page's list of saved views.
        metric: The number that runs are compared by, such as `best/objective`.
        mode: min or max.
        curve: The same by epoch, such as `val/loss`.
        params: In which the runs differ.
        filter: Chooses the runs, in MLflow's words.
        seeds: Names of params that only repeat a configuration; its other runs are shown as one, with their mean.
    """

    name: str
    metric: str
    mode: str
    curve: str
    params: Sequence[str]
    filter: str = ""
    seeds: Sequence[str] = ()

    @classmethod
    def read(cls, value: str) -> SavedView | None:
        """The view of a tag without a filter and seeds, None if it is not as `save` leaves it."""
        try:
            said = json.loads(value)
            state = json.loads(zlib.decompress(base64.b64decode(said["state"].removeprefix("deflate;"))))
            (curve,) = [chart["metricKey"] for chart in state["compareRunCharts"] if chart["type"] == "LINE"]
            metric, *params = [column.partition(".")[2].strip("`") for column in state["selectedColumns"]]
            view = cls(said["name"], metric, "min" if state["orderByAsc"] else "max", curve, params)
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error):
            return None
        return view if view.state() == state else None

    def state(self) -> dict[str, Any]:
        """Of the page."""
        settings = [key for key in self.params if key not in self.seeds][:MOST_PARAMS]
        grouped = bool(self.seeds and settings)
        return {
            "searchFilter": self.filter,
            "orderByKey": _column("metrics", self.metric),
            "orderByAsc": self.mode == "min",
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "selectedColumns": [
                _column("metrics", self.metric),
                *(_column("params", key) for key in self.params[:MOST_PARAMS]),
            ],
            "runsHiddenMode": "SHOW_ALL",
            "hideEmptyCharts": True,
            "useGroupedValuesInCharts": grouped,
            "groupBy": {"aggregateFunction": "average", "groupByKeys": [_by(key) for key in settings]}
            if grouped
            else None,
            "isAccordionReordered": True,
            "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
            "compareRunSections": [_section("comparison", True), *(_section(name, False) for name in CLOSED)],
            "compareRunCharts": [*self._charts(settings)],
        }

    def _charts(self, settings: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        charts: list[Mapping[str, Any]] = []
        if settings:
            charts.append(
                _chart("parallel", "PARALLEL", selectedParams=settings, selectedMetrics=[self.metric], showAllRuns=True)
            )
        as_it_is = {"lineSmoothness": 0, "useGlobalLineSmoothing": False}  # MLflow smooths curves by itself
        charts.append(_chart("curve", "LINE", metricKey=self.curve, selectedMetricKeys=[self.curve], **as_it_is))
        charts.append(_chart("best", "BAR", metricKey=self.metric, runsCountToCompare=20))
        return charts

    def save(self, client: MlflowClient, experiment_id: str, key: str) -> None:
        """Into the experiment, where an older one of the same key stood; the oldest of ours make room.

        Raises:
            MlflowException: The store does not take it.
        """
        state = zlib.compress(json.dumps(self.state()).encode(), 9)
        now = int(time.time() * 1000)
        said = {"name": self.name, "createdAt": now, "updatedAt": now}
        value = json.dumps(said | {"state": "deflate;" + base64.b64encode(state).decode()})
        if len(value) > LONGEST:
            raise MlflowException(
                f"a view of so many runs has {len(value)} characters, and {LONGEST} is what a tag takes"
            )
        client.set_experiment_tag(experiment_id, PREFIX + OURS + key, value)
        tags = client.get_experiment(experiment_id).tags
        views = {k: v for k, v in tags.items() if k.startswith(PREFIX + OURS) and k != PREFIX + OURS + ALL}
        for old in sorted(views, key=lambda k: _created(views[k]))[: max(0, len(views) - KEPT)]:
            client.delete_experiment_tag(experiment_id, old)

    def save_once(self, client: MlflowClient, experiment_id: str) -> None:
        """As the experiment's own, if it has none yet.

        Raises:
            MlflowException: The store does not take it.
        """
        if PREFIX + OURS + ALL not in client.get_experiment(experiment_id).tags:
            self.save(client, experiment_id, ALL)


def path(experiment_id: str, key: str) -> str:
    """Of the page with a saved view, in the MLflow UI."""
    query = {"viewStateShareKey": OURS + key, "compareRunsMode": "CHART", "workflowType": "machine_learning"}
    return f"#/experiments/{experiment_id}/runs?{urlencode(query)}"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _by(key: str) -> dict[str, str]:
    return {"mode": "param", "groupByData": key}


def _section(name: str, opened: bool) -> dict[str, Any]:
    about = {"isReordered": False, "deleted": False, "isGenerated": False, "columns": 2, "cardHeight": 400}
    return {"uuid": f"{OURS}{name}", "name": name, "display": opened, **about}


def _chart(name: str, kind: str, **more: Any) -> dict[str, Any]:
    about = {"metricSectionId": f"{OURS}comparison", "deleted": False, "isGenerated": False}
    return {"uuid": f"{OURS}{name}", "type": kind, "runsCountToCompare": 100, **about, **more}


def _created(value: str) -> int:
    try:
        return int(json.loads(value)["createdAt"])
    except (ValueError, KeyError, TypeError):
        return 0
