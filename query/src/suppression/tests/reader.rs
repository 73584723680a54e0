//! One who reads a table with hidden cells and reckons: exactly, with all equations at once, and by bounds, with all inequalities. He knows
//! METRICS.md and shares nothing with what hides.

use std::collections::HashMap;

use schema::{Measure, Measures};

use super::super::{
    count::Count,
    cover::{Hidden, Table},
    set::MeasureSet,
};
use Measure::{
    Clicked, Clicks, Complained, Delivered, Failed, FailedBlock, FailedHard, FailedOther, FailedSoft, FailedSuppressed,
    MachineClicks, MachineOpened, MachineOpens, Opened, Opens, Pending, Queued, Secured, Unsecured, Unsubscribed,
};

/// Of a group or a sum, a measure.
type Cell = (usize, Measure);
/// What is known of cells: the least and the most.
type Bounds = HashMap<Cell, (i128, i128)>;
/// Parts with factors.
type Parts = Vec<(Cell, i128)>;

const ZERO: [&[(Measure, i128)]; 2] = [
    &[(Queued, 1), (Pending, -1), (Delivered, -1), (Failed, -1)],
    &[(Failed, 1), (FailedHard, -1), (FailedSoft, -1), (FailedBlock, -1), (FailedSuppressed, -1), (FailedOther, -1)],
];

const NOT_NEGATIVE: [&[(Measure, i128)]; 10] = [
    &[(Delivered, 1), (Unsecured, -1)],
    &[(Secured, 1), (Unsecured, 1), (Delivered, -1)],
    &[(Queued, 1), (Unsecured, -1), (Secured, -1)],
    &[(Delivered, 1), (Opened, -1), (MachineOpened, -1)],
    &[(Opened, 1), (Clicked, -1)],
    &[(Delivered, 1), (Complained, -1)],
    &[(Delivered, 1), (Unsubscribed, -1)],
    &[(Opens, 1), (Opened, -1), (Clicked, 1)],
    &[(Clicks, 1), (Clicked, -1)],
    &[(MachineOpens, 1), (MachineClicks, 1), (MachineOpened, -1)],
];

pub(super) struct Reader<'t> {
    table: &'t Table,
    /// What is known of each cell: the least and the most.
    bounds: Bounds,
    equations: Vec<Parts>,
    inequalities: Vec<Parts>,
}

impl<'t> Reader<'t> {
    pub(super) fn of(table: &'t Table, hidden: &Hidden) -> Self {
        let mut reader = Self { table, bounds: HashMap::new(), equations: Vec::new(), inequalities: Vec::new() };
        let groups = table.groups.iter().map(|group| &group.cells.counts).zip(&hidden.groups);
        let sums = table.sums.iter().map(|sum| &sum.counts).zip(&hidden.sums);
        for (place, (counts, hidden)) in groups.chain(sums).enumerate() {
            reader.read(place, counts, *hidden);
        }
        for sum in 0..table.sums.len() {
            let members: Vec<_> =
                (0..table.groups.len()).filter(|one| table.groups[*one].sums.contains(&sum)).collect();
            for measure in Measure::ALL {
                let mut parts: Parts = members.iter().map(|one| ((*one, *measure), 1)).collect();
                parts.push(((table.groups.len() + sum, *measure), -1));
                reader.equations.push(parts);
            }
        }
        reader.narrow();
        reader
    }

    fn read(&mut self, place: usize, counts: &Measures, hidden: MeasureSet) {
        const MANY: i128 = 1 << 40;
        for measure in Measure::ALL {
            let value = i128::from(counts[*measure]);
            let known = match (self.table.shown.contains(*measure), hidden.contains(*measure)) {
                (true, false) => (value, value),
                // Zero would be shown.
                (true, true) => (1, MANY),
                (false, _) => (0, MANY),
            };
            self.bounds.insert((place, *measure), known);
        }
        let of = |parts: &[(Measure, i128)]| parts.iter().map(|(measure, by)| ((place, *measure), *by)).collect();
        self.equations.extend(ZERO.iter().map(|parts| of(parts)));
        self.inequalities.extend(NOT_NEGATIVE.iter().map(|parts| of(parts)));
    }

    /// Bounds from bounds, until none gets narrower (or slowly: some never end).
    fn narrow(&mut self) {
        let negated = |parts: &Parts| parts.iter().map(|(cell, by)| (*cell, -by)).collect::<Parts>();
        let both: Vec<_> = self.equations.iter().flat_map(|parts| [parts.clone(), negated(parts)]).collect();
        let all: Vec<_> = both.into_iter().chain(self.inequalities.clone()).collect();
        for _ in 0..60 {
            let before = self.bounds.clone();
            for parts in &all {
                self.narrow_by(parts);
            }
            if self.bounds == before {
                break;
            }
        }
    }

