//! The evaluation: from (rule, counts, state, moment) to the next state and the changes on the way there. Total and deterministic.

use std::collections::HashMap;

use schema::{Measures, Millis};

use super::{
    Alert, Change, Condition, Confidence, Counts, Evidence, Finding, Phase, Reason, Rule, State, Transition, Verdict,
    judge, judge_observed,
};
use crate::Range;

/// How long after it was told a firing alert is told again, in milliseconds.
pub const REMIND_AFTER: i64 = 24 * 3_600_000;

/// The time of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Millis,
    /// Whether nobody is to be told now: the rule is muted, or a maintenance window is open.
    pub quiet: bool,
}

/// One window of a rule, looked at.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The window.
    pub current: &'a Counts<'a>,
    /// The window compared with, where the rule compares.
    pub earlier: Option<&'a Counts<'a>>,
}

impl Looked<'_> {
    fn judge(&self, rule: &Rule, sure: Option<Confidence>, value: &str) -> (Finding, Range) {
        let nothing = Measures::default();
        let current = self.current.of_value(value).unwrap_or(&nothing);
        let earlier = self.earlier.and_then(|earlier| earlier.of_value(value)).unwrap_or(&nothing);
        (judge(rule, sure, current, earlier), self.current.range())
    }
}

/// What an evaluation sees.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// The windows of the rule, in its order, counted by ourselves.
    Counted(&'a [Looked<'a>]),
    /// The latest spam rate that a mailbox provider told, by domain, with the day that it is of.
    Observed(&'a HashMap<String, (Range, f64)>),
}

impl<'a> Sight<'a> {
    /// The strongest verdict on a value, of the shortest window that has it.
    fn strongest(self, rule: &Rule, value: &str) -> (Verdict, Option<Evidence>) {
        let mut strongest: (Verdict, Option<Evidence>) = (Verdict::TooLittle, None);
        let mut consider = |Finding { verdict, numbers }, range| {
            if strongest.1.is_none() || verdict > strongest.0 {
                strongest = (verdict, Some(Evidence { range, numbers }));
            }
        };
        match self {
            Self::Counted(windows) => {
                for (place, window) in windows.iter().enumerate() {
                    let (finding, range) = window.judge(rule, rule.sure(place), value);
                    consider(finding, range);
                }
            }
            Self::Observed(rates) => {
                if let Some((day, rate)) = rates.get(value) {
                    consider(judge_observed(rule, *rate), *day);
                }
            }
        }
        strongest
    }

