//! What became of the events of an import: counts, the first rejections by line, and up to where everything was acknowledged.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    batches::{Batch, Place},
    checkpoint::Progress,
};
use crate::cli::format::grouped;

/// So many rejections are told one by one.
const SHOWN: usize = 10;

/// Counts of events, and of what is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// All of them.
    pub(super) events: u64,
    /// Events that the service keeps.
    pub(super) accepted: u64,
    /// Events that it refused, and pieces too long to be sent.
    pub(super) rejected: u64,
    /// What tells of nothing that the service counts.
    #[serde(default)]
    pub(super) ignored: u64,
}

impl Counts {
    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.ignored += other.ignored;
    }
}

/// The service's answer to a batch.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Receipt {
    accepted: u64,
    rejected: u64,
    #[serde(default)]
    errors: Vec<Rejection>,
    #[serde(default)]
    ignored: BTreeMap<String, u64>,
}

/// What pieces are called.
#[derive(Debug)]
pub(super) struct Names {
    /// What is counted: lines or messages.
    pub(super) unit: &'static str,
    /// The file of each piece, where each has one.
    pub(super) files: Vec<PathBuf>,
}

impl Names {
    /// The name of the piece of this number.
    fn of(&self, number: u64) -> String {
        let file = usize::try_from(number).ok().and_then(|number| self.files.get(number.checked_sub(1)?));
        let name = format!("{} {}", self.unit, grouped(number));
        file.map_or_else(|| name.clone(), |file| format!("{name} ({})", file.display()))
    }
}

/// What is wrong with one event of a batch.
#[derive(Debug, Deserialize)]
struct Rejection {
    index: usize,
    code: String,
    detail: String,
}

/// What became of an import so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Everything that was answered, before an interruption too.
    counts: Counts,
    /// What was answered before an interruption.
    before: Counts,
    /// Everything before it was acknowledged.
    settled: Progress,
    /// Batches acknowledged behind one that is not, by where they begin.
    ahead: BTreeMap<Place, (Place, Counts)>,
    /// What was ignored since the start or the resumption, by name.
    ignored: BTreeMap<String, u64>,
    /// Rejections by line, the first of them.
    rejections: BTreeMap<u64, String>,
}

impl Tally {
    /// Goes on from earlier progress.
    pub(super) fn resumed(progress: Progress) -> Self {
        Self { counts: progress.counts, before: progress.counts, settled: progress, ..Self::default() }
    }

    /// Counts an acknowledged batch. True when more is settled now.
    pub(super) fn acknowledge(&mut self, batch: &Batch, receipt: &Receipt, longest: usize) -> bool {
        let too_long = batch.too_long.len() as u64;
        let (accepted, rejected) = (receipt.accepted, receipt.rejected + too_long);
        let ignored = receipt.ignored.values().sum();
        let counts = Counts { events: accepted + rejected + ignored, accepted, rejected, ignored };
        self.counts.add(counts);
        for (name, count) in &receipt.ignored {
            *self.ignored.entry(name.clone()).or_default() += count;
        }
        for line in &batch.too_long {
            self.reject(*line, format!("too_long: the line has more than {} bytes", grouped(longest as u64)));
        }
        for rejection in &receipt.errors {
            if let Some(line) = batch.lines.get(rejection.index) {
                self.reject(*line, format!("{}: {}", rejection.code, rejection.detail));
            }
        }
        self.ahead.insert(batch.start, (batch.end, counts));
        let from = self.settled;
        while let Some((end, counts)) = self.ahead.remove(&self.settled.place()) {
            let mut sum = self.settled.counts;
            sum.add(counts);
            self.settled = Progress::new(end, sum);
        }
        self.settled != from
    }

    fn reject(&mut self, line: u64, reason: String) {
        self.rejections.insert(line, reason);
        if self.rejections.len() > SHOWN {
            self.rejections.pop_last();
        }
    }

    /// Everything before it was acknowledged.
    pub(super) fn settled(&self) -> &Progress {
        &self.settled
    }

    /// What was answered so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Events answered since the start or the resumption.
    pub(super) fn fresh(&self) -> u64 {
        self.counts.events - self.before.events
    }

