//! The panel of a fleet: who played where, and what is missing.

use super::tables;
use super::tables::headings;
use super::tables::row;
use crate::report::escape::html;
use crate::report::fleet;
use crate::report::view::View;

/// The content of the panel; `None` for a run on one machine.
pub(super) fn panel(view: &View) -> Option<String> {
    let fleet = view.summary.fleet.as_ref()?;
    let mut body = String::new();
    for agent in &fleet.agents {
        let cells = fleet::cells(agent).map(|cell| html(&cell));
        let class = |heading: &str| if heading.starts_with('#') { "n" } else { "" };
        let cells: Vec<(&str, &str)> = fleet::HEADINGS.iter().zip(&cells).map(|(heading, cell)| (class(heading), cell.as_str())).collect();
        row(&mut body, &cells);
    }
    let table = tables::table("The agents of the run", "data", &headings(&fleet::HEADINGS), &body);
    let why: String =
        fleet.agents.iter().filter(|a| !a.why.is_empty()).map(|a| format!("<li>shard {}: {}</li>", a.shard, html(&a.why))).collect();
    let why = if why.is_empty() { String::new() } else { format!("<ul>{why}</ul>\n") };
    Some(format!(
        "<p class=\"finding\">{}</p>\n{table}{why}<p>Clock: the controller's date less the agent's, and the most that this is wrong by. \
         Began: how long after the agreed instant. Latencies are differences on one machine's clock, so neither touches them.</p>\n",
        html(&fleet::line(&fleet.agents))
    ))
}
