//! What a recount tells: how far it is, and in the end what differs.

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
    /// The first and the last day on which something differs, as days since 1970.
    pub days: Option<(u16, u16)>,
}

impl Verdict {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differing == 0
    }
}
