//! What a rule needs to know at a moment: sums over a range. Rules that ask the same question share one report.

use chrono::{DateTime, Days, NaiveDate};
use chrono_tz::Tz;
use schema::{Basis, Dimension, Measure, Millis};

use super::{Before, Condition, Rule, Window};
use crate::{
    Filter, Grouping, Kind, Range, ReportSpec, Sort, SortKey, Test, Tree,
    spec::{MOST_GROUPS, Shown},
    zone::{DAY, QUARTER, start_of_date},
};

/// Which sums are needed, but for the measures: these are of all who ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// From when to when.
    pub range: Range,
    /// By which clock.
    pub basis: Basis,
    /// Of which messages.
    pub filters: Vec<Filter>,
    /// By which dimension.
    pub by: Option<Dimension>,
}

/// What one window of a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Of the window itself.
    pub current: Question,
    /// Of the same window before, where the rule compares.
    pub earlier: Option<Question>,
}

impl Question {
    /// The report that answers it. Of more values than a report shows, those with the most of the first measure are known.
    #[must_use]
    pub fn spec(&self, measures: &[Measure]) -> ReportSpec {
        let all: Vec<_> = Measure::ALL.iter().copied().filter(|measure| measures.contains(measure)).collect();
        let first = all.first().copied().unwrap_or(Measure::Queued);
        let kind = if self.by.is_some() { Kind::Split } else { Kind::Summary };
        let measures = Shown { all, named: None };
        ReportSpec {
            filters: self.filters.iter().cloned().map(Tree::from).collect(),
            by: self.by.iter().cloned().map(Grouping::from).collect(),
            sort: Sort { key: SortKey::Measure(first), descending: true },
            limit: MOST_GROUPS,
            ..ReportSpec::plain(kind, self.range, Tz::UTC, self.basis, measures)
        }
    }
}

impl Rule {
    /// What each of its windows asks when everything before `as_of` is counted.
    #[must_use]
    pub fn questions(&self, as_of: Millis) -> Vec<Pair> {
        let now = as_of.0.div_euclid(1000);
        let question =
            |range| Question { range, basis: self.basis, filters: self.filters.clone(), by: self.by.clone() };
        self.windows
            .iter()
            .map(|window| {
                let (current, earlier) = window.ranges(self.condition, self.tz, now);
                Pair { current: question(current), earlier: earlier.map(question) }
            })
            .collect()
    }
}

impl Window {
    /// Its range at `now` (seconds since 1970), and that of the window compared with.
    ///
    /// Reports know whole quarters of an hour. A window begins with the quarter in which it would begin and ends with the one that
    /// `now` lies in; a change is told between whole quarters that are over, for half a quarter cannot be compared with a whole one.
    fn ranges(self, condition: Condition, tz: Tz, now: i64) -> (Range, Option<Range>) {
        let quarter = now.div_euclid(QUARTER) * QUARTER;
        let changes = matches!(condition, Condition::Rises { .. } | Condition::Falls { .. });
        let to = if changes { quarter } else { quarter + QUARTER };
        match self {
            Self::Rolling(minutes) => {
                let from = if changes { to } else { now } - minutes.seconds();
                let current = range(from.div_euclid(QUARTER) * QUARTER, to);
                (current, condition.before().map(|before| shifted(current, before)))
            }
            Self::Today => {
                let date = local_date(tz, now);
                let from = start_of_date(tz, date);
                let current = range(from, to.max(from + QUARTER));
                (current, condition.before().map(|before| day_before(tz, date, current, before)))
            }
        }
    }
}

fn shifted(current: Range, before: Before) -> Range {
    let days = i64::from(before.days()) * DAY;
    range(i64::from(current.from) - days, i64::from(current.to) - days)
}

/// The same length of the earlier local day.
fn day_before(tz: Tz, date: NaiveDate, current: Range, before: Before) -> Range {
    let date = date.checked_sub_days(Days::new(before.days().into())).unwrap_or(date);
    let from = start_of_date(tz, date);
    range(from, from + i64::from(current.to - current.from))
}

fn local_date(tz: Tz, now: i64) -> NaiveDate {
    DateTime::from_timestamp(now, 0).unwrap_or_default().with_timezone(&tz).date_naive()
}

/// A range between 1970 and 2106.
fn range(from: i64, to: i64) -> Range {
    let second = |time: i64| u32::try_from(time.max(0)).unwrap_or(u32::MAX);
    Range { from: second(from), to: second(to) }
}

impl Rule {
    /// What to ask again about one value in the window that its alert fired for.
    #[must_use]
    pub fn recount(&self, value: &str, fired: Range) -> Pair {
        let mut filters = self.filters.clone();
        filters.extend(self.by.clone().map(|dimension| Filter { dimension, test: Test::Is(value.to_owned()) }));
        let question = |range| Question { range, basis: self.basis, filters: filters.clone(), by: None };
        Pair {
            current: question(fired),
            earlier: self.condition.before().map(|before| question(shifted(fired, before))),
        }
    }
}
