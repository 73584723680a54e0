//! What can be asked of the count, the same that can be asked of the service: a split by any dimensions, both bases, a range, filters.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use schema::{Basis, Dimension};

use super::{
    count::{Counted, Counts},
    time::Interval,
};

/// What the value of a dimension must be. The empty text is the empty value.
#[derive(Clone, Debug)]
pub enum Test {
    /// This value.
    Is(String),
    /// Any value but this.
    IsNot(String),
    /// One of these.
    In(Vec<String>),
    /// A value with this text inside.
    Contains(String),
    /// A value that begins with this text.
    StartsWith(String),
}

/// A condition on deliveries.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The dimension looked at.
    pub dimension: Dimension,
    /// What its value must be.
    pub test: Test,
}

impl Filter {
    pub(super) fn holds(&self, value: &str) -> bool {
        match &self.test {
            Test::Is(text) => value == text,
            Test::IsNot(text) => value != text,
            Test::In(texts) => texts.iter().any(|text| value == text),
            Test::Contains(text) => value.contains(text),
            Test::StartsWith(text) => value.starts_with(text),
        }
    }

    /// As the API takes it.
    #[must_use]
    pub fn text(&self) -> String {
        let shown = |text: &String| if text.is_empty() { Dimension::NONE.to_owned() } else { text.clone() };
        let escaped = |text: &String| shown(text).replace('\\', r"\\").replace('|', r"\|");
        let (op, value) = match &self.test {
            Test::Is(text) => ("is", shown(text)),
            Test::IsNot(text) => ("is_not", shown(text)),
            Test::In(texts) => ("in", texts.iter().map(escaped).collect::<Vec<_>>().join("|")),
            Test::Contains(text) => ("contains", text.clone()),
            Test::StartsWith(text) => ("starts_with", text.clone()),
        };
        format!("{}:{op}:{value}", self.dimension)
    }
}

/// A question to the service and to the count.
#[derive(Clone, Debug)]
pub struct Question {
    /// The dimensions to split by.
    pub by: Vec<Dimension>,
    /// The clock.
    pub basis: Basis,
    /// The first moment, on a quarter of an hour.
    pub from: DateTime<Utc>,
    /// The moment after the last.
    pub to: DateTime<Utc>,
    /// What deliveries must be like.
    pub filters: Vec<Filter>,
    /// The most groups to show.
    pub limit: usize,
}

impl Question {
    /// As parameters of a URL.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let by: Vec<_> = self.by.iter().map(ToString::to_string).collect();
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut parameters =
            vec![("from", time(self.from)), ("to", time(self.to)), ("basis", self.basis.name().to_owned())];
        if !by.is_empty() {
            parameters.extend([("by", by.join(",")), ("limit", self.limit.to_string())]);
        }
        parameters.extend(self.filters.iter().map(|filter| ("filter", filter.text())));
        parameters
    }

    /// The same of the period as long as this one that ends where it begins.
    #[must_use]
    pub fn previous(&self) -> Self {
        Self { from: self.from - (self.to - self.from), to: self.from, ..self.clone() }
    }

    /// The period as `compare` takes it.
    #[must_use]
    pub fn period(&self) -> String {
        let [from, to] = [self.from, self.to].map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
        format!("{from}..{to}")
    }

    pub(super) fn covers(&self, time: i64) -> bool {
        (self.from.timestamp_millis()..self.to.timestamp_millis()).contains(&time)
    }
}

/// The values of a group's dimensions.
pub type Key = Vec<String>;

/// Every delivery of an account, counted.
#[derive(Clone, Debug)]
pub struct Tally {
    deliveries: Vec<Counted>,
}

impl Tally {
    pub(super) const fn of(deliveries: Vec<Counted>) -> Self {
        Self { deliveries }
    }

