//! What changed since another period (docs/reports.md, "Compared with another period").
//!
//! The other period is a `Report` of its own that has the groups of this one in their places, so its rates are made as all are.
//! A change is the difference of the two numbers shown, made here for every format.

use schema::{Measure, Measures};
use serde::Serialize;

use crate::{
    Report,
    doubt::ShownRate,
    period,
    report::{Body, Line, Part, Remainder, Seen},
    suppression::MeasureSet,
};

/// How a number changed since the other period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change<T> {
    /// This period's number less the other's; of rates a difference of fractions.
    pub absolute: T,
    /// The same as a part of the other's number; `None` where that is 0.
    pub relative: Option<f64>,
}

impl Change<i64> {
    /// Of a measure.
    pub(crate) fn of_counts(now: i64, before: i64) -> Self {
        let absolute = now - before;
        Self { absolute, relative: (before != 0).then(|| absolute as f64 / before as f64) }
    }
}

impl Change<f64> {
    /// Of a rate; `None` where it was or is none.
    pub(crate) fn of_rates(now: Option<f64>, before: Option<f64>) -> Option<Self> {
        let (now, before) = now.zip(before)?;
        let absolute = now - before;
        Some(Self { absolute, relative: (before != 0.0).then(|| absolute / before) })
    }
}

/// Where numbers stand in a report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// In this row of a split.
    Row(usize),
    /// In a series, in this interval of this group.
    Point(usize, usize),
    /// In what was cut.
    Cut,
    /// In this interval of what was cut.
    CutPoint(usize),
    /// In the total.
    Total,
}

/// What was counted at a place in the other period.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    report: &'a Report,
    part: Part<'a>,
    /// The measures there.
    pub(crate) measures: &'a Measures,
    /// Where the interval began, if it is one of a series.
    pub(crate) time: Option<i64>,
}

impl<'a> Before<'a> {
    /// Where the interval began, if it is one of a series.
    pub(crate) fn begins(&self) -> Option<String> {
        self.time.map(|time| self.report.time(time))
    }

    /// The measures that are shown.
    pub(crate) fn shown(&self) -> &'a [Measure] {
        self.report.spec.measures()
    }

    /// A rate there.
    pub(crate) fn rate(&self, rate: ShownRate) -> Option<f64> {
        // Where small numbers are hidden, no other period is shown.
        self.report.shown_rate(rate, self.part, Seen { measures: self.measures, hidden: MeasureSet::default() })
    }
}

impl Report {
    /// Whether it is compared with another period.
    pub(crate) const fn has_other(&self) -> bool {
        self.other.is_some()
    }

    /// What was counted at a place in the other period; `None` where that has no such interval, or there is no other period.
    pub(crate) fn before(&self, at: At) -> Option<Before<'_>> {
        let report = self.other.as_deref()?;
        let (part, measures, time) = match (at, &report.body) {
            (At::Row(row), Body::Split { rows, .. }) => {
                let row = rows.get(row)?;
                (Part::Group(&row.key), &row.measures, None)
            }
            (At::Cut, Body::Split { remainder: Some(rest), .. }) => (Part::Remainder, &rest.measures, None),
            (At::Cut, Body::Series { remainder: Some((_, rest)), .. }) => (Part::Remainder, &rest.total, None),
            (At::Point(group, point), Body::Series { times, groups, .. }) => {
                let line = groups.get(group)?;
                (Part::Group(&line.key), line.points.get(point)?, Some(*times.get(point)?))
            }
            (At::CutPoint(point), Body::Series { times, remainder: Some((_, rest)), .. }) => {
                (Part::Remainder, rest.points.get(point)?, Some(*times.get(point)?))
            }
            (At::Total, _) => (Part::Total, &report.total, None),
            _ => return None,
        };
        Some(Before { report, part, measures, time })
    }

    /// The same compared with that other one, which has the same groups in the same places.
    pub(crate) fn with_other(mut self, other: Option<Box<Self>>) -> Self {
        // What the other period alone counted of groups that are not shown needs a place here.
        match (&mut self.body, other.as_ref().map(|other| &other.body)) {
            (Body::Split { remainder: none @ None, .. }, Some(Body::Split { remainder: Some(rest), .. }))
                if !rest.measures.is_zero() =>
            {
                *none = Some(Remainder { groups: 0, measures: Measures::default(), hidden: MeasureSet::default() });
            }
            (
                Body::Series { times, remainder: none @ None, .. },
                Some(Body::Series { remainder: Some((_, rest)), .. }),
            ) if !rest.total.is_zero() => {
                *none = Some((0, Line::empty(Vec::new(), times.len())));
            }
            _ => {}
        }
        self.other = other;
        self
    }

    /// What a reader should know about the comparison.
    pub(crate) fn notes_of_comparison(&self) -> Vec<String> {
        let Some(other) = self.other.as_deref() else { return Vec::new() };
        let (tz, this, that) = (self.spec.tz, self.spec.range, other.spec.range);
        let mut notes = Vec::new();
        if !period::same_length(this, that, tz) {
            let [this, that] = [this, that].map(|range| period::length(range, tz));
            notes.push(format!(
                "The other period is of another length ({that}, this one {this}): rates can be compared, counts cannot."
            ));
        }
        if let (Body::Series { times, .. }, Body::Series { times: those, .. }) = (&self.body, &other.body) {
            let (here, there) = (times.len(), those.len());
            let numbers = format!("The other period has {there} intervals, this one {here}");
            if there < here {
                notes.push(format!("{numbers}: the last ones are compared with none."));
            } else if there > here {
                notes.push(format!("{numbers}: its last ones are in its total alone."));
            }
        }
        if self.as_of.0 < i64::from(this.to) * 1000 {
            notes.push("This period has not ended yet: what is still to come is not in its numbers.".to_owned());
        }
        notes.extend(other.others.iter().map(|dimension| crate::report::others_note("the other period", dimension)));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_difference_and_its_part_of_what_was() {
        assert_eq!(Change::of_counts(15, 12), Change { absolute: 3, relative: Some(0.25) });
        assert_eq!(Change::of_counts(0, 8), Change { absolute: -8, relative: Some(-1.0) });
        assert_eq!(Change::of_counts(8, 0), Change { absolute: 8, relative: None });
        let change = Change::of_rates(Some(0.75), Some(0.5)).unwrap();
        assert_eq!((change.absolute, change.relative), (0.25, Some(0.5)));
        assert_eq!(Change::of_rates(Some(0.5), Some(0.0)).unwrap().relative, None);
    }

    #[test]
    fn what_is_unknown_now_or_then_has_no_change() {
        assert_eq!(Change::of_rates(None, Some(0.5)), None);
        assert_eq!(Change::of_rates(Some(0.5), None), None);
    }
}