    /// The summary, several lines.
    pub(super) fn summary(&self, took: Duration, names: &Names) -> String {
        let Counts { events, accepted, rejected, ignored } = self.counts;
        let seconds = took.as_secs_f64();
        let ignored = if ignored > 0 { format!(", {} ignored", grouped(ignored)) } else { String::new() };
        let mut text = format!(
            "{} events: {} accepted, {} rejected{ignored}; {seconds:.1} s, {} events/s\n",
            grouped(events),
            grouped(accepted),
            grouped(rejected),
            grouped(per_second(self.fresh(), took))
        );
        if !self.ignored.is_empty() {
            let counts = self.ignored.iter().map(|(name, count)| format!("{} {}", printable(name), grouped(*count)));
            let counts = counts.collect::<Vec<_>>().join(", ");
            writeln!(text, "  ignored, for nothing of it is counted: {counts}").expect("a String takes all");
        }
        if self.before.events > 0 {
            let before = grouped(self.before.events);
            writeln!(text, "{before} of them were acknowledged before the interruption").expect("a String takes all");
        }
        for (line, reason) in &self.rejections {
            writeln!(text, "  {}: {}", names.of(*line), printable(reason)).expect("a String takes all");
        }
        let shown = self.rejections.len() as u64;
        if rejected > shown {
            writeln!(text, "  … and {} rejected events more", grouped(rejected - shown)).expect("a String takes all");
        }
        text
    }
}

/// A rate over a span, whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and far below 2^52")]
pub(super) fn per_second(events: u64, took: Duration) -> u64 {
    (events as f64 / took.as_secs_f64().max(0.001)).round() as u64
}

/// A text of the service's that a terminal can show.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Names = Names { unit: "line", files: Vec::new() };

    fn place(lines: u64) -> Place {
        Place { offset: lines * 10, lines }
    }

    /// A batch of the lines after `start`, up to `end`.
    fn batch(start: u64, end: u64) -> Batch {
        Batch { start: place(start), end: place(end), lines: (start + 1..=end).collect(), ..Batch::default() }
    }

    fn receipt(accepted: u64, errors: &[usize]) -> Receipt {
        let errors: Vec<_> = errors
            .iter()
            .map(|index| Rejection { index: *index, code: "unknown_key".into(), detail: "there is no\nkey".into() })
            .collect();
        Receipt { accepted, rejected: errors.len() as u64, errors, ignored: BTreeMap::new() }
    }

    #[test]
    fn nothing_is_settled_behind_a_batch_that_is_not_acknowledged() {
        let mut tally = Tally::default();
        assert!(!tally.acknowledge(&batch(2, 4), &receipt(2, &[]), 9));
        assert!(!tally.acknowledge(&batch(4, 5), &receipt(1, &[]), 9));
        assert_eq!(tally.settled().place(), place(0));
        assert!(tally.acknowledge(&batch(0, 2), &receipt(1, &[1]), 9));
        assert_eq!(
            *tally.settled(),
            Progress::new(place(5), Counts { events: 5, accepted: 4, rejected: 1, ignored: 0 })
        );
    }

    #[test]
    fn a_resumed_import_sums_up_the_whole_file() {
        let counts = Counts { events: 1000, accepted: 990, rejected: 10, ignored: 0 };
        let mut tally = Tally::resumed(Progress::new(place(1000), counts));
        tally.acknowledge(&batch(1000, 1500), &receipt(499, &[0]), 9);
        let summary = tally.summary(Duration::from_secs(2), &LINES);
        assert_eq!(
            summary,
            "1,500 events: 1,489 accepted, 11 rejected; 2.0 s, 250 events/s\n\
             1,000 of them were acknowledged before the interruption\n  \
             line 1,001: unknown_key: there is no\u{fffd}key\n  … and 10 rejected events more\n"
        );
    }

    #[test]
    fn what_is_ignored_is_told_by_name_and_what_lies_in_a_file_by_its_name() {
        let mut tally = Tally::default();
        let mut told = receipt(3, &[1]);
        told.ignored = [("not-spam".to_owned(), 2)].into();
        tally.acknowledge(&batch(0, 2), &told, 9);
        tally.acknowledge(&batch(2, 3), &Receipt { errors: Vec::new(), ..told }, 9);
        let names = Names { unit: "message", files: vec!["new/1".into(), "new/2".into()] };
        assert_eq!(
            tally.summary(Duration::from_secs(1), &names),
            "12 events: 6 accepted, 2 rejected, 4 ignored; 1.0 s, 12 events/s\n  \
             ignored, for nothing of it is counted: not-spam 4\n  \
             message 2 (new/2): unknown_key: there is no\u{fffd}key\n  … and 1 rejected events more\n"
        );
    }

    #[test]
    fn the_first_rejections_are_told_whatever_order_they_came_in() {
        let mut tally = Tally::default();
        let mut last = batch(100, 130);
        last.too_long = vec![131];
        tally.acknowledge(&last, &receipt(10, &(0..20).collect::<Vec<_>>()), 8);
        tally.acknowledge(&batch(0, 100), &receipt(98, &[4, 7]), 8);
        let summary = tally.summary(Duration::from_secs(1), &LINES);
        let lines: Vec<_> = summary.lines().filter_map(|line| line.trim().strip_prefix("line ")).collect();
        assert!(lines[0].starts_with("5:") && lines[1].starts_with("8:") && lines[2].starts_with("101:"));
        assert_eq!(lines.len(), 10);
        assert!(summary.ends_with("… and 13 rejected events more\n"));
    }
}
