//! The same reports by brute force: every cell looked at, one by one, with none of the crate's own machinery.

use std::collections::BTreeMap;

use chrono::{Datelike, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use schema::{Basis, Measure, Measures};
use serde_json::{Value, json};

use super::Cell;

/// A filter as the test means it.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Is(&'static str, String),
    IsNot(&'static str, String),
    In(&'static str, Vec<String>),
    NotIn(&'static str, Vec<String>),
    Contains(&'static str, String),
    StartsWith(&'static str, String),
}

/// A tree of filters.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Check(Check),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl Tree {
    /// As the API takes it.
    pub(crate) fn document(&self) -> Value {
        let list = |trees: &[Self]| trees.iter().map(Self::document).collect::<Vec<_>>();
        match self {
            Self::Check(check) => check.document(),
            Self::All(trees) => json!({"all": list(trees)}),
            Self::Any(trees) => json!({"any": list(trees)}),
            Self::Not(tree) => json!({"not": tree.document()}),
        }
    }

    fn holds(&self, cell: &Cell) -> bool {
        match self {
            Self::Check(check) => check.holds(cell),
            Self::All(trees) => trees.iter().all(|tree| tree.holds(cell)),
            Self::Any(trees) => trees.iter().any(|tree| tree.holds(cell)),
            Self::Not(tree) => !tree.holds(cell),
        }
    }
}

impl Check {
    fn document(&self) -> Value {
        match self {
            // Both forms stand in trees.
            Self::Is(name, text) if text.len() % 2 == 0 => json!({"dimension": name, "is": text}),
            Self::IsNot(name, text) if text.len() % 2 == 0 => json!({"dimension": name, "is_not": text}),
            Self::In(name, texts) => json!({"dimension": name, "in": texts}),
            Self::NotIn(name, texts) => json!({"dimension": name, "not_in": texts}),
            Self::Contains(name, text) => json!({"dimension": name, "contains": text}),
            Self::StartsWith(name, text) => json!({"dimension": name, "starts_with": text}),
            Self::Is(..) | Self::IsNot(..) => json!(self.text()),
        }
    }

    /// As the API takes it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Is(name, text) => format!("{name}:is:{text}"),
            Self::IsNot(name, text) => format!("{name}:is_not:{text}"),
            Self::In(name, texts) => format!("{name}:in:{}", escaped(texts)),
            Self::NotIn(name, texts) => format!("{name}:not_in:{}", escaped(texts)),
            Self::Contains(name, text) => format!("{name}:contains:{text}"),
            Self::StartsWith(name, text) => format!("{name}:starts_with:{text}"),
        }
    }

    fn holds(&self, cell: &Cell) -> bool {
        match self {
            Self::Is(name, text) => value(cell, name) == text,
            Self::IsNot(name, text) => value(cell, name) != text,
            Self::In(name, texts) => texts.iter().any(|text| text == value(cell, name)),
            Self::NotIn(name, texts) => texts.iter().all(|text| text != value(cell, name)),
            Self::Contains(name, text) => value(cell, name).contains(text.as_str()),
            Self::StartsWith(name, text) => value(cell, name).starts_with(text.as_str()),
        }
    }
}

fn escaped(texts: &[String]) -> String {
    let escaped: Vec<_> = texts.iter().map(|text| text.replace('\\', r"\\").replace('|', r"\|")).collect();
    escaped.join("|")
}

/// The value of a dimension, by its name in the API.
pub(crate) fn value<'a>(cell: &'a Cell, name: &str) -> &'a str {
    match name {
        "subject" => &cell.subject,
        "sender" => &cell.sender,
        "sender_domain" => cell.sender_domain(),
        "recipient_domain" => &cell.domain,
        "mailbox_provider" => cell.provider(),
        "campaign" => &cell.campaign,
        field => cell.field(field.strip_prefix("field:").expect("a field")),
    }
}

/// Which cells count.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) account: String,
    pub(crate) basis: Basis,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) tz: Tz,
    pub(crate) checks: Vec<Check>,
    pub(crate) tree: Option<Tree>,
    pub(crate) by: Vec<&'static str>,
}

impl Question {
    fn counts(&self, cell: &Cell) -> bool {
        cell.account.as_str() == self.account
            && cell.basis == self.basis
            && (self.from..self.to).contains(&i64::from(cell.bucket))
            && self.checks.iter().all(|check| check.holds(cell))
            && self.tree.iter().all(|tree| tree.holds(cell))
    }

    fn key(&self, cell: &Cell) -> Vec<String> {
        let time = self.tz.timestamp_opt(cell.bucket.into(), 0).single().expect("a time");
        let value = |name: &&str| match *name {
            "day" => time.format("%Y-%m-%d").to_string(),
            "hour_of_day" => time.format("%H").to_string(),
            "weekday" => time.format("%A").to_string().to_lowercase(),
            name => value(cell, name).to_owned(),
        };
        self.by.iter().map(value).collect()
    }

    /// What orders groups that are equal: their keys, weekdays as they follow each other.
    pub(crate) fn rank(&self, key: &[String]) -> Vec<String> {
        let place = |day: &String| day.parse::<chrono::Weekday>().expect("a weekday").number_from_monday();
        let rank = |(name, value): (&&str, &String)| match *name {
            "weekday" => place(value).to_string(),
            _ => value.clone(),
        };
        self.by.iter().zip(key).map(rank).collect()
    }

    /// The measures of each group that has any.
    pub(crate) fn groups(&self, cells: &[Cell]) -> BTreeMap<Vec<String>, Measures> {
        let mut groups: BTreeMap<Vec<String>, Measures> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| self.counts(cell)) {
            let key = self.key(cell);
            *groups.entry(key).or_default() += &cell.measures;
        }
        groups.retain(|_, measures| Measure::ALL.iter().any(|measure| measures[*measure] != 0));
        groups
    }

    /// The measures by group and label of local time.
    pub(crate) fn series(&self, cells: &[Cell], interval: &str) -> BTreeMap<(Vec<String>, String), Measures> {
        let mut points: BTreeMap<(Vec<String>, String), Measures> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| self.counts(cell)) {
            let key = self.key(cell);
            *points.entry((key, label(self.tz, interval, cell.bucket.into()))).or_default() += &cell.measures;
        }
        points.retain(|_, measures| !measures.is_zero());
        points
    }
}

/// What names the interval of local time that a moment lies in; hours also by their offset.
pub(crate) fn label(tz: Tz, interval: &str, seconds: i64) -> String {
    let time = tz.timestamp_opt(seconds, 0).single().expect("a time");
    let date = time.date_naive();
    match interval {
        "15m" => seconds.to_string(),
        "hour" => format!("{date} {} {}", time.hour(), time.offset().fix()),
        "day" => date.to_string(),
        "week" => format!("{:?}", date.iso_week()),
        "month" => format!("{}-{}", date.year(), date.month()),
        other => panic!("no interval {other}"),
    }
}
