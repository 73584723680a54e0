//! What one value's numbers say of a rule.

use schema::{Measure, Measures, Rate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Condition, Confidence, HYSTERESIS, Rule, Watch, rule::ACTIVITY};
use crate::statistics::{newcombe, wilson};

/// What the numbers say, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Of so few nothing can be said.
    TooLittle,
    /// All is well.
    Clear,
    /// It does not pass, but is not clearly on this side either: what fires goes on, what does not fire does not begin.
    Near,
    /// It passes the threshold.
    Passes,
}

/// The numbers that a verdict rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertNumbers)]
pub struct Numbers {
    /// The rate or the count; null when its denominator is 0.
    #[schema(required)]
    pub value: Option<f64>,
    /// What was counted.
    pub count: i64,
    /// What it was counted among; null for counts.
    #[schema(required)]
    pub among: Option<i64>,
    /// The bounds of the interval of the rate, or of its change; null without `confidence`.
    #[schema(required)]
    pub interval: Option<(f64, f64)>,
    /// The same window before, where the rule compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub earlier: Option<Earlier>,
}

/// The numbers of the window compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = EarlierNumbers)]
pub struct Earlier {
    /// The rate or the count; null when its denominator is 0.
    #[schema(required)]
    pub value: Option<f64>,
    /// What was counted.
    pub count: i64,
    /// What it was counted among; null for counts.
    #[schema(required)]
    pub among: Option<i64>,
}

/// A verdict and its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What the numbers say.
    pub verdict: Verdict,
    /// The numbers.
    pub numbers: Numbers,
}

/// A count, and what it was counted among.
#[derive(Clone, Copy)]
struct Sum {
    count: i64,
    among: Option<i64>,
}

impl Sum {
    fn of(watch: Watch, measures: &Measures) -> Self {
        match watch {
            Watch::Rate(rate) => Self::of_rate(rate, measures),
            Watch::Measure(measure) => Self { count: measures[measure], among: None },
            Watch::Activity => {
                Self { count: ACTIVITY.iter().map(|measure: &Measure| measures[*measure]).sum(), among: None }
            }
            Watch::ObservedSpamRate => Self { count: 0, among: None },
        }
    }

    fn of_rate(rate: Rate, measures: &Measures) -> Self {
        Self { count: measures[rate.numerator()], among: Some(measures[rate.denominator()]) }
    }

    fn value(self) -> Option<f64> {
        match self.among {
            None => Some(self.count as f64),
            Some(0) => None,
            Some(among) => Some(self.count as f64 / among as f64),
        }
    }
}

/// What the measures of a value say of a rule; `earlier` are those of the window compared with. Without `sure` the numbers themselves
/// decide.
#[must_use]
pub fn judge(rule: &Rule, sure: Option<Confidence>, current: &Measures, earlier: &Measures) -> Finding {
    let now = Sum::of(rule.watch, current);
    let mut numbers = Numbers { value: now.value(), count: now.count, among: now.among, interval: None, earlier: None };
    let verdict = match rule.condition {
        Condition::Above(threshold) => passing(rule, sure, now, &mut numbers, threshold, Side::Above),
        Condition::Below(threshold) => passing(rule, sure, now, &mut numbers, threshold, Side::Below),
        Condition::Rises { factor, .. } => {
            changed(rule, sure, [now, before(rule, earlier, &mut numbers)], &mut numbers, factor, Side::Above)
        }
        Condition::Falls { factor, .. } => {
            changed(rule, sure, [now, before(rule, earlier, &mut numbers)], &mut numbers, factor, Side::Below)
        }
        Condition::Stops { .. } => {
            let then = before(rule, earlier, &mut numbers);
            match (now.count, then.count) {
                (1.., _) => Verdict::Clear,
                (_, then) if then >= rule.minimum.max(1) => Verdict::Passes,
                _ => Verdict::TooLittle,
            }
        }
    };
    Finding { verdict, numbers }
}

