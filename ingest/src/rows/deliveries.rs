//! Rows of `deliveries`: the latest state of every delivery.

use schema::{FailureClass, Millis};

use super::{
    Insert, Table, by_month,
    native::{Block, Encoded},
    types::{TIME, day, or_never},
};
use crate::{
    batch::{Batch, Touched},
    buffers::Buffers,
    delivery::{Delivery, Outcome},
};

/// The inserts of the deliveries that a batch touched.
pub(super) fn inserts(batch: &Batch<'_>, version: u64, buffers: &Buffers) -> Vec<Insert> {
    let months = by_month(rows(batch), |row| row.sent_at);
    let insert =
        |(month, rows): (_, Vec<_>)| Insert::new(Table::Deliveries, month, block(batch, &rows, version, buffers));
    months.into_iter().map(insert).collect()
}

/// A row of `deliveries`: the state after the batch, or the tombstone of a state that moved to another day.
struct DeliveryRow<'t, 's> {
    touched: &'t Touched<'s>,
    /// Its day is part of the table's key.
    sent_at: Millis,
    deleted: bool,
}

fn rows<'t, 's>(batch: &'t Batch<'s>) -> Vec<DeliveryRow<'t, 's>> {
    let mut rows = Vec::with_capacity(batch.touched.len());
    // The row of a delivery that was forgotten says more than is known of it now.
    for touched in batch.touched.iter().filter(|touched| !touched.delivery.is_forgotten()) {
        let sent_at = touched.delivery.sent_at().unwrap_or_default();
        if let Some(before) = touched.sent_before.filter(|before| day(*before) != day(sent_at)) {
            rows.push(DeliveryRow { touched, sent_at: before, deleted: true });
        }
        rows.push(DeliveryRow { touched, sent_at, deleted: false });
    }
    rows.sort_by_cached_key(|row| (row.touched.account.name, day(row.sent_at), row.touched.key));
    rows
}

/// The bytes of a row of usual texts.
const ROW: usize = 330;

fn block(batch: &Batch<'_>, rows: &[DeliveryRow<'_, '_>], version: u64, buffers: &Buffers) -> Encoded {
    let touched = || rows.iter().map(|row| row.touched);
    let states = || touched().map(|touched| &touched.delivery);
    let mut block = Block::new(&batch.texts, rows.len(), (ROW, buffers));
    block.dictionary("account", touched().map(|touched| touched.account.text));
    block.fixed("sent_day", "Date", rows.iter().map(|row| day(row.sent_at).to_le_bytes()));
    let hashes = touched().map(|touched| {
        [touched.key.0, touched.recipient_hash.0, touched.delivery.others.bits()].map(u128::to_le_bytes)
    });
    block.numbers(&["delivery", "recipient_hash", "others"], "UInt128", hashes);
    block.fixed("version", "UInt64", rows.iter().map(|_| version.to_le_bytes()));
    block.fixed("deleted", "UInt8", rows.iter().map(|row| [u8::from(row.deleted)]));
    block.text("message_id", touched().map(|touched| touched.message_id));
    block.text("recipient", touched().map(|touched| touched.recipient));
    block.dictionary("recipient_domain", touched().map(|touched| touched.domain));
    block.dictionary("sender", states().map(|delivery| delivery.attributes.sender()));
    block.dictionary("subject", states().map(|delivery| delivery.attributes.subject()));
    block.dictionary("campaign", states().map(|delivery| delivery.attributes.campaign()));
    block.map("fields", touched().map(|touched| touched.fields));
    outcome_columns(&mut block, &states().map(|delivery| Outcomes::of(delivery.outcome())).collect::<Vec<_>>());
    time_columns(&mut block, rows);
    block.finish()
}

/// A time of a delivery, if it has one.
type At = fn(&Delivery) -> Option<Millis>;

fn time_columns(block: &mut Block<'_, '_>, rows: &[DeliveryRow<'_, '_>]) {
    let columns: [(&str, At); 8] = [
        ("sent_at", Delivery::sent_at),
        ("last_event_at", Delivery::last_event_at),
        ("secured_at", Delivery::secured),
        ("opened_at", Delivery::opened),
        ("machine_opened_at", Delivery::machine_opened),
        ("clicked_at", Delivery::clicked),
        ("complained_at", Delivery::complained),
        ("unsubscribed_at", Delivery::unsubscribed),
    ];
    let times = |row: &DeliveryRow<'_, '_>| columns.map(|(_, at)| or_never(at(&row.touched.delivery)));
    block.numbers(&columns.map(|(name, _)| name), TIME, rows.iter().map(times));
}

/// The outcomes by the places that [`Outcomes`] names.
const OUTCOMES: [&str; 3] = ["delivered", "failed", "pending"];
/// No class, and the classes in their order.
const CLASSES: [&str; FailureClass::ALL.len() + 1] = {
    let mut names = [""; FailureClass::ALL.len() + 1];
    let mut place = 0;
    while place < FailureClass::ALL.len() {
        names[place + 1] = FailureClass::ALL[place].name();
        place += 1;
    }
    names
};

fn outcome_columns(block: &mut Block<'_, '_>, outcomes: &[Outcomes]) {
    block.words("outcome", &OUTCOMES, outcomes.iter().map(|outcome| outcome.outcome.into()));
    block.words("class", &CLASSES, outcomes.iter().map(|outcome| outcome.class.into()));
    block.fixed("delivered_at", TIME, outcomes.iter().map(|outcome| or_never(outcome.delivered_at)));
    block.fixed("failed_at", TIME, outcomes.iter().map(|outcome| or_never(outcome.failed_at)));
}

/// An outcome, as columns.
struct Outcomes {
    outcome: u8,
    class: u8,
    delivered_at: Option<Millis>,
    failed_at: Option<Millis>,
}

impl Outcomes {
    const fn of(outcome: Outcome) -> Self {
        let (outcome, class, delivered_at, failed_at) = match outcome {
            Outcome::Delivered(time) => (0, 0, Some(time), None),
            Outcome::Failed(time, class) => (1, class as u8 + 1, None, Some(time)),
            Outcome::Pending => (2, 0, None, None),
        };
        Self { outcome, class, delivered_at, failed_at }
    }
}
