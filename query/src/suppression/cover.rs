//! Which cells of a table are hidden, so that no number of few people can be told from what is left.
//!
//! A cell that stands for fewer than so many people, and for one at least, is *small*; it is hidden. That is not enough: the total minus
//! all other rows tells it. So each small count gets a *witness*: other numbers than the true ones that agree with everything that is
//! shown and with everything that always holds (**possible**), and in which it differs by `least - 1`. No reader, however he reckons,
//! can tell them from the true ones. A witness is one change (**change**) of the group, made up for by the opposite change of
//! another group, or of all groups that count in it; or not made up for, and then the sums change. All that it changes is hidden. What
//! is hidden for one witness spoils no other, so each count needs to be looked at once, and the cheapest witness is taken.
//!
//! Counts that are small together must not be told together either: 4 of one class and 3 of another are not to be told as 7. So what
//! falls where a small count rises is not small itself, unless both are known to be many people together.

use std::{collections::HashMap, sync::LazyLock};

use schema::{Measure, Measures};

use super::{change::Change, count::Count, possible::as_possible, set::MeasureSet};

/// Numbers of a group or a sum, and how many people they stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cells {
    pub(crate) counts: Measures,
    /// By the places of [`Count::all`]; of what is known to be many, any great number.
    pub(crate) people: Vec<i64>,
}

impl Cells {
    fn small(&self, least: i64) -> Counts {
        let few = Count::all().zip(&self.people).map(|(count, people)| {
            let value = count.value(&self.counts);
            // A message has one recipient: a number of few messages is one of few people, whatever else is known.
            value > 0 && (*people < least || value < least && count.without.is_empty())
        });
        Counts(few.enumerate().fold(0, |set, (place, few)| set | u64::from(few) << place))
    }
}

/// A group, or a point of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) cells: Cells,
    /// In which of the sums it counts. Groups of the same sums make up for each other.
    pub(crate) sums: Vec<usize>,
    /// Between which numbers readers know this measure to be, for the group is on the page and others are not.
    pub(crate) known: Vec<(Measure, i64, i64)>,
}

/// All numbers of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) groups: Vec<Group>,
    pub(crate) sums: Vec<Cells>,
    /// What is shown of each, or can be told from what is shown. The others are not in the report.
    pub(crate) shown: MeasureSet,
}

/// What is hidden of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hidden {
    pub(crate) groups: Vec<MeasureSet>,
    pub(crate) sums: Vec<MeasureSet>,
}

/// Some of the counts, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts(u64);

impl Counts {
    const fn contains(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn places(self) -> impl Iterator<Item = usize> {
        (0..Count::number()).filter(move |place| self.contains(*place))
    }
}

/// What a change does to the counts.
struct Effect {
    change: &'static Change,
    rising: Counts,
    falling: Counts,
}

/// What is known of the counts and changes whatever the numbers are.
struct Facts {
    effects: Vec<Effect>,
    /// By count, the changes that move it.
    moving: Vec<Vec<usize>>,
    /// By two counts, the one that is their sum.
    together: Vec<Vec<Option<usize>>>,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let counts: Vec<_> = Count::all().collect();
    let of = |change: &Change, wanted: i64| {
        let moved = counts.iter().map(|count| change.moves(|measures| count.value(measures)).signum() == wanted);
        Counts(moved.enumerate().fold(0, |set, (place, moved)| set | u64::from(moved) << place))
    };
    let effect = |change| Effect { change, rising: of(change, 1), falling: of(change, -1) };
    let effects: Vec<_> = Change::all().iter().map(effect).collect();
    let moves = |place: usize, effect: &Effect| effect.rising.contains(place) || effect.falling.contains(place);
    let moving = (0..counts.len())
        .map(|place| (0..effects.len()).filter(|effect| moves(place, &effects[*effect])).collect())
        .collect();
    let parts = |of: &[Count]| {
        let part = |measure: &Measure| {
            let one = Change(vec![(*measure, 1)]);
            of.iter().map(|count| one.moves(|measures| count.value(measures))).sum::<i64>()
        };
        Measure::ALL.iter().map(part).collect::<Vec<_>>()
    };
    let sum = |one: Count, other: Count| {
        let both = parts(&[one, other]);
        counts.iter().position(|count| parts(&[*count]) == both)
    };
    let together = counts.iter().map(|one| counts.iter().map(|other| sum(*one, *other)).collect()).collect();
    Facts { effects, moving, together }
});

