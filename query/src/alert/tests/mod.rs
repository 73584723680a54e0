//! What rules and alerts must do.

mod lives;
mod properties;
mod rules;
mod verdicts;

use schema::{Measure, Measures, Millis};
use serde_json::{Value, json};

use super::*;
use crate::Range;

/// A rule like the default for spam, with other members.
fn rule(more: &Value) -> Rule {
    Rule::new(&request(more)).unwrap()
}

fn request(more: &Value) -> RuleRequest {
    let mut document = json!({"name": "x", "watch": "spam_rate", "when": {"above": 0.003}, "severity": "critical"});
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    serde_json::from_value(document).unwrap()
}

fn spam(complained: i64, delivered: i64) -> Measures {
    let mut measures = Measures::default();
    measures[Measure::Complained] = complained;
    measures[Measure::Delivered] = delivered;
    measures
}

const RANGE: Range = Range { from: 0, to: 86_400 };

fn at(minutes: i64) -> Moment {
    Moment { now: Millis(minutes * 60_000), quiet: false }
}

/// One evaluation over one window without a dimension.
fn turn(rule: &Rule, measures: Measures, state: State, moment: Moment) -> (State, Vec<Transition>) {
    let counts = Counts::new(RANGE, [("", &measures)]);
    evaluate(rule, Sight::Counted(&[Looked { current: &counts, earlier: None }]), |_| None, state, moment)
}

fn changes(transitions: &[Transition]) -> Vec<(Change, bool)> {
    transitions.iter().map(|transition| (transition.change, transition.notify)).collect()
}