    /// How many deliveries there are.
    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.deliveries.len()
    }

    /// Every group of the split, whatever the question's limit.
    #[must_use]
    pub fn split(&self, question: &Question) -> BTreeMap<Key, Counts> {
        let mut groups: BTreeMap<Key, Counts> = BTreeMap::new();
        self.each(question, |key, measure, _, _| groups.entry(key.clone()).or_default().add_one(measure));
        groups
    }

    /// Who stands behind each number of the split.
    #[must_use]
    pub fn people(&self, question: &Question) -> BTreeMap<Key, BTreeMap<&'static str, BTreeSet<String>>> {
        let mut groups: BTreeMap<Key, BTreeMap<&'static str, BTreeSet<String>>> = BTreeMap::new();
        self.each(question, |key, measure, _, recipient| {
            let people = groups.entry(key.clone()).or_default().entry(measure.name()).or_default();
            people.insert(recipient.to_owned());
        });
        groups
    }

    /// Every group of the series by the beginnings of its rows; rows in which nothing happened are absent.
    #[must_use]
    pub fn series(&self, question: &Question, tz: Tz, interval: Interval) -> BTreeMap<Key, BTreeMap<String, Counts>> {
        let mut groups: BTreeMap<Key, BTreeMap<String, Counts>> = BTreeMap::new();
        let mut rows = Rows::new(tz, interval);
        self.each(question, |key, measure, time, _| {
            let row = rows.of(time);
            groups.entry(key.clone()).or_default().entry(row).or_default().add_one(measure);
        });
        groups
    }

    /// The deliveries that the question speaks of by when they were sent: each with its key and its latencies.
    pub(super) fn latencies(&self, question: &Question) -> impl Iterator<Item = (Key, [Option<i64>; 3])> {
        let told = self.deliveries.iter().filter(move |delivery| {
            let value = |dimension: &Dimension| delivery.attributes.value(dimension);
            question.filters.iter().all(|filter| filter.holds(value(&filter.dimension)))
                && question.covers(delivery.latencies().0)
        });
        told.map(move |delivery| {
            let key = question.by.iter().map(|dimension| delivery.attributes.value(dimension).to_owned());
            (key.collect(), delivery.latencies().1)
        })
    }

    fn each(&self, question: &Question, mut count: impl FnMut(&Key, schema::Measure, i64, &str)) {
        for delivery in &self.deliveries {
            let value = |dimension: &Dimension| delivery.attributes.value(dimension);
            if !question.filters.iter().all(|filter| filter.holds(value(&filter.dimension))) {
                continue;
            }
            let key = question.by.iter().map(|dimension| value(dimension).to_owned()).collect();
            for (measure, time) in delivery.entries(question.basis).filter(|(_, time)| question.covers(*time)) {
                count(&key, measure, time, &delivery.recipient);
            }
        }
    }
}

/// Names rows, remembering them by the quarter of an hour: offsets are whole quarters.
struct Rows {
    tz: Tz,
    interval: Interval,
    known: BTreeMap<i64, String>,
}

impl Rows {
    const fn new(tz: Tz, interval: Interval) -> Self {
        Self { tz, interval, known: BTreeMap::new() }
    }

    fn of(&mut self, time: i64) -> String {
        let (tz, interval) = (self.tz, self.interval);
        let quarter = time.div_euclid(900_000);
        let name = || interval.start(tz, quarter * 900_000).to_rfc3339_opts(SecondsFormat::Secs, true);
        self.known.entry(quarter).or_insert_with(name).clone()
    }
}

/// The beginnings of all rows of a series in their order, also of those in which nothing happened.
#[must_use]
pub fn rows(question: &Question, tz: Tz, interval: Interval) -> Vec<String> {
    let mut starts = BTreeSet::new();
    let mut time = question.from.timestamp_millis();
    while time < question.to.timestamp_millis() {
        starts.insert(interval.start(tz, time));
        time += 900_000;
    }
    starts.into_iter().map(|start| start.to_rfc3339_opts(SecondsFormat::Secs, true)).collect()
}