/// What to hide so that no count of fewer than `least` people can be told.
pub(crate) fn cover(table: &Table, least: u32) -> Hidden {
    Cover::new(table, i64::from(least)).hide()
}

/// By what a change of a group is made up for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Against {
    /// Its opposite in this group.
    Group(usize),
    /// Its opposite in as many groups as it takes.
    All,
    /// Nothing: the sums change.
    Sums,
}

struct Witness {
    cost: u32,
    effect: usize,
    against: Against,
}

struct Cover<'t> {
    table: &'t Table,
    least: i64,
    /// The small counts of each group and each sum.
    small: Vec<Counts>,
    small_sums: Vec<Counts>,
    hidden: Hidden,
    /// The groups that made up for a change before, at best two: one may be the group itself.
    partners: HashMap<(usize, bool, Vec<usize>), Vec<usize>>,
}

impl<'t> Cover<'t> {
    fn new(table: &'t Table, least: i64) -> Self {
        let small: Vec<_> = table.groups.iter().map(|group| group.cells.small(least)).collect();
        let small_sums: Vec<_> = table.sums.iter().map(|cells| cells.small(least)).collect();
        let few = |small: &Counts| {
            let measures = Measure::ALL.iter().enumerate().filter(|(place, _)| small.contains(*place));
            measures.map(|(_, measure)| *measure).filter(|measure| table.shown.contains(*measure)).collect()
        };
        let hidden = Hidden { groups: small.iter().map(few).collect(), sums: small_sums.iter().map(few).collect() };
        Self { table, least, small, small_sums, hidden, partners: HashMap::new() }
    }

    fn hide(mut self) -> Hidden {
        for sum in 0..self.table.sums.len() {
            for count in self.small_sums[sum].places() {
                self.witness_sum(sum, count);
            }
        }
        for group in 0..self.table.groups.len() {
            for count in self.small[group].places() {
                if let Some(witness) = self.witness(group, count, false) {
                    self.hide_for(group, &witness);
                } else {
                    self.hide_all(group);
                }
            }
        }
        self.hidden
    }

    /// A count that is small in all is small in each group: a change of one of them changes it.
    fn witness_sum(&mut self, sum: usize, count: usize) {
        let members =
            |group: &usize| self.table.groups[*group].sums.contains(&sum) && self.small[*group].contains(count);
        let members: Vec<_> = (0..self.table.groups.len()).filter(members).collect();
        let found: Vec<_> =
            members.iter().filter_map(|group| Some((*group, self.witness(*group, count, true)?))).collect();
        match found.into_iter().min_by_key(|(_, witness)| witness.cost) {
            Some((group, witness)) => self.hide_for(group, &witness),
            None => members.into_iter().for_each(|group| self.hide_all(group)),
        }
    }

    /// The cheapest witness of a count; only such as change the sums, if that is what is wanted.
    fn witness(&mut self, group: usize, count: usize, sums: bool) -> Option<Witness> {
        let mut best: Option<Witness> = None;
        for effect in FACTS.moving[count].iter().copied() {
            let Some(cost) = self.first(group, count, effect) else { continue };
            let rising = FACTS.effects[effect].rising.contains(count);
            let dearer = |cost: u32, best: &Option<Witness>| best.as_ref().is_some_and(|best| best.cost <= cost);
            if dearer(cost, &best) {
                continue;
            }
            let mut ways = vec![(Against::Sums, self.sums_cost(group, effect))];
            if !sums && !self.table.groups[group].sums.is_empty() {
                let partner = self.partner(group, effect, rising);
                ways.extend(partner.map(|(partner, cost)| (Against::Group(partner), cost)));
                if partner.is_none() {
                    ways.extend(self.spread_cost(group, effect, rising).map(|cost| (Against::All, cost)));
                }
            }
            for (against, more) in ways {
                if !dearer(cost + more, &best) {
                    best = Some(Witness { cost: cost + more, effect, against });
                }
            }
        }
        best
    }

