//! What stands in a letter: a notice, or a report that was due.

use serde::{Deserialize, Serialize};

use super::notice::Notice;
use crate::saved::Dispatch;

/// The text of a letter. A notice stands there as it is, as it did before there were others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum LetterText {
    /// A report.
    Report {
        /// Which, and what it asks.
        report: Box<Dispatch>,
    },
    /// A change of an alert.
    Alert(Box<Notice>),
}
