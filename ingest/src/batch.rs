//! Computes what a batch of records changes: reads the states before, folds the distinct events in, and takes the difference.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use schema::{AccountId, Basis, Bucket, DeliveryKey, Event, EventId, Identifier, Measures, Millis, RecipientHash};

use crate::{
    contribution::Cells,
    delivery::Delivery,
    ledger::{Changes, LedgerError, State, View},
    record::{self, Head, RecordError},
};

/// A batch could not be computed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("a record of the spool cannot be read")]
    Record(#[from] RecordError),
    #[error("the spool's bytes changed under our feet")]
    Frame,
}

/// The records of a batch, in binary form.
pub(crate) struct Records<'s>(Vec<(Head, &'s [u8])>);

impl<'s> Records<'s> {
    /// Finds the records in the frames.
    pub(crate) fn open(mut frames: &'s [u8]) -> Result<Self, BatchError> {
        let mut records = Vec::new();
        while !frames.is_empty() {
            let payload = record::payload(frames).ok_or(BatchError::Frame)?;
            frames = &frames[record::FRAME + payload.len()..];
            records.push(record::open(payload)?);
        }
        Ok(Self(records))
    }
}

/// An event with its identities.
pub(crate) struct Fact<'s> {
    pub(crate) event: Event<'s>,
    pub(crate) account: &'s AccountId,
    pub(crate) accepted_at: Millis,
    pub(crate) id: EventId,
    pub(crate) delivery: DeliveryKey,
}

/// The attributes that a cell is keyed by, in the order of the cube's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dimensions<'s> {
    pub(crate) account: &'s AccountId,
    pub(crate) campaign: &'s str,
    pub(crate) subject: &'s str,
    pub(crate) sender: &'s str,
    pub(crate) recipient_domain: &'s str,
    pub(crate) fields: Vec<(&'s str, &'s str)>,
}

impl<'s> Dimensions<'s> {
    fn of(account: &'s AccountId, recipient: &'s str, delivery: &Delivery<'s>) -> Self {
        Self {
            account,
            campaign: delivery.attributes.campaign(),
            subject: delivery.attributes.subject(),
            sender: delivery.attributes.sender(),
            recipient_domain: schema::domain_of(recipient),
            fields: delivery.attributes.fields().collect(),
        }
    }
}

/// The new state of a delivery that the batch touched.
pub(crate) struct Touched<'s> {
    pub(crate) key: DeliveryKey,
    pub(crate) account: &'s AccountId,
    pub(crate) message_id: &'s str,
    pub(crate) recipient: &'s str,
    pub(crate) recipient_hash: RecipientHash,
    /// When it counted as sent before the batch, if it was known.
    pub(crate) sent_before: Option<Millis>,
    pub(crate) delivery: Delivery<'s>,
}

/// Changed measures by the cube's key; the dimensions are kept once.
#[derive(Default)]
pub(crate) struct CubeChange<'s> {
    pub(crate) dimensions: IndexSet<Dimensions<'s>, FxBuildHasher>,
    pub(crate) cells: FxHashMap<(usize, Basis, Bucket), Measures>,
}

impl<'s> CubeChange<'s> {
    fn add(&mut self, dimensions: Dimensions<'s>, cells: &mut Cells) {
        let (place, _) = self.dimensions.insert_full(dimensions);
        for (basis, bucket, measures) in cells.drain() {
            *self.cells.entry((place, basis, bucket)).or_default() += &measures;
        }
    }
}

/// Everything that a batch changes.
pub(crate) struct Batch<'s> {
    pub(crate) facts: Vec<Fact<'s>>,
    pub(crate) duplicates: u64,
    pub(crate) touched: Vec<Touched<'s>>,
    pub(crate) cube: CubeChange<'s>,
}

