//! What `intervals=true` adds: of every rate and row what its definition gives of the numbers shown, found by brute force and not by
//! the formulas of the crate: Wilson's bounds by trying, Fisher's probability by counting all tables, adjusted ones by their definition.

use std::collections::BTreeMap;

use proptest::prelude::*;
use query::{ReportSpec, SplitRequest};
use schema::Basis;
use serde_json::Value;

use crate::{
    generate::{question, request},
    judge::Judgement,
    properties::{Given, holds},
};

/// The rates (METRICS.md, "Rates") that say how they differ from the rest whoever tells of complaints.
const RATES: [(&str, &str, &str); 8] = [
    ("delivery_rate", "delivered", "queued"),
    ("failure_rate", "failed", "queued"),
    ("pending_rate", "pending", "queued"),
    ("secured_rate", "secured", "queued"),
    ("open_rate", "opened", "delivered"),
    ("ctr", "clicked", "delivered"),
    ("ctor", "clicked", "opened"),
    ("unsubscribe_rate", "unsubscribed", "delivered"),
];
/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.959_963_984_540_054;
/// Of the differences that are marked, this part may be chance.
const CHANCE: f64 = 0.05;

/// So many of so many, if it is a part of a whole.
type Part = Option<(i64, i64)>;

fn part(measures: &Value, (count, among): (&str, &str)) -> (i64, i64) {
    (measures[count].as_i64().unwrap(), measures[among].as_i64().unwrap())
}

fn proper((count, among): (i64, i64)) -> Part {
    (among > 0 && (0..=among).contains(&count)).then_some((count, among))
}

/// The rates with which the one observed is within the deviations that chance has: where that begins and ends, found by halving.
fn wilson((count, among): (i64, i64)) -> [f64; 2] {
    let seen = count as f64 / among as f64;
    let within = |rate: f64| (seen - rate).powi(2) <= Z * Z * rate * (1.0 - rate) / among as f64;
    [0.0, 1.0].map(|far: f64| {
        if within(far) || far.to_bits() == seen.to_bits() {
            return far;
        }
        let (mut outside, mut inside) = (far, seen);
        for _ in 0..200 {
            let middle = f64::midpoint(outside, inside);
            if within(middle) { inside = middle } else { outside = middle }
        }
        inside
    })
}

/// Logarithms of factorials.
struct Factorials(Vec<f64>);

impl Factorials {
    fn up_to(most: i64) -> Self {
        let numbers = (1..=most).scan(0.0, |sum, number| {
            *sum += (number as f64).ln();
            Some(*sum)
        });
        Self(std::iter::once(0.0).chain(numbers).collect())
    }

    fn chosen(&self, count: i64, among: i64) -> f64 {
        let of = |number: i64| self.0[usize::try_from(number).unwrap()];
        of(among) - of(count) - of(among - count)
    }

    /// All tables with these sums that are no more probable than this one.
    fn fisher(&self, (a, n): (i64, i64), (b, m): (i64, i64)) -> f64 {
        let counted = a + b;
        let probability =
            |count: i64| (self.chosen(count, n) + self.chosen(counted - count, m) - self.chosen(counted, n + m)).exp();
        let found = probability(a) * (1.0 + 1e-7);
        let tables = ((counted - m).max(0)..=n.min(counted)).map(probability);
        tables.filter(|probability| *probability <= found).sum::<f64>().min(1.0)
    }
}

/// Of so many probabilities, the least rate of false discoveries at which each is one (Y. Benjamini and Y. Hochberg, 1995).
fn adjusted(all: &[f64], one: f64) -> f64 {
    let rank = |limit: f64| all.iter().filter(|other| **other <= limit).count() as f64;
    let rates = all.iter().filter(|other| **other >= one).map(|other| other * all.len() as f64 / rank(*other));
    rates.fold(1.0, f64::min)
}

fn close(found: &Value, wanted: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - wanted).abs() <= 1e-9 + wanted.abs() * 1e-6)
}

/// Every rate of an entry has the bounds of its numbers, or none.
fn bounds(entry: &Value, basis: Basis) -> Judgement {
    for (rate, count, among) in RATES {
        let found = &entry["intervals"][rate];
        match proper(part(&entry["measures"], (count, among))).filter(|_| basis == Basis::Sent) {
            None => prop_assert!(found.is_null(), "{}: {}", rate, found),
            Some(part) => {
                let [low, high] = wilson(part);
                prop_assert!(close(&found["low"], low) && close(&found["high"], high), "{rate} {part:?}: {found}");
            }
        }
    }
    Ok(())
}

fn differences(document: &Value) -> Judgement {
    let rows = document["rows"].as_array().unwrap();
    for (rate, count, among) in RATES {
        let whole = part(&document["total"]["measures"], (count, among));
        let pairs = rows.iter().map(|row| {
            let of_row = part(&row["measures"], (count, among));
            proper(of_row).zip(proper((whole.0 - of_row.0, whole.1 - of_row.1)))
        });
        let pairs: Vec<_> = pairs.collect();
        let factorials = Factorials::up_to(whole.1.abs() * 2 + 1_000);
        let told = |place: usize| &rows[place]["differences"][rate];
        let mut all = BTreeMap::new();
        for (place, pair) in pairs.iter().enumerate() {
            let Some((row, rest)) = *pair else {
                prop_assert!(told(place).is_null(), "{}: {}", rate, told(place));
                continue;
            };
            let p = factorials.fisher(row, rest);
            prop_assert!(close(&told(place)["p"], p), "{rate} {row:?} {rest:?}: {p} {}", told(place));
            all.insert(place, p);
        }
        let every: Vec<_> = all.values().copied().collect();
        for (place, p) in all {
            let (row, rest) = pairs[place].unwrap();
            let q = adjusted(&every, p);
            prop_assert!(close(&told(place)["q"], q), "{rate}: {q} {}", told(place));
            let value = |(count, among): (i64, i64)| count as f64 / among as f64;
            let above = value(row) > value(rest);
            // One message that had gone the other way must not make the difference.
            let nearer = ((row.0 + if above { -1 } else { 1 }).clamp(0, row.1), row.1);
            let lasts = (value(nearer) > value(rest)) == above && factorials.fisher(nearer, rest) <= CHANCE;
            let wanted = (q <= CHANCE && lasts).then_some(if above { "above" } else { "below" });
            prop_assert_eq!(told(place)["differs"].as_str(), wanted, "{} {:?} {:?}", rate, row, rest);
        }
    }
    Ok(())
}

#[test]
fn bounds_and_differences_are_those_of_their_definitions() {
    let given = Given::new("intervals");
    holds(100, &(question(), 1..8usize), |(question, limit)| {
        let more = [("by", question.by.join(",")), ("limit", limit.to_string()), ("intervals", "true".to_owned())];
        let request: SplitRequest = request(&question, &more);
        let report = given.report(&ReportSpec::split(&request).unwrap());
        let document = serde_json::to_value(&report).unwrap();
        bounds(&document["total"], question.basis)?;
        for row in document["rows"].as_array().unwrap() {
            bounds(row, question.basis)?;
        }
        // On the clock of events rates are no proportions, and nothing is compared.
        if question.basis == Basis::Sent {
            differences(&document)?;
        }
        Ok(())
    });
}
