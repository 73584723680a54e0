//! A report as the table that is covered, and what is hidden taken out of it: no value that is hidden is left in a report, so that no format
//! can show it.

use std::collections::HashMap;

use schema::{Measure, Measures};

use super::{
    count::Count,
    cover::{Cells, Group, Table, cover},
    set::MeasureSet,
};
use crate::{
    Report, SortKey,
    report::{Body, Line, Remainder, Row},
};

/// For how many people the counts stand, by [`Count::all`]: by the key of a group – none: of those that are not shown – and the place of
/// an interval, 0 where there are none.
pub(crate) type PeopleOfGroups = HashMap<(Option<Vec<String>>, usize), Vec<i64>>;

/// For how many people the numbers of a report stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct People {
    /// Of each group, and of the others together.
    pub(crate) groups: PeopleOfGroups,
    /// Of the others in the whole range, where `groups` are by intervals.
    pub(crate) rest: PeopleOfGroups,
    /// Of all.
    pub(crate) whole: PeopleOfGroups,
}

fn cells(counts: &Measures, people: &PeopleOfGroups, key: Option<&[String]>, place: usize) -> Cells {
    let known = people.get(&(key.map(<[String]>::to_vec), place));
    // Of whom nothing is known there may be few.
    Cells { counts: *counts, people: known.cloned().unwrap_or_else(|| vec![0; Count::number()]) }
}

impl Report {
    /// The keys of the groups shown.
    pub(crate) fn keys(&self) -> Vec<Vec<String>> {
        match &self.body {
            Body::Summary => Vec::new(),
            Body::Split { rows, .. } => rows.iter().map(|row| row.key.clone()).collect(),
            Body::Series { groups, .. } => groups.iter().map(|line| line.key.clone()).collect(),
        }
    }

    /// Hides what stands for fewer people than `least`, and what would tell it.
    pub(crate) fn suppress(&mut self, people: &People, least: u32) {
        let hidden = cover(&self.table(people), least);
        let told: MeasureSet = self.spec.told().into_iter().collect();
        // What was known only to decide is not told.
        let clear = |measures: &mut Measures, hidden: MeasureSet| {
            let kept = |measure: &Measure| told.contains(*measure) && !hidden.contains(*measure);
            Measure::ALL.iter().filter(|measure| !kept(measure)).for_each(|measure| measures[*measure] = 0);
        };
        let mut groups = hidden.groups.into_iter();
        let mut sums = hidden.sums.into_iter();
        match &mut self.body {
            Body::Summary => self.hidden = groups.next().unwrap_or_default(),
            Body::Split { rows, remainder, .. } => {
                let rows = rows.iter_mut().map(|row| (&mut row.measures, &mut row.hidden));
                let rest = remainder.as_mut().map(|rest| (&mut rest.measures, &mut rest.hidden));
                for ((measures, of), hidden) in rows.chain(rest).zip(groups) {
                    *of = hidden;
                    clear(measures, hidden);
                }
                self.hidden = sums.next().unwrap_or_default();
            }
            Body::Series { groups: lines, remainder, .. } => {
                let rest = remainder.as_mut().map(|(_, line)| line);
                for line in lines.iter_mut().chain(rest) {
                    line.hidden = groups.by_ref().take(line.points.len()).collect();
                    line.points.iter_mut().zip(&line.hidden).for_each(|(point, hidden)| clear(point, *hidden));
                }
                self.hidden = sums.next().unwrap_or_default();
                // No report shows the sums of single groups but that of the others.
                for line in lines.iter_mut() {
                    line.total = Measures::default();
                }
                if let Some((_, line)) = remainder {
                    line.hidden_in_total = sums.next().unwrap_or_default();
                    clear(&mut line.total, line.hidden_in_total);
                }
            }
        }
        clear(&mut self.total, self.hidden);
        self.hide_order();
    }

    fn table(&self, people: &People) -> Table {
        let shown = self.spec.told().into_iter().collect();
        let whole = || cells(&self.total, &people.whole, None, 0);
        let group = |cells, sums: &[usize], known| Group { cells, sums: sums.to_vec(), known };
        match &self.body {
            Body::Summary => Table { groups: vec![group(whole(), &[], Vec::new())], sums: Vec::new(), shown },
            Body::Split { rows, remainder, .. } => {
                let known = self.known(remainder.as_ref());
                let row =
                    |row: &Row| group(cells(&row.measures, &people.groups, Some(&row.key), 0), &[0], known.clone());
                let rest = |rest: &Remainder| group(cells(&rest.measures, &people.groups, None, 0), &[0], Vec::new());
                let groups = rows.iter().map(row).chain(remainder.iter().map(rest)).collect();
                Table { groups, sums: vec![whole()], shown }
            }
            Body::Series { groups: lines, remainder, .. } => {
                let points = |line: &Line, key: Option<&[String]>, sums: &[usize]| {
                    let point = |(place, point)| group(cells(point, &people.groups, key, place), sums, Vec::new());
                    line.points.iter().enumerate().map(point).collect::<Vec<_>>()
                };
                let mut groups: Vec<_> = lines.iter().flat_map(|line| points(line, Some(&line.key), &[0])).collect();
                let mut sums = vec![whole()];
                if let Some((_, line)) = remainder {
                    groups.extend(points(line, None, &[0, 1]));
                    sums.push(cells(&line.total, &people.rest, None, 0));
                }
                Table { groups, sums, shown }
            }
        }
    }

    /// What a reader knows of every row for its being shown: that it queued enough, and comes before those that are not shown. Of these he
    /// knows the mean.
    fn known(&self, remainder: Option<&Remainder>) -> Vec<(Measure, i64, i64)> {
        let mut known = vec![(Measure::Queued, self.spec.min_volume.into(), i64::MAX)];
        if let (Some(rest), SortKey::Measure(measure)) = (remainder, self.spec.sort.key)
            && self.spec.min_volume == 0
        {
            let mean = |sum: i64| sum / i64::try_from(rest.groups).unwrap_or(i64::MAX).max(1);
            let sum = rest.measures[measure];
            known.push(if self.spec.sort.descending {
                (measure, mean(sum), i64::MAX)
            } else {
                (measure, 0, mean(sum) + 1)
            });
        }
        known
    }

    /// Rows of which it is hidden what they are sorted by come last, in the order of their keys: their places would tell it.
    fn hide_order(&mut self) {
        let key = self.spec.sort.key;
        let hides = |hidden: MeasureSet| match key {
            SortKey::Measure(measure) => hidden.contains(measure),
            SortKey::Rate(rate) => hidden.contains(rate.numerator()) || hidden.contains(rate.denominator()),
            SortKey::Dimension(_) => false,
        };
        match &mut self.body {
            Body::Summary => {}
            Body::Split { rows, .. } => {
                let (mut last, first): (Vec<_>, Vec<_>) = rows.drain(..).partition(|row| hides(row.hidden));
                last.sort_by(|one, other| one.key.cmp(&other.key));
                rows.extend(first.into_iter().chain(last));
            }
            Body::Series { groups, .. } => {
                let (mut last, first): (Vec<_>, Vec<_>) =
                    groups.drain(..).partition(|line| line.hidden.iter().any(|hidden| hides(*hidden)));
                last.sort_by(|one, other| one.key.cmp(&other.key));
                groups.extend(first.into_iter().chain(last));
            }
        }
    }
}