/// What a rate that somebody else measured says of a rule.
#[must_use]
pub fn judge_observed(rule: &Rule, rate: f64) -> Finding {
    let numbers = Numbers { value: Some(rate), ..Numbers::default() };
    let verdict = match rule.condition {
        Condition::Above(threshold) if rate > threshold => Verdict::Passes,
        Condition::Below(threshold) if rate < threshold => Verdict::Passes,
        Condition::Above(threshold) => cleared(rate <= threshold * (1.0 - HYSTERESIS)),
        Condition::Below(threshold) => cleared(1.0 - rate <= (1.0 - threshold) * (1.0 - HYSTERESIS)),
        Condition::Rises { .. } | Condition::Falls { .. } | Condition::Stops { .. } => Verdict::TooLittle,
    };
    Finding { verdict, numbers }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Above,
    Below,
}

fn before(rule: &Rule, earlier: &Measures, numbers: &mut Numbers) -> Sum {
    let then = Sum::of(rule.watch, earlier);
    numbers.earlier = Some(Earlier { value: then.value(), count: then.count, among: then.among });
    then
}

const fn cleared(clear: bool) -> Verdict {
    if clear { Verdict::Clear } else { Verdict::Near }
}

fn passing(
    rule: &Rule,
    sure: Option<Confidence>,
    now: Sum,
    numbers: &mut Numbers,
    threshold: f64,
    side: Side,
) -> Verdict {
    let Some(value) = now.value().filter(|_| now.among.is_none_or(|among| among >= rule.minimum)) else {
        return Verdict::TooLittle;
    };
    let (mut low, mut high) = (value, value);
    if let (Some(among), Some(confidence)) = (now.among, sure) {
        (low, high) = wilson(now.count, among, confidence);
        numbers.interval = Some((low, high));
    }
    match side {
        Side::Above if low > threshold => Verdict::Passes,
        Side::Below if high < threshold => Verdict::Passes,
        Side::Above => cleared(value <= threshold * (1.0 - HYSTERESIS)),
        // A rate below its threshold is its complement above the threshold's.
        Side::Below if now.among.is_some() => cleared(1.0 - value <= (1.0 - threshold) * (1.0 - HYSTERESIS)),
        Side::Below => cleared(value >= threshold * (1.0 + HYSTERESIS)),
    }
}

/// A change by a factor that is significant, too: the interval of the difference lies on one side of nothing, or, for counts, that of
/// the later one's part of both on one side of one half.
fn changed(
    rule: &Rule,
    sure: Option<Confidence>,
    [now, then]: [Sum; 2],
    numbers: &mut Numbers,
    factor: f64,
    side: Side,
) -> Verdict {
    let enough = match (now.among, then.among) {
        (Some(now), Some(then)) => now.min(then) >= rule.minimum.max(1),
        _ => now.count.max(then.count) >= rule.minimum.max(1),
    };
    let (Some(value), Some(earlier)) = (now.value().filter(|_| enough), then.value()) else {
        return Verdict::TooLittle;
    };
    let by_factor = |factor: f64| match side {
        Side::Above => value >= earlier * factor && value > earlier,
        Side::Below => value * factor <= earlier && value < earlier,
    };
    let significant = sure.is_none_or(|confidence| {
        let (interval, middle) = difference(now, then, confidence);
        numbers.interval = Some(interval);
        if side == Side::Above { interval.0 > middle } else { interval.1 < middle }
    });
    if by_factor(factor) && significant {
        return Verdict::Passes;
    }
    cleared(!by_factor(1.0 + (factor - 1.0) * (1.0 - HYSTERESIS)))
}

/// The interval of a change, and where it would lie if nothing had changed.
fn difference(now: Sum, then: Sum, confidence: Confidence) -> ((f64, f64), f64) {
    match (now.among, then.among) {
        (Some(among), Some(earlier)) => (newcombe((now.count, among), (then.count, earlier), confidence), 0.0),
        _ => (wilson(now.count, now.count + then.count, confidence), 0.5),
    }
}
