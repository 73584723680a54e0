//! `postlens report latency` and `decay`: how long things took, and how openings and clicks came in.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::{Cell, Row as Line, Table};
use serde::Deserialize;

use super::{
    Query,
    answer::Frame,
    scope::Scope,
    table::{cut, empty, framed, number, right},
};
use crate::cli::{
    Failure,
    format::{grouped, percentage},
};

/// The ages of which a table of groups has a column: what fits a terminal.
const SHOWN: [&str; 6] = ["1h", "6h", "1d", "3d", "7d", "later"];

#[derive(Debug, Args)]
struct Groups {
    /// What to split by, as in a split [default: nothing, the total alone]
    #[arg(long, value_name = "DIM[,DIM]")]
    by: Option<String>,
    /// What to sort the groups by, `-` before it for descending [default: -queued]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The most groups to show; the others are summed up [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// End a CSV, NDJSON, XLSX or Parquet document with the total; the other formats show it anyway
    #[arg(long)]
    total: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Latency {
    /// Which latencies: `delivery`, `open`, `click`, separated by commas [default: all]
    #[arg(long, value_name = "NAMES")]
    of: Option<String>,
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    scope: Scope,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Decay {
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    scope: Scope,
}

impl Groups {
    fn query(&self) -> Query {
        let values = [
            ("by", self.by.clone()),
            ("sort", self.sort.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("total", self.total.then(|| "true".to_owned())),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Latency {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query = self.groups.query();
        query.extend(self.of.clone().map(|of| ("of", of)));
        self.scope.asked("/v1/reports/latency", query).shown(|answer: &LatencyAnswer| answer.render())
    }
}

impl Decay {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.scope.asked("/v1/reports/decay", self.groups.query()).shown(|answer: &DecayAnswer| answer.render())
    }
}

#[derive(Debug, Deserialize)]
struct LatencyAnswer {
    #[serde(flatten)]
    frame: Frame,
    by: Vec<String>,
    rows: Vec<Row>,
    remainder: Option<Remainder>,
    total: Latencies,
}

#[derive(Debug, Deserialize)]
struct Row {
    key: BTreeMap<String, String>,
    #[serde(flatten)]
    latencies: Latencies,
}

#[derive(Debug, Deserialize)]
struct Remainder {
    groups: u64,
    #[serde(flatten)]
    latencies: Latencies,
}

#[derive(Debug, Deserialize)]
struct Latencies {
    delivery: Option<Percentiles>,
    open: Option<Percentiles>,
    click: Option<Percentiles>,
}

#[derive(Debug, Deserialize)]
struct Percentiles {
    count: i64,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct DecayAnswer {
    #[serde(flatten)]
    frame: Frame,
    by: Vec<String>,
    groups: Vec<Curved>,
    remainder: Option<Others>,
    #[serde(flatten)]
    all: Curve,
}

#[derive(Debug, Deserialize)]
struct Curved {
    key: BTreeMap<String, String>,
    #[serde(flatten)]
    curve: Curve,
}

#[derive(Debug, Deserialize)]
struct Others {
    groups: u64,
    #[serde(flatten)]
    curve: Curve,
}

#[derive(Debug, Deserialize)]
struct Curve {
    delivered: i64,
    rows: Vec<Moment>,
}

#[derive(Debug, Deserialize)]
struct Moment {
    age: String,
    opened: i64,
    clicked: i64,
    opened_share: Option<f64>,
    clicked_share: Option<f64>,
}

impl Latencies {
    /// Those told, with their names.
    fn told(&self) -> impl Iterator<Item = (&'static str, &Percentiles)> {
        let all = [("delivery", &self.delivery), ("open", &self.open), ("click", &self.click)];
        all.into_iter().filter_map(|(name, told)| Some((name, told.as_ref()?)))
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        self.told().flat_map(|(_, told)| {
            let times = [told.p50, told.p90, told.p99].map(|time| right(&time.map_or_else(|| "–".to_owned(), took)));
            std::iter::once(right(&number(Some(told.count)))).chain(times)
        })
    }
}

impl LatencyAnswer {
    /// One line for each group, then what was cut and the total.
    fn render(&self) -> String {
        let mut table = empty();
        let names = self.total.told().flat_map(|(name, _)| ["count", "p50", "p90", "p99"].map(|what| (name, what)));
        let header = self.by.iter().map(|name| Cell::new(format!("\n{name}")));
        let header = header.chain(names.map(|(name, what)| right(&format!("{name}\n{what}"))));
        table.set_header(Line::from(header.collect::<Vec<_>>()));
        for row in &self.rows {
            table.add_row(line(group(&self.by, &row.key), row.latencies.cells()));
        }
        if let Some(rest) = &self.remainder {
            table.add_row(line(labelled(&self.by, &more(rest.groups)), rest.latencies.cells()));
        }
        table.add_row(line(labelled(&self.by, "total"), self.total.cells()));
        framed(&self.frame, table)
    }
}

fn line(key: Vec<Cell>, numbers: impl Iterator<Item = Cell>) -> Line {
    Line::from(key.into_iter().chain(numbers).collect::<Vec<_>>())
}

/// The key of a group.
fn group(by: &[String], key: &BTreeMap<String, String>) -> Vec<Cell> {
    by.iter().map(|name| Cell::new(cut(key.get(name).map_or("", String::as_str), 44))).collect()
}

/// A label in place of a key.
fn labelled(by: &[String], label: &str) -> Vec<Cell> {
    (0..by.len()).map(|place| Cell::new(if place == 0 { label } else { "" })).collect()
}

fn more(groups: u64) -> String {
    format!("({} {} more)", grouped(groups), if groups == 1 { "group" } else { "groups" })
}

impl DecayAnswer {
    /// Without groups one line for each age; else one for each group, what was cut and the total, with what was opened by a few ages.
    fn render(&self) -> String {
        if self.by.is_empty() {
            return framed(&self.frame, self.all.table())
                + &format!("\nof {} delivered\n", grouped(self.all.delivered));
        }
        let mut table = empty();
        let ages = self.all.rows.iter().filter(|row| SHOWN.contains(&row.age.as_str()));
        let header = self.by.iter().map(|name| Cell::new(format!("\n{name}"))).chain([right("\ndelivered")]);
        let header =
            header.chain(ages.map(|row| right(&format!("opened\n{}", row.age)))).chain([right("clicked\nlater")]);
        table.set_header(Line::from(header.collect::<Vec<_>>()));
        for row in &self.groups {
            table.add_row(line(group(&self.by, &row.key), row.curve.cells()));
        }
        if let Some(rest) = &self.remainder {
            table.add_row(line(labelled(&self.by, &more(rest.groups)), rest.curve.cells()));
        }
        table.add_row(line(labelled(&self.by, "total"), self.all.cells()));
        framed(&self.frame, table)
    }
}

impl Curve {
    fn table(&self) -> Table {
        let mut table = empty();
        let header = ["opened", "", "clicked", ""].map(right);
        table.set_header(Line::from(std::iter::once(Cell::new("younger than")).chain(header).collect::<Vec<_>>()));
        for row in &self.rows {
            let share = |share: Option<f64>| right(&percentage(share));
            table.add_row(Line::from(vec![
                Cell::new(&row.age),
                right(&number(Some(row.opened))),
                share(row.opened_share),
                right(&number(Some(row.clicked))),
                share(row.clicked_share),
            ]));
        }
        table
    }

    /// How many were delivered, and which shares were opened by the ages shown and clicked in the end.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        let opened = self.rows.iter().filter(|row| SHOWN.contains(&row.age.as_str())).map(|row| row.opened_share);
        let clicked = self.rows.last().and_then(|row| row.clicked_share);
        let shares = opened.chain([clicked]).map(|share| right(&percentage(share)));
        std::iter::once(right(&grouped(self.delivered))).chain(shares)
    }
}

/// A time for people: two to three digits.
fn took(seconds: f64) -> String {
    let (number, unit) = match seconds {
        seconds if seconds < 1.0 => (seconds * 1e3, "ms"),
        seconds if seconds < 60.0 => (seconds, "s"),
        seconds if seconds < 3_600.0 => (seconds / 60.0, "min"),
        seconds if seconds < 86_400.0 => (seconds / 3_600.0, "h"),
        seconds => (seconds / 86_400.0, "d"),
    };
    if number < 9.95 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = r#""from":"2026-11-01T00:00:00Z","to":"2026-11-08T00:00:00Z","tz":"UTC","basis":"sent","as_of":"2026-11-20T14:03:07.123Z""#;

    #[test]
    fn latencies_are_aligned_and_told_in_units_of_people() {
        let text = format!(
            r#"{{{FRAME},"by":["mailbox_provider"],"rows":[{{"key":{{"mailbox_provider":"gmail"}},
                "delivery":{{"count":9120,"p50":0.42,"p90":6.17,"p99":318.2}},"click":{{"count":0,"p50":null,"p90":null,"p99":null}}}}],
                "remainder":{{"groups":2,"delivery":{{"count":1,"p50":70911.0,"p90":361004.0,"p99":59.96}},
                "click":{{"count":0,"p50":null,"p90":null,"p99":null}}}},
                "total":{{"delivery":{{"count":9121,"p50":1.0,"p90":10.0,"p99":3600.0}},"click":{{"count":0,"p50":null,"p90":null,"p99":null}}}}}}"#
        );
        insta::assert_snapshot!(serde_json::from_str::<LatencyAnswer>(&text).unwrap().render());
    }

    #[test]
    fn a_decay_has_a_line_for_each_age() {
        let text = format!(
            r#"{{{FRAME},"by":[],"groups":[],"remainder":null,"delivered":10000,"notes":["Some note."],"rows":[
                {{"age":"1m","seconds":60,"opened":120,"clicked":9,"opened_share":0.012,"clicked_share":0.0009}},
                {{"age":"later","seconds":null,"opened":2604,"clicked":310,"opened_share":0.2604,"clicked_share":0.031}}]}}"#
        );
        insta::assert_snapshot!(serde_json::from_str::<DecayAnswer>(&text).unwrap().render());
    }

    #[test]
    fn a_decay_by_groups_has_a_line_for_each_group() {
        let rows = |delivered: i64, early: &str, late: &str| {
            format!(
                r#""delivered":{delivered},"rows":[
                {{"age":"1h","seconds":3600,"opened":1,"clicked":9,"opened_share":{early},"clicked_share":0.0009}},
                {{"age":"3h","seconds":10800,"opened":2,"clicked":9,"opened_share":0.9,"clicked_share":0.0009}},
                {{"age":"later","seconds":null,"opened":2604,"clicked":310,"opened_share":{late},"clicked_share":{late}}}]"#
            )
        };
        let text = format!(
            r#"{{{FRAME},"by":["campaign"],"groups":[
                {{"key":{{"campaign":"autumn"}},{}}},{{"key":{{"campaign":"refused"}},{}}}],"remainder":{{"groups":1,{}}},{}}}"#,
            rows(1_000, "0.012", "0.26"),
            rows(0, "null", "null"),
            rows(20, "0.5", "0.75"),
            rows(1_020, "0.1", "0.3")
        );
        insta::assert_snapshot!(serde_json::from_str::<DecayAnswer>(&text).unwrap().render());
    }
}
