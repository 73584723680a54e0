//! How old an entry of the ledger is, and what is too old. Age is counted in days on which events were accepted, so neither a pause nor a
//! clock that jumps makes the ledger forget early; and it moves with the batches alone, so a replay finds what the first try found.

use std::collections::VecDeque;

use schema::Millis;
use serde::{Deserialize, Serialize};

use crate::limits::day;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Entries are kept so many days longer than events that could repeat them are accepted: those may wait in the spool.
const SPARE: u16 = 7;

/// A day on which events were accepted, numbered from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Generation(pub(crate) u16);

/// For how long the ledger remembers, in days on which events were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// A delivery without an event for so many days is forgotten.
    pub(crate) days: u16,
    /// That there was such a delivery is known for so many.
    pub(crate) trace_days: u16,
}

/// Where the ledger stands in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Age {
    generation: Generation,
    /// The calendar day of the generation.
    day: u32,
    /// The time of the latest event of each generation that is remembered, oldest first.
    latest: VecDeque<Millis>,
    /// The latest time that an event of a forgotten generation may have: up to it nothing can be told from a repetition.
    horizon: Option<Millis>,
}

/// What is too old, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Deliveries and events of earlier generations are forgotten.
    pub(crate) remembered: Generation,
    /// Of deliveries of earlier generations there is no trace.
    pub(crate) traced: Generation,
    /// Of earlier days of sending it is not known which values were told apart.
    pub(crate) registered: u32,
}

impl Bounds {
    /// Nothing is.
    pub(crate) const NONE: Self = Self { remembered: Generation(0), traced: Generation(0), registered: 0 };
}

impl Age {
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Events up to this time are not to be accepted.
    pub(crate) fn horizon(&self) -> Option<Millis> {
        self.horizon
    }

    /// The age after a batch whose last record was accepted at `accepted`, and whose latest event has this time.
    pub(crate) fn after(&self, accepted: Millis, latest: Option<Millis>, memory: Memory) -> Self {
        let mut age = self.clone();
        let today = day(accepted);
        // Around midnight, records of the day before may come a little late.
        if age.generation == Generation::default() || today > age.day || today + 1 < age.day {
            age.generation = Generation(age.generation.0.saturating_add(1));
            age.day = today;
            age.latest.push_back(Millis(i64::MIN));
        }
        if let (Some(slot), Some(latest)) = (age.latest.back_mut(), latest) {
            *slot = (*slot).max(latest);
        }
        while age.latest.len() > usize::from(memory.days) + 1 {
            // A clock that ran ahead must not make everything too old.
            let most = Millis(accepted.0 - (i64::from(memory.days) - 1) * DAY);
            let forgotten = age.latest.pop_front().map(|latest| latest.min(most));
            age.horizon = age.horizon.max(forgotten);
        }
        age
    }

    /// What is too old.
    pub(crate) fn bounds(&self, memory: Memory) -> Bounds {
        let before = |days: u16| Generation(self.generation.0.saturating_sub(days.saturating_add(SPARE)));
        let registered = self.horizon.map_or(0, |horizon| day(Millis(horizon.0.saturating_add(1))));
        Bounds { remembered: before(memory.days), traced: before(memory.days.max(memory.trace_days)), registered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Memory = Memory { days: 3, trace_days: 10 };
    const START: i64 = 20_000 * DAY;

    fn after(age: &Age, day: i64) -> Age {
        let noon = Millis(START + day * DAY + DAY / 2);
        age.after(noon, Some(noon), MEMORY)
    }

    #[test]
    fn a_day_with_events_ages_the_ledger_by_one_and_a_pause_does_not() {
        let mut age = Age::default();
        for (day, generation) in [(0, 1), (0, 1), (1, 2), (0, 2), (1, 2), (500, 3)] {
            age = after(&age, day);
            assert_eq!(age.generation(), Generation(generation), "day {day}");
        }
    }

    #[test]
    fn nothing_is_refused_until_something_is_forgotten_and_then_all_that_could_repeat_it() {
        let mut age = Age::default();
        for day in 0..4 {
            age = after(&age, day);
            assert_eq!(age.horizon(), None, "day {day}");
        }
        age = after(&age, 4);
        assert_eq!(age.horizon(), Some(Millis(START + DAY / 2)));
        assert_eq!(age.bounds(MEMORY).remembered, Generation(0), "for a while it is remembered still");
        for day in 5..20 {
            age = after(&age, day);
        }
        let bounds = age.bounds(MEMORY);
        assert_eq!((bounds.remembered, bounds.traced), (Generation(20 - 3 - SPARE), Generation(20 - 10 - SPARE)));
        assert_eq!(bounds.registered, day(Millis(START + 15 * DAY)));
    }

    #[test]
    fn a_clock_that_ran_ahead_makes_nothing_too_old() {
        let mut age = after(&Age::default(), 0);
        age = age.after(Millis(START + 400 * DAY), Some(Millis(START + 400 * DAY)), MEMORY);
        for day in 1..9 {
            age = after(&age, day);
            assert!(age.horizon() <= Some(Millis(START + (day - 2) * DAY + DAY / 2)), "day {day}: {:?}", age.horizon());
        }
    }
}
