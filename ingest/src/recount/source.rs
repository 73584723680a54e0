//! The events of ClickHouse, delivery by delivery, as records of the spool: so what folds them cannot tell the two apart.

use clickhouse::{Row, query::RowCursor};
use schema::{AccountId, ClickHouse, EVENTS, Event, EventKind, FailureClass, Millis, SecureMethod};
use serde::Deserialize;

use super::{RecountError, Result, Scope, marks::Place, statement::statement};
use crate::record::RecordBuilder;

/// Events that are folded at once.
const EVENTS_AT_ONCE: usize = 65_536;
/// Bytes of texts that are folded at once.
const BYTES_AT_ONCE: usize = 32 << 20;

/// A row of `events`, as far as a delivery's state depends on it.
#[derive(Row, Deserialize)]
struct EventRow<'e> {
    owner: &'e str,
    key: u128,
    kind_number: i8,
    millis: i64,
    source: &'e str,
    message: &'e str,
    address: &'e str,
    sender_text: &'e str,
    subject_text: &'e str,
    campaign_text: &'e str,
    #[serde(borrow)]
    pairs: Vec<(&'e str, &'e str)>,
    is_machine: bool,
    class_number: i8,
    method_number: i8,
    link: &'e str,
}

impl<'e> EventRow<'e> {
    fn event(self) -> Option<Event<'e>> {
        // Zero is none of them.
        let place = |number: i8| usize::try_from(number).ok()?.checked_sub(1);
        Some(Event {
            kind: *EventKind::ALL.get(place(self.kind_number)?)?,
            time: Millis(self.millis),
            message_id: self.message,
            recipient: self.address,
            event_id: self.source,
            sender: self.sender_text,
            subject: self.subject_text,
            campaign: self.campaign_text,
            fields: self.pairs,
            machine: self.is_machine,
            class: place(self.class_number).and_then(|place| FailureClass::ALL.get(place)).copied(),
            method: place(self.method_number).and_then(|place| SecureMethod::ALL.get(place)).copied(),
            url: self.link,
            reason: "",
        })
    }

    fn bytes(&self) -> usize {
        let pairs: usize = self.pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let texts = [self.source, self.message, self.address, self.link, self.sender_text, self.subject_text];
        pairs + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

/// Events of one delivery after the other.
pub(super) struct Run {
    pub(super) frames: Vec<u8>,
    /// The last delivery.
    pub(super) last: Place,
}

/// The stream of events. ClickHouse reads them in the order of their table's key, so nothing is sorted.
pub(super) struct Source {
    cursor: RowCursor<EventRow<'static>>,
    taken: u64,
}

impl Source {
    /// The late events of the scope, or all others.
    pub(super) fn open(clickhouse: &ClickHouse, scope: &Scope, late: bool) -> Result<Self> {
        let cursor = scope.bind(statement(clickhouse, &select(scope, late))).fetch()?;
        Ok(Self { cursor, taken: 0 })
    }

    /// How many events were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The next run of events, a record for each account.
    pub(super) async fn next(&mut self) -> Result<Option<Run>> {
        let (mut frames, mut record, mut account) = (Vec::new(), RecordBuilder::default(), None::<AccountId>);
        let (mut events, mut bytes, mut key) = (0, 0, 0);
        while events < EVENTS_AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(row) = self.cursor.next().await? else { break };
            if account.as_ref().is_none_or(|account| account.as_str() != row.owner) {
                let next = row.owner.parse().map_err(|_| RecountError::Event)?;
                if let Some(account) = account.replace(next) {
                    frames.extend(std::mem::take(&mut record).finish(&account, Millis::default()));
                }
            }
            events += 1;
            key = row.key;
            bytes += row.bytes();
            record.push(&row.event().ok_or(RecountError::Event)?);
        }
        self.taken += events as u64;
        let Some(account) = account else { return Ok(None) };
        frames.extend(record.finish(&account, Millis::default()));
        Ok(Some(Run { frames, last: (account.as_str().to_owned(), key) }))
    }
}

/// The condition on rows of deliveries that have an event in the scope.
pub(super) fn touched(scope: &Scope) -> String {
    let account = if scope.account.is_some() { "stored.account = {account:String}" } else { "1" };
    if scope.is_every_day() {
        return account.to_owned();
    }
    let condition = scope.condition("toDate(time)");
    format!(
        "{account} AND (stored.account, stored.delivery) IN (SELECT account, delivery FROM {EVENTS} WHERE {condition})"
    )
}

fn select(scope: &Scope, late: bool) -> String {
    let condition = touched(scope);
    format!(
        "SELECT CAST(stored.account, 'String') AS owner, stored.delivery AS key, CAST(stored.kind, 'Int8') AS kind_number,
    toUnixTimestamp64Milli(stored.time) AS millis, stored.source_id AS source, stored.message_id AS message,
    stored.recipient AS address, CAST(stored.sender, 'String') AS sender_text,
    CAST(stored.subject, 'String') AS subject_text, CAST(stored.campaign, 'String') AS campaign_text,
    CAST(stored.fields, 'Map(String, String)') AS pairs, stored.machine AS is_machine,
    CAST(stored.class, 'Int8') AS class_number, CAST(stored.method, 'Int8') AS method_number, stored.url AS link
FROM {EVENTS} AS stored
WHERE stored.late = {late} AND {condition}
ORDER BY stored.account, stored.delivery, stored.time, stored.event_id, stored.accepted_at"
    )
}