    /// What it costs to change the group itself; `None` if that cannot be, or if it would tell small counts together.
    fn first(&self, group: usize, count: usize, effect: usize) -> Option<u32> {
        let Effect { change, rising, falling } = &FACTS.effects[effect];
        let against = if rising.contains(count) { falling } else { rising };
        let small = self.small[group];
        let told = |other: usize| {
            let together = FACTS.together[count][other];
            together.is_none_or(|sum| small.contains(sum))
        };
        if Counts(against.0 & small.0).places().any(told) {
            return None;
        }
        self.possible(group, change, self.least - 1).then(|| self.cost(group, change))
    }

    /// Whether the numbers of a group may have changed so: to numbers that are possible, with no zero where one would be shown.
    fn possible(&self, group: usize, change: &Change, times: i64) -> bool {
        let Group { cells, known, .. } = &self.table.groups[group];
        let changed = change.applied(&cells.counts, times);
        let shown = |measure: Measure| self.table.shown.contains(measure);
        let seen =
            |(measure, _): &(Measure, i64)| shown(*measure) && (cells.counts[*measure] < 1 || changed[*measure] < 1);
        let within = |(measure, from, to): &(Measure, i64, i64)| (*from..=*to).contains(&changed[*measure]);
        !change.0.iter().any(seen) && known.iter().all(within) && as_possible(&changed, &cells.counts)
    }

    /// What it costs to hide what a change changes: more in sums than in groups, and more for greater numbers.
    fn cost(&self, group: usize, change: &Change) -> u32 {
        self.price(change, &self.table.groups[group].cells.counts, self.hidden.groups[group], 10)
    }

    fn sums_cost(&self, group: usize, effect: usize) -> u32 {
        let cost = |sum: &usize| {
            self.price(FACTS.effects[effect].change, &self.table.sums[*sum].counts, self.hidden.sums[*sum], 60)
        };
        self.table.groups[group].sums.iter().map(cost).sum()
    }

    fn price(&self, change: &Change, counts: &Measures, hidden: MeasureSet, each: u32) -> u32 {
        let shown = |measure: &Measure| self.table.shown.contains(*measure) && !hidden.contains(*measure);
        let measures = change.0.iter().map(|(measure, _)| *measure).filter(shown);
        measures.map(|measure| each + counts[measure].checked_ilog10().unwrap_or_default()).sum()
    }

    /// The group that makes up for a change best, and what that costs. The same groups are taken again and again, for what is hidden of
    /// them already costs nothing.
    fn partner(&mut self, group: usize, effect: usize, rising: bool) -> Option<(usize, u32)> {
        let sums = self.table.groups[group].sums.clone();
        let table = self.table;
        if !self.partners.contains_key(&(effect, rising, sums.clone())) {
            let opposite = FACTS.effects[effect].change.backwards();
            let fits = |one: &usize| table.groups[*one].sums == sums && self.makes_up(*one, effect, &opposite, rising);
            let mut fitting: Vec<_> =
                (0..table.groups.len()).filter(fits).map(|one| (self.cost(one, &opposite), one)).collect();
            fitting.sort_unstable();
            fitting.truncate(2);
            self.partners.insert((effect, rising, sums.clone()), fitting.into_iter().map(|(_, one)| one).collect());
        }
        let known = self.partners.get(&(effect, rising, sums))?;
        let cost = |one: &usize| (*one, self.cost(*one, FACTS.effects[effect].change));
        known.iter().filter(|one| **one != group).map(cost).min_by_key(|(_, cost)| *cost)
    }

