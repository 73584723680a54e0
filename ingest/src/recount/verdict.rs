//! What a recount tells: how far it is, and in the end what differs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a recount is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// It waits for the batch that is being written.
    #[default]
    Waiting,
    /// It folds events.
    Counting,
    /// It compares rows.
    Comparing,
    /// It puts right what differs.
    Repairing,
}

/// How far a recount is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is at.
    pub doing: Doing,
    /// Events, or rows, that are done.
    pub done: u64,
    /// How many there are, where that is known.
    pub of: Option<u64>,
}

/// One number, or one fact of a delivery, that is not what the events say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The table.
    pub table: String,
    /// The account.
    pub account: String,
    /// The clock, where the table has two.
    pub basis: Option<String>,
    /// The quarter of an hour or the day, in UTC.
    pub at: String,
    /// The values that tell the row from others of its time; never a recipient.
    pub dimensions: Vec<(String, String)>,
    /// The measure or column.
    pub measure: String,
    /// What the events say.
    pub expected: String,
    /// What the table says.
    pub found: String,
}

/// What a recount found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Events that were counted.
    pub events: u64,
    /// Deliveries that they speak of.
    pub deliveries: u64,
    /// Rows that were compared: of the tables and of the recount.
    pub rows: u64,
    /// Rows that differ.
    pub differing: u64,
    /// Rows that still differ after they were put right: a defect, or somebody else writes into the tables.
    pub remaining: u64,
    /// The first of what differs.
    pub drifts: Vec<Drift>,
    /// Accounts in which something differs.
    pub accounts: Vec<String>,
    /// The days on which something differs, as days since 1970.
    pub days: BTreeSet<u16>,
}

impl Verdict {
    /// The days on which something differs, each first and last day of some that follow one another.
    pub(super) fn spans(&self) -> Vec<(u16, u16)> {
        let mut spans: Vec<(u16, u16)> = Vec::new();
        for day in &self.days {
            match spans.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*day) => *last = *day,
                _ => spans.push((*day, *day)),
            }
        }
        spans
    }

    /// Adds what was found on other days.
    pub(super) fn add(&mut self, other: Self, named: usize) {
        self.differing += other.differing;
        self.remaining += other.remaining;
        self.drifts.extend(other.drifts);
        self.drifts.truncate(named);
        self.accounts.extend(other.accounts);
        self.accounts.sort_unstable();
        self.accounts.dedup();
        self.days.extend(other.days);
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_follow_one_another_are_one_span() {
        let verdict = Verdict { days: [3, 5, 6, 7, u16::MAX].into(), ..Verdict::default() };
        assert_eq!(verdict.spans(), [(3, 3), (5, 7), (u16::MAX, u16::MAX)]);
        assert_eq!(Verdict::default().spans(), []);
    }

    #[test]
    fn what_is_found_on_other_days_is_added() {
        let found = |accounts: &[&str], day| Verdict {
            differing: 2,
            accounts: accounts.iter().map(|&name| name.to_owned()).collect(),
            days: [day].into(),
            ..Verdict::default()
        };
        let mut sum = found(&["a", "c"], 1);
        sum.add(found(&["b", "c"], 4), 10);
        assert_eq!((sum.differing, sum.spans()), (4, vec![(1, 1), (4, 4)]));
        assert_eq!(sum.accounts, ["a", "b", "c"]);
    }
}
