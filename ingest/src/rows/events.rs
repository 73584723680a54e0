//! Rows of `events`: every distinct event, as accepted.

use super::{
    Insert, Table, by_month,
    native::{Block, Encoded},
    types::{TIME, time},
};
use crate::{batch::Batch, buffers::Buffers, fact::Fact};

/// The inserts of a batch's facts.
pub(super) fn inserts(batch: &Batch<'_>, number: u64, buffers: &Buffers) -> Vec<Insert> {
    let months = by_month(rows(batch), |row| row.time);
    let insert = |(month, rows): (_, Vec<_>)| Insert::new(Table::Events, month, block(batch, &rows, number, buffers));
    months.into_iter().map(insert).collect()
}

/// A row of `events`.
struct Row<'b, 's> {
    fact: &'b Fact<'s>,
    /// Whether its delivery had been forgotten.
    late: bool,
}

impl<'s> std::ops::Deref for Row<'_, 's> {
    type Target = Fact<'s>;

    fn deref(&self) -> &Fact<'s> {
        self.fact
    }
}

fn rows<'b, 's>(batch: &'b Batch<'s>) -> Vec<Row<'b, 's>> {
    let mut rows = Vec::with_capacity(batch.facts.all.len());
    for (facts, touched) in batch.facts.by_delivery().zip(&batch.touched) {
        let late = touched.delivery.is_forgotten();
        rows.extend(facts.iter().map(|fact| Row { fact, late }));
    }
    rows
}

/// The bytes of a row of usual texts.
const ROW: usize = 300;

fn block(batch: &Batch<'_>, rows: &[Row<'_, '_>], number: u64, buffers: &Buffers) -> Encoded {
    let facts = || rows.iter();
    let mut block = Block::new(&batch.texts, rows.len(), (ROW, buffers));
    block.dictionary("account", facts().map(|fact| fact.account.text));
    let ids = facts().map(|fact| [fact.delivery.0, fact.id.0].map(u128::to_le_bytes));
    block.numbers(&["delivery", "event_id"], "UInt128", ids);
    // ClickHouse takes the numbers of an enumeration for its names.
    let names = facts().map(|fact| {
        let (class, method) = (fact.class.map(|class| class as u8), fact.method.map(|method| method as u8));
        [Some(fact.kind as u8), class, method].map(|name| [name.map_or(0, |place| place + 1)])
    });
    block.numbers(&["kind", "class", "method"], "Int8", names);
    block.numbers(
        &["machine", "late"],
        "Bool",
        rows.iter().map(|row| [row.machine, row.late].map(|is| [u8::from(is)])),
    );
    block.numbers(&["time", "accepted_at"], TIME, facts().map(|fact| [fact.time, fact.accepted_at].map(time)));
    block.fixed("batch", "UInt64", rows.iter().map(|_| number.to_le_bytes()));
    block.text("source_id", facts().map(|fact| fact.source_id));
    block.text("message_id", facts().map(|fact| fact.message_id));
    block.text("recipient", facts().map(|fact| fact.recipient));
    block.dictionary("sender", facts().map(|fact| fact.sender));
    block.dictionary("subject", facts().map(|fact| fact.subject));
    block.dictionary("campaign", facts().map(|fact| fact.campaign));
    block.map("fields", facts().map(|fact| fact.fields));
    block.text("url", facts().map(|fact| fact.url));
    block.text("reason", facts().map(|fact| fact.reason));
    block.dictionary("source", facts().map(|fact| fact.source));
    block.finish()
}