    /// The sum of these is not negative: so each is at least what the most of the others lacks.
    fn narrow_by(&mut self, parts: &Parts) {
        let most = |((cell, by), bounds): (&(Cell, i128), &Bounds)| {
            let (low, high) = bounds[cell];
            if *by > 0 { by * high } else { by * low }
        };
        let whole: i128 = parts.iter().map(|part| most((part, &self.bounds))).sum();
        for part in parts {
            let others = whole - most((part, &self.bounds));
            let (cell, by) = part;
            let known = self.bounds.get_mut(cell).unwrap();
            if *by > 0 {
                known.0 = known.0.max(-others);
            } else {
                known.1 = known.1.min(others);
            }
            assert!(known.0 <= known.1, "what is shown contradicts itself");
        }
    }

    /// Nothing small is told, neither by bounds nor exactly, alone or two of one group or of one measure together.
    pub(super) fn tells_nothing(&self, least: i64) {
        let rows = reduced(self.unknown());
        let cells: Vec<_> = self.table.groups.iter().map(|group| &group.cells).chain(&self.table.sums).collect();
        let mut small: Vec<(usize, Count)> = Vec::new();
        for (place, cells) in cells.iter().enumerate() {
            for (count, people) in Count::all().zip(&cells.people) {
                if count.value(&cells.counts) > 0 && *people < least {
                    small.push((place, count));
                    if count.without.is_empty() {
                        let (low, high) = self.bounds[&(place, count.of)];
                        assert!(
                            high - low >= i128::from(least - 1),
                            "{} of {place} is between {low} and {high}",
                            count.of.name()
                        );
                    }
                }
            }
        }
        for (place, count) in &small {
            assert!(!self.is_told(&rows, &parts(*place, *count)), "{count:?} of {place} can be reckoned");
        }
        // Of the sums over two groups and two classes it is known that they are of few.
        for (one, (place, count)) in small.iter().enumerate() {
            for (other, second) in &small[one + 1..] {
                let classes = [FailedHard, FailedSoft, FailedBlock, FailedSuppressed, FailedOther, Pending];
                let apart = count.without.is_empty()
                    && second.without.is_empty()
                    && place == other
                    && classes.contains(&count.of)
                    && classes.contains(&second.of)
                    && count != second;
                let groups = place != other
                    && count == second
                    && place.max(other) < &self.table.groups.len()
                    && self.table.groups.len() > 2;
                if apart || groups && self.few(*place, *other, *count, least) {
                    let both: Parts = parts(*place, *count).into_iter().chain(parts(*other, *second)).collect();
                    let value = |place: usize, count: Count| count.value(&cells[place].counts);
                    if value(*place, *count) + value(*other, *second) < least {
                        assert!(!self.is_told(&rows, &both), "{count:?} of {place} and {second:?} of {other} together");
                    }
                }
            }
        }
    }

    /// Whether two groups are few people together for certain: then there are other groups with more, or the sum is small, too.
    fn few(&self, one: usize, other: usize, count: Count, least: i64) -> bool {
        let place = Count::all().position(|found| found == count).unwrap();
        let people = |group: usize| self.table.groups[group].cells.people[place];
        people(one) + people(other) < least
    }

    /// The equations of what is hidden; constants do not matter for whether something is told.
    fn unknown(&self) -> Vec<HashMap<Cell, i128>> {
        self.equations.iter().map(|parts| self.left(parts)).filter(|row| !row.is_empty()).collect()
    }

    fn left(&self, parts: &Parts) -> HashMap<Cell, i128> {
        let mut row = HashMap::new();
        for (cell, by) in parts {
            let (low, high) = self.bounds[cell];
            if low != high {
                *row.entry(*cell).or_insert(0) += by;
            }
        }
        row.retain(|_, by| *by != 0);
        row
    }

    fn is_told(&self, rows: &[(Cell, HashMap<Cell, i128>)], parts: &Parts) -> bool {
        let mut left = self.left(parts);
        for (pivot, row) in rows {
            eliminate(&mut left, *pivot, row);
        }
        left.is_empty()
    }
}

fn parts(place: usize, count: Count) -> Parts {
    let without = count.without.iter().map(|measure| ((place, *measure), -1));
    std::iter::once(((place, count.of), 1)).chain(without).collect()
}

/// Gauss: rows with a pivot each, that stands in no later one.
fn reduced(rows: Vec<HashMap<Cell, i128>>) -> Vec<(Cell, HashMap<Cell, i128>)> {
    let mut done: Vec<(Cell, HashMap<Cell, i128>)> = Vec::new();
    for mut row in rows {
        for (pivot, other) in &done {
            eliminate(&mut row, *pivot, other);
        }
        if let Some(pivot) = row.keys().min().copied() {
            done.push((pivot, row));
        }
    }
    done
}

fn eliminate(row: &mut HashMap<Cell, i128>, pivot: Cell, by: &HashMap<Cell, i128>) {
    let Some(factor) = row.get(&pivot).copied() else { return };
    let own = by[&pivot];
    for value in row.values_mut() {
        *value *= own;
    }
    for (cell, value) in by {
        *row.entry(*cell).or_insert(0) -= factor * value;
    }
    row.retain(|_, value| *value != 0);
    let common = row.values().fold(0, |common: i128, value| gcd(common, value.abs()));
    for value in row.values_mut() {
        *value /= common;
    }
}

fn gcd(one: i128, other: i128) -> i128 {
    if other == 0 { one } else { gcd(other, one % other) }
}