/// The distinct events of the records that the ledger has not seen, delivery by delivery, and how many repeated another.
///
/// Of two events of one identity the first one accepted stands. The ledger is asked in the order of its keys: neighbours share blocks.
pub(crate) fn distinct<'s>(
    records: &'s Records<'s>,
    ledger: View<'_>,
    identifier: &Identifier,
) -> Result<(Vec<Fact<'s>>, u64), BatchError> {
    let mut facts = facts(records, identifier)?;
    let mut ids: Vec<(EventId, usize)> = facts.iter().zip(0..).map(|(fact, place)| (fact.id, place)).collect();
    ids.sort_unstable();
    let mut fresh = vec![false; facts.len()];
    let mut before = None;
    for (id, place) in ids {
        fresh[place] = before != Some(id) && !ledger.has_seen(id)?;
        before = Some(id);
    }
    let all = facts.len();
    let mut is_fresh = fresh.into_iter();
    facts.retain(|_| is_fresh.next().unwrap_or(false));
    let duplicates = (all - facts.len()) as u64;
    facts.sort_by_cached_key(|fact| (fact.account, fact.delivery, fact.event.time, fact.id));
    Ok((facts, duplicates))
}

fn facts<'s>(records: &'s Records<'s>, identifier: &Identifier) -> Result<Vec<Fact<'s>>, RecordError> {
    let mut facts = Vec::with_capacity(records.0.iter().map(|(head, _)| head.events as usize).sum());
    for (head, bytes) in &records.0 {
        let account = &head.account;
        record::each_event(head, bytes, |event| {
            let id = identifier.event(account, &event);
            let delivery = identifier.delivery(account, event.message_id, event.recipient);
            facts.push(Fact { event, account, accepted_at: head.accepted_at, id, delivery });
        })?;
    }
    Ok(facts)
}

/// The ledger's states of the deliveries that the facts speak of, in the facts' order.
pub(crate) fn states(facts: &[Fact<'_>], ledger: View<'_>) -> Result<Vec<Option<State>>, BatchError> {
    let deliveries = facts.chunk_by(|one, next| one.delivery == next.delivery);
    Ok(deliveries.map(|facts| ledger.state(facts[0].delivery)).collect::<Result<_, _>>()?)
}

/// Folds the facts into the states and takes the difference of what the deliveries contribute before and after.
pub(crate) fn fold<'s>(
    facts: Vec<Fact<'s>>,
    duplicates: u64,
    states: &'s [Option<State>],
    identifier: &Identifier,
) -> Result<Batch<'s>, BatchError> {
    let mut touched = Vec::with_capacity(states.len());
    let mut cube = CubeChange::default();
    for (facts, state) in facts.chunk_by(|one, next| one.delivery == next.delivery).zip(states) {
        let delivery = match state {
            Some(bytes) => postcard::from_bytes(bytes).map_err(LedgerError::from)?,
            None => Delivery::default(),
        };
        touched.push(touch(facts, delivery, &mut cube, identifier));
    }
    cube.cells.retain(|_, measures| !measures.is_zero());
    Ok(Batch { facts, duplicates, touched, cube })
}

/// Folds the facts of one delivery.
fn touch<'s>(
    facts: &[Fact<'s>],
    mut delivery: Delivery<'s>,
    cube: &mut CubeChange<'s>,
    identifier: &Identifier,
) -> Touched<'s> {
    let Fact { account, delivery: key, ref event, .. } = facts[0];
    let sent_before = delivery.sent_at();
    let before = sent_before.map(|_| Dimensions::of(account, event.recipient, &delivery));
    let mut cells = Cells::default();
    cells.add(&delivery, -1);
    for fact in facts {
        delivery.fold(&fact.event, fact.id);
    }
    let after = Dimensions::of(account, event.recipient, &delivery);
    if let Some(before) = before.filter(|before| *before != after) {
        cube.add(before, &mut cells);
    }
    cells.add(&delivery, 1);
    cube.add(after, &mut cells);
    Touched {
        key,
        account,
        message_id: event.message_id,
        recipient: event.recipient,
        recipient_hash: identifier.recipient(account, event.recipient),
        sent_before,
        delivery,
    }
}

impl Batch<'_> {
    /// What the ledger must remember.
    pub(crate) fn changes(&self) -> Result<Changes, LedgerError> {
        let states = self
            .touched
            .iter()
            .map(|touched| Ok((touched.key, postcard::to_stdvec(&touched.delivery)?.into())))
            .collect::<Result<_, postcard::Error>>()?;
        Ok(Changes { states, seen: self.facts.iter().map(|fact| fact.id).collect() })
    }
}