    /// Whether the opposite in this group makes up for a change, without telling small counts of both together.
    fn makes_up(&self, group: usize, effect: usize, opposite: &Change, rising: bool) -> bool {
        let Effect { rising: up, falling: down, .. } = &FACTS.effects[effect];
        let alike = if rising { up } else { down };
        !alike.meets(self.small[group]) && self.possible(group, opposite, self.least - 1)
    }

    /// What it costs to make up for a change in all groups that count in what it changes: where each number is small and all together
    /// are not. Of any of them some are left out, and these change.
    fn spread_cost(&self, group: usize, effect: usize, rising: bool) -> Option<u32> {
        let members = self.spread(group, effect, rising)?;
        let change = FACTS.effects[effect].change;
        Some(members.into_iter().map(|one| self.cost(one, change)).sum())
    }

    fn spread(&self, group: usize, effect: usize, rising: bool) -> Option<Vec<usize>> {
        let Effect { change, rising: up, falling: down } = &FACTS.effects[effect];
        let alike = if rising { up } else { down };
        let sums = &self.table.groups[group].sums;
        let others = (0..self.table.groups.len()).filter(|one| *one != group && self.table.groups[*one].sums == *sums);
        let others: Vec<_> = others.collect();
        let opposite = change.backwards();
        let room: Vec<_> = others.iter().map(|one| self.room(*one, &opposite)).collect();
        let members: Vec<_> = others.iter().zip(&room).filter(|(_, room)| **room > 0).map(|(one, _)| *one).collect();
        let enough = room.iter().sum::<i64>() >= self.least - 1;
        // What is small in one of them is told with all others that have some of it, and these must be many people.
        let told = |count: usize| {
            let value = |one: usize| {
                Count::all().nth(count).map_or(0, |count| count.value(&self.table.groups[one].cells.counts))
            };
            let small = members.iter().any(|one| self.small[*one].contains(count));
            let all = others.iter().all(|one| value(*one) == 0 || members.contains(one));
            small && !(all && sums.iter().all(|sum| !self.small_sums[*sum].contains(count)) && sums.len() == 1)
        };
        (enough && !alike.places().any(told)).then_some(members)
    }

    /// How often a group may change so, as far as that matters.
    fn room(&self, group: usize, change: &Change) -> i64 {
        // What is possible is convex: what may be often may be seldom.
        let (mut fits, mut fails) = (0, self.least);
        while fails - fits > 1 {
            let middle = i64::midpoint(fits, fails);
            if self.possible(group, change, middle) { fits = middle } else { fails = middle }
        }
        fits
    }

    fn hide_for(&mut self, group: usize, witness: &Witness) {
        let effect = &FACTS.effects[witness.effect];
        let also = match witness.against {
            Against::Group(other) => vec![other],
            Against::Sums => Vec::new(),
            Against::All => {
                // Either side of the change made the choice; both lead to the same groups that have room.
                let opposite = effect.change.backwards();
                let sums = &self.table.groups[group].sums;
                let others =
                    (0..self.table.groups.len()).filter(|one| *one != group && self.table.groups[*one].sums == *sums);
                others.filter(|one| self.room(*one, &opposite) > 0).collect()
            }
        };
        for (measure, _) in &effect.change.0 {
            if !self.table.shown.contains(*measure) {
                continue;
            }
            self.hidden.groups[group].insert(*measure);
            for other in &also {
                self.hidden.groups[*other].insert(*measure);
            }
            if witness.against == Against::Sums {
                self.table.groups[group].sums.iter().for_each(|sum| self.hidden.sums[*sum].insert(*measure));
            }
        }
    }

    /// Hides all that a group and its sums have.
    fn hide_all(&mut self, group: usize) {
        let Group { cells, sums, .. } = &self.table.groups[group];
        for measure in Measure::ALL.iter().filter(|measure| self.table.shown.contains(**measure)) {
            if cells.counts[*measure] != 0 {
                self.hidden.groups[group].insert(*measure);
            }
            for sum in sums {
                if self.table.sums[*sum].counts[*measure] != 0 {
                    self.hidden.sums[*sum].insert(*measure);
                }
            }
        }
    }
}
