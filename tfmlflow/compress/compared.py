"""A compressed model beside the one that it was made of, and whether what it costs is accepted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROWS = (
    *("size_bytes", "gzip_bytes", "sparsity"),
    *("latency_p50_ms", "latency_p95_ms", "latency32_p50_ms", "latency32_p95_ms"),
)


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        costs: `size_bytes`, `gzip_bytes`, `sparsity`, `latency_p50_ms` and so on.
        validation, test: Loss and metrics, by plain names.
    """

    costs: Mapping[str, float]
    validation: Mapping[str, float]
    test: Mapping[str, float]

    def metrics(self, prefix: str) -> dict[str, float]:
        """By their names in a run: `<prefix>/size_bytes`, `<prefix>/val/accuracy`."""
        found = {f"{prefix}/{name}": float(value) for name, value in self.costs.items()}
        found |= {f"{prefix}/val/{name}": value for name, value in self.validation.items()}
        return found | {f"{prefix}/test/{name}": value for name, value in self.test.items()}


@dataclass(frozen=True)
class Compared:
    """Both, measured on the same examples and machine.

    Attributes:
        before, after: The origin, and what was made of it.
        metric: Of the validation examples, by which it is accepted.
        mode: min or max.
        max_loss: Share of the origin's value that may be lost.
        agreement: As of `measured.agreement`.
    """

    before: Side
    after: Side
    metric: str
    mode: str
    max_loss: float
    agreement: Mapping[str, float] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Share of the origin's value that is lost; negative where it is better; infinite of what is no number."""
        was, now = self.before.validation[self.metric], self.after.validation[self.metric]
        worse = was - now if self.mode == "max" else now - was
        if not math.isfinite(worse):
            return math.inf
        return worse / abs(was) if was else (math.inf if worse > 0 else 0.0)

    @property
    def accepted(self) -> bool:
        """Whether it loses no more than it may."""
        return self.loss <= self.max_loss

    @property
    def verdict(self) -> str:
        """In one line, for a tag."""
        was, now = self.before.validation[self.metric], self.after.validation[self.metric]
        said = f"val/{self.metric} {was:.4g} -> {now:.4g}"
        if self.accepted:
            return f"accepted: {said}"
        if not math.isfinite(self.loss):
            return f"refused: {said}"
        return f"refused: {said}, {self.loss:.1%} worse; compress.max_loss={self.max_loss} allows {self.max_loss:.1%}"

    def metrics(self) -> dict[str, float]:
        """All of it, by the names that it has in a run."""
        found = self.before.metrics("origin") | self.after.metrics("compress")
        found |= {f"compress/{name}": value for name, value in self.agreement.items()}
        smaller = self.before.costs["size_bytes"] / self.after.costs["size_bytes"]
        return found | {"compress/size_ratio": smaller, "compress/loss_share": self.loss}

    def rows(self) -> Iterator[tuple[str, float, float]]:
        """Each figure before and after, for a table."""
        for name in ROWS:
            if name in self.before.costs:
                yield name, float(self.before.costs[name]), float(self.after.costs[name])
        for part in ("validation", "test"):
            was, now = getattr(self.before, part), getattr(self.after, part)
            for name in was:
                if name in now:
                    yield f"{'val' if part == 'validation' else part}/{name}", was[name], now[name]
