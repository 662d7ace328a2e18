"""Figures as Grafana's panels, boards as its JSON."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from deploy.observability.source.figures import Board, Figure, Query, Shape

SOURCE = DataSourceRef(type_val="prometheus", uid="$source")
TAG = "wharf"
WIDE, HIGH = 8, 8
NARROW, LOW = 4, 4
"""Sizes on Grafana's grid of 24 columns."""
Panel = timeseries.Panel | stat.Panel


def written(board: Board) -> str:
    """The dashboard's JSON, the same for the same board."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"wharf-{board.name}")
        .description(board.about)
        .tags([TAG])
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(_to_the_others())
        .with_variable(dashboard.DatasourceVariable("source").label("Data source").type("prometheus"))
        .with_variable(_runbooks())
    )
    for label, metric in board.choices:
        made = made.with_variable(_choice(label, metric))
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for figure in row.figures:
            made = made.with_panel(_panel(figure))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _to_the_others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Wharf").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)  # noqa: FBT003 - the library's switches


def _runbooks() -> dashboard.TextBoxVariable:
    about = "Where docs/runbooks is to be read: the address of your copy of the repository."
    return dashboard.TextBoxVariable("runbooks").label("Runbooks").description(about).default_value("/docs/runbooks")


def _choice(label: str, metric: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(label)
        .label(label.replace("_", " ").capitalize())
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003 - as above
        .include_all(True)  # noqa: FBT003 - as above
        .all_value(".*")
    )


def _panel(figure: Figure) -> Panel:
    made: Panel = _number() if figure.shape is Shape.NUMBER else _lines(stacked=figure.shape is Shape.STACKED)
    made = made.title(figure.title).description(f"{figure.question}\n\n{figure.how}").unit(figure.unit)
    made = made.datasource(SOURCE).thresholds(_thresholds(figure.bad_above)).targets(_targets(figure.queries))
    if figure.runbook:
        link = dashboard.DashboardLink(f"Runbook: {figure.runbook}").type(DashboardLinkType.LINK)
        made = made.links([link.url(f"${{runbooks}}/{figure.runbook}.md").target_blank(True)])  # noqa: FBT003 - as above
    return made


def _number() -> stat.Panel:
    return stat.Panel().height(LOW).span(NARROW)


def _lines(*, stacked: bool) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    made = timeseries.Panel().height(HIGH).span(WIDE).min(0).line_width(1).fill_opacity(20 if stacked else 5)
    made = made.legend(legend).tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    return made.stacking(common.StackingConfig().mode(StackingMode.NORMAL)) if stacked else made


def _thresholds(bad_above: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    if bad_above is not None:
        steps.append(Threshold(value=bad_above + 1e-9, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _targets(queries: Iterable[Query]) -> list[Builder[Dataquery]]:
    return [
        prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(chr(ord("A") + nth))
        for nth, query in enumerate(queries)
    ]
