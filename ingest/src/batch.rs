//! Computes what a batch of records changes: reads the states before, folds the distinct events in, and takes the difference.

use std::collections::hash_map::Entry;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
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

/// The attributes that a cell is keyed by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The distinct events of the records that the ledger has not seen, in order, and how many repeated another.
pub(crate) fn distinct<'s>(
    records: &'s Records<'s>,
    ledger: View<'_>,
    identifier: &Identifier,
) -> Result<(Vec<Fact<'s>>, u64), BatchError> {
    let events = records.0.iter().map(|(head, _)| head.events as usize).sum();
    let mut facts = Vec::with_capacity(events);
    let mut ids = FxHashSet::with_capacity_and_hasher(events, FxBuildHasher);
    for (head, bytes) in &records.0 {
        let account = &head.account;
        record::each_event(head, bytes, |event| {
            let id = identifier.event(account, &event);
            if ids.insert(id) {
                let delivery = identifier.delivery(account, event.message_id, event.recipient);
                facts.push(Fact { event, account, accepted_at: head.accepted_at, id, delivery });
            }
        })?;
    }
    let mut failed = None;
    facts.retain(|fact| match ledger.has_seen(fact.id) {
        Ok(seen) => !seen,
        Err(error) => {
            failed.get_or_insert(error);
            false
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let duplicates = (events - facts.len()) as u64;
    Ok((facts, duplicates))
}

/// The ledger's states of the deliveries that the facts speak of, in the facts' order of first mention.
pub(crate) fn states(facts: &[Fact<'_>], ledger: View<'_>) -> Result<Vec<(DeliveryKey, Option<State>)>, BatchError> {
    let mut known = FxHashSet::with_capacity_and_hasher(facts.len(), FxBuildHasher);
    let mut states = Vec::new();
    for fact in facts {
        if known.insert(fact.delivery) {
            states.push((fact.delivery, ledger.state(fact.delivery)?));
        }
    }
    Ok(states)
}

/// Folds the facts into the states and takes the difference of what the deliveries contribute before and after.
pub(crate) fn fold<'s>(
    facts: Vec<Fact<'s>>,
    duplicates: u64,
    states: &'s [(DeliveryKey, Option<State>)],
    identifier: &Identifier,
) -> Result<Batch<'s>, BatchError> {
    let by_delivery = group(&facts);
    let mut touched = Vec::with_capacity(states.len());
    let mut cube = CubeChange::default();
    for (key, state) in states {
        let mut delivery: Delivery<'s> = match state {
            Some(bytes) => postcard::from_bytes(bytes).map_err(LedgerError::from)?,
            None => Delivery::default(),
        };
        let places = &by_delivery[key];
        let first = &facts[places[0]];
        let (account, recipient) = (first.account, first.event.recipient);
        let sent_before = delivery.sent_at();
        let before = sent_before.map(|_| Dimensions::of(account, recipient, &delivery));
        let mut cells = Cells::default();
        cells.add(&delivery, -1);
        for place in places {
            delivery.fold(&facts[*place].event, facts[*place].id);
        }
        let after = Dimensions::of(account, recipient, &delivery);
        if let Some(before) = before.filter(|before| *before != after) {
            cube.add(before, &mut cells);
        }
        cells.add(&delivery, 1);
        cube.add(after, &mut cells);
        touched.push(Touched {
            key: *key,
            account,
            message_id: first.event.message_id,
            recipient,
            recipient_hash: identifier.recipient(account, recipient),
            sent_before,
            delivery,
        });
    }
    cube.cells.retain(|_, measures| !measures.is_zero());
    Ok(Batch { facts, duplicates, touched, cube })
}

fn group(facts: &[Fact<'_>]) -> FxHashMap<DeliveryKey, Vec<usize>> {
    let mut groups: FxHashMap<DeliveryKey, Vec<usize>> = FxHashMap::default();
    for (place, fact) in facts.iter().enumerate() {
        match groups.entry(fact.delivery) {
            Entry::Occupied(mut group) => group.get_mut().push(place),
            Entry::Vacant(group) => {
                group.insert(vec![place]);
            }
        }
    }
    groups
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