    /// Calls `visit` once for each value that is known.
    fn each_value(self, rule: &Rule, mut visit: impl FnMut(&'a str)) {
        let windows = match self {
            Self::Counted(windows) => windows,
            Self::Observed(rates) => return rates.keys().for_each(|value| visit(value)),
        };
        let vanishes = matches!(rule.condition, Condition::Falls { .. } | Condition::Stops { .. });
        let earlier = windows.iter().filter_map(|window| window.earlier).filter(|_| vanishes);
        let sources: Vec<&Counts<'a>> = windows.iter().map(|window| window.current).chain(earlier).collect();
        for (place, source) in sources.iter().enumerate() {
            for value in source.values() {
                if !sources[..place].iter().any(|before| before.of_value(value).is_some()) {
                    visit(value);
                }
            }
        }
    }
}

/// Evaluates a rule: its next state, and what changed.
///
/// `recount` answers, for a firing alert that does not pass any more, what is counted today in the window that it fired for and in
/// the one compared with (see [`doubtful`]); with `None` the past is taken to be what it was.
pub fn evaluate(
    rule: &Rule,
    sight: Sight<'_>,
    recount: impl Fn(&str) -> Option<(Measures, Measures)>,
    mut state: State,
    moment: Moment,
) -> (State, Vec<Transition>) {
    let mut transitions = Vec::new();
    let known: Vec<String> = state.keys().cloned().collect();
    let mut turn = |state: &mut State, value: &str| {
        let (verdict, evidence) = sight.strongest(rule, value);
        let alert = state.get(value).copied();
        // Most values are well and were before: nothing is to be done, or allocated.
        if alert.is_none() && verdict != Verdict::Passes {
            return;
        }
        let fired = alert.filter(|alert| verdict != Verdict::Passes && alert.phase == Phase::Firing);
        let revised = fired.and_then(|_| recount(value)).is_some_and(|(current, earlier)| {
            judge(rule, rule.confidence, &current, &earlier).verdict != Verdict::Passes
        });
        let mut told = |change, since, evidence, notify| {
            transitions.push(Transition { value: value.to_owned(), change, at: moment.now, since, evidence, notify });
        };
        match step(rule, alert, (verdict, evidence), revised, moment, &mut told) {
            Some(next) => drop(state.insert(value.to_owned(), next)),
            None => drop(state.remove(value)),
        }
    };
    // Each value is visited once, so what is there by now was there before.
    sight.each_value(rule, |value| {
        if !state.contains_key(value) {
            turn(&mut state, value);
        }
    });
    for value in &known {
        turn(&mut state, value);
    }
    // The order of a hash map is nobody's business.
    transitions.sort_by(|a, b| a.value.cmp(&b.value));
    (state, transitions)
}

/// One turn of one alert.
fn step(
    rule: &Rule,
    alert: Option<Alert>,
    (verdict, evidence): (Verdict, Option<Evidence>),
    revised: bool,
    moment: Moment,
    told: &mut impl FnMut(Change, Millis, Option<Evidence>, bool),
) -> Option<Alert> {
    let now = moment.now;
    let quiet = |alert: &Alert| moment.quiet || alert.muted_until.is_some_and(|until| now < until);
    let passes = verdict == Verdict::Passes;
    let mut alert = match alert {
        Some(alert) => alert,
        None if passes => {
            let evidence = evidence?;
            let begun = Alert {
                phase: Phase::Pending,
                since: now,
                evidence,
                told: None,
                acknowledged: false,
                muted_until: None,
            };
            if rule.hold.0 > 0 {
                told(Change::Pending, now, Some(evidence), false);
                return Some(begun);
            }
            begun
        }
        None => return None,
    };
    if alert.phase == Phase::Pending {
        if !passes {
            told(Change::Withdrawn, alert.since, evidence, false);
            return None;
        }
        if now.0 - alert.since.0 >= rule.hold.millis() {
            alert.phase = Phase::Firing;
            alert.evidence = evidence.unwrap_or(alert.evidence);
            let notify = !quiet(&alert);
            alert.told = notify.then_some(now);
            told(Change::Fired, alert.since, evidence, notify);
        }
        return Some(alert);
    }
    let over = match verdict {
        Verdict::Passes => None,
        _ if revised => Some(Reason::Revised),
        Verdict::Near => None,
        Verdict::Clear => Some(Reason::Recovered),
        Verdict::TooLittle => Some(Reason::NoData),
    };
    if let Some(reason) = over {
        // Who knows that it fires is told that it is over, in quiet times, too: it would stay open for ever.
        told(Change::Resolved(reason), alert.since, evidence, alert.told.is_some());
        return None;
    }
    if quiet(&alert) {
        return Some(alert);
    }
    match alert.told {
        None => told(Change::Told, alert.since, evidence, true),
        Some(last) if !alert.acknowledged && now.0 - last.0 >= REMIND_AFTER => {
            told(Change::Reminded, alert.since, evidence, true);
        }
        Some(_) => return Some(alert),
    }
    alert.told = Some(now);
    Some(alert)
}

/// The firing alerts that do not pass now, with the windows they fired for: whether these still pass, counted again, decides how
/// they go on.
#[must_use]
pub fn doubtful(rule: &Rule, sight: Sight<'_>, state: &State) -> Vec<(String, Range)> {
    let firing = state.iter().filter(|(_, alert)| alert.phase == Phase::Firing);
    let doubtful = firing.filter(|(value, _)| sight.strongest(rule, value).0 != Verdict::Passes);
    doubtful.map(|(value, alert)| (value.clone(), alert.evidence.range)).collect()
}

/// Ends all alerts of a rule that is no more.
#[must_use]
pub fn withdraw(state: State, now: Millis) -> Vec<Transition> {
    let end = |(value, alert): (String, Alert)| {
        let change = match alert.phase {
            Phase::Pending => Change::Withdrawn,
            Phase::Firing => Change::Resolved(Reason::RuleGone),
        };
        Transition { value, change, at: now, since: alert.since, evidence: None, notify: alert.told.is_some() }
    };
    let mut transitions: Vec<_> = state.into_iter().map(end).collect();
    transitions.sort_by(|a, b| a.value.cmp(&b.value));
    transitions
}
