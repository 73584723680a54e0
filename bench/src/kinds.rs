//! `postlens-bench kinds`: what every kind of report costs on many events, beside the same on few. Most read the rollup or the cube and
//! may cost but little more; a few read events or deliveries, which a narrower range bounds.

mod asking;
mod questions;

use crate::{
    kept::Kept,
    table::{Table, Wanted},
};

use self::{
    asking::Asker,
    questions::{QUESTIONS, Question},
};

/// Loads what is not kept from a run before, and measures nothing.
pub(crate) fn load(sizes: [usize; 2]) {
    for size in sizes {
        let kept = Kept::of(size);
        println!("{} events in {} bytes of tables", kept.events, kept.disk.tables);
    }
}

/// Asks one after the other, so that only one service is there at a time.
pub(crate) fn measure(sizes: [usize; 2], table: &mut Table) {
    let [(small, fast), (large, slow)] = sizes.map(|size| {
        let kept = Kept::of(size);
        println!("asking about {} events", kept.events);
        let asker = Asker::new(&kept.service);
        let outcomes: Vec<_> = questions().map(|(question, range)| asker.time(question, range)).collect();
        (kept.events, outcomes)
    });
    table.heading(format!("{large} events, and against them {small}"));
    for (((question, range), slow), fast) in questions().zip(slow).zip(fast) {
        let wanted = if question.grows { Wanted::Nothing } else { Wanted::AtMost(3.0) };
        table.grown(format!("  {}{}", question.name, range.suffix()), &slow, &fast, wanted);
    }
}

/// Every question over the whole span, and those that a range bounds over a day of it, too.
fn questions() -> impl Iterator<Item = (&'static Question, Range)> {
    let ranges = |question: &Question| if question.bounded { vec![Range::Span, Range::Day] } else { vec![Range::Span] };
    QUESTIONS.iter().flat_map(move |question| ranges(question).into_iter().map(move |range| (question, range)))
}

/// Of when a question asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    /// All the time that the traffic spans.
    Span,
    /// One day of it.
    Day,
}

impl Range {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Span => "",
            Self::Day => ", one day",
        }
    }
}
