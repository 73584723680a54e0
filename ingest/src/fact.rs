//! The distinct events of a batch with their identities, delivery by delivery. Whatever needs no order is done on all cores.

use foldhash::HashMap;
use rayon::prelude::*;
use schema::{AccountId, DeliveryKey, EventId, EventKind, FailureClass, Identifier, Millis, SecureMethod};

use crate::{
    attributes::Carried,
    delivery::Happening,
    ledger::{Known, LedgerError, View},
    record::{self, Record, RecordError, Stored},
    texts::{Field, FieldsId, TextId, Texts},
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
pub(crate) struct Records<'s>(Vec<Record<'s>>);

impl<'s> Records<'s> {
    /// Finds the records in the frames.
    pub(crate) fn open(mut frames: &'s [u8]) -> Result<Self, BatchError> {
        let mut records = Vec::new();
        while !frames.is_empty() {
            let payload = record::payload(frames).ok_or(BatchError::Frame)?;
            frames = &frames[record::FRAME + payload.len()..];
            records.push(Record::read(payload)?);
        }
        Ok(Self(records))
    }

    /// When the latest of them was accepted.
    pub(crate) fn accepted_at(&self) -> Millis {
        self.0.iter().map(|record| record.head.accepted_at).max().unwrap_or_default()
    }
}

/// An account: its name, and that name's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'s> {
    pub(crate) name: &'s AccountId,
    pub(crate) text: TextId,
    /// Its place in the order of the batch's accounts.
    rank: u32,
}

/// An event with its identities. What repeats from event to event is a number of the batch's texts.
#[derive(Clone, Copy)]
pub(crate) struct Fact<'s> {
    pub(crate) account: Account<'s>,
    pub(crate) accepted_at: Millis,
    /// The source by whose webhook it came.
    pub(crate) source: TextId,
    pub(crate) id: EventId,
    pub(crate) delivery: DeliveryKey,
    pub(crate) kind: EventKind,
    pub(crate) time: Millis,
    pub(crate) machine: bool,
    pub(crate) class: Option<FailureClass>,
    pub(crate) method: Option<SecureMethod>,
    pub(crate) message_id: &'s str,
    pub(crate) recipient: &'s str,
    /// What its source calls the event.
    pub(crate) source_id: &'s str,
    pub(crate) url: &'s str,
    pub(crate) reason: &'s str,
    pub(crate) sender: TextId,
    pub(crate) subject: TextId,
    pub(crate) campaign: TextId,
    pub(crate) fields: FieldsId,
}

impl Fact<'_> {
    /// What the event says of its delivery.
    pub(crate) fn happening<'t>(&self, texts: &'t Texts<'_>) -> Happening<'t> {
        Happening {
            id: self.id,
            kind: self.kind,
            time: self.time,
            machine: self.machine,
            class: self.class,
            method: self.method,
            carried: Carried {
                sender: self.sender,
                subject: self.subject,
                campaign: self.campaign,
                fields: texts.fields(self.fields),
            },
        }
    }
}

/// The facts of a batch.
pub(crate) struct Facts<'s> {
    /// Sorted by account, delivery, time and identity, as the table of events is.
    pub(crate) all: Vec<Fact<'s>>,
    /// Their identities, sorted.
    pub(crate) ids: Vec<EventId>,
    /// Events that repeated another.
    pub(crate) duplicates: u64,
    /// How many of them came by which source's webhook.
    pub(crate) repeated: Vec<(TextId, u64)>,
}

/// The facts of each record, repetitions included.
pub(crate) struct Told<'s>(Vec<Vec<Fact<'s>>>);

impl<'s> Told<'s> {
    /// Reads what the records tell. For this the ledger is not needed yet.
    pub(crate) fn read(
        records: &'s Records<'s>,
        texts: &mut Texts<'s>,
        identifier: &Identifier,
    ) -> Result<Self, BatchError> {
        Ok(Self(facts(records, texts, identifier)?))
    }
}

impl<'s> Facts<'s> {
    /// The distinct events that the ledger has not seen. Of two events of one identity the first one accepted stands.
    pub(crate) fn distinct(told: &Told<'s>, ledger: View<'_>) -> Result<Self, BatchError> {
        let read: Vec<&Fact<'s>> = told.0.iter().flatten().collect();
        let fresh = fresh(&read, ledger)?;
        let mut order: Vec<_> = fresh
            .par_iter()
            .map(|(id, place)| {
                let fact = read[*place as usize];
                (fact.account.rank, fact.delivery, fact.time, *id, *place)
            })
            .collect();
        order.par_sort_unstable();
        let all: Vec<Fact<'s>> = order.par_iter().map(|(.., place)| *read[*place as usize]).collect();
        Ok(Self {
            duplicates: (read.len() - fresh.len()) as u64,
            repeated: repeated(told, &all),
            all,
            ids: fresh.into_iter().map(|(id, _)| id).collect(),
        })
    }

    /// The facts of each delivery.
    pub(crate) fn by_delivery(&self) -> impl Iterator<Item = &[Fact<'s>]> {
        self.all.chunk_by(|one, next| one.delivery == next.delivery)
    }

    /// What the ledger knows of the deliveries, in their order.
    pub(crate) fn known(&self, ledger: View<'_>) -> Result<Vec<Option<Known>>, LedgerError> {
        let deliveries: Vec<DeliveryKey> = self.by_delivery().map(|facts| facts[0].delivery).collect();
        deliveries.into_par_iter().map(|delivery| ledger.delivery(delivery)).collect()
    }
}

/// How many events of each source are told and not among the distinct ones.
fn repeated(told: &Told<'_>, distinct: &[Fact<'_>]) -> Vec<(TextId, u64)> {
    let mut repeated: HashMap<TextId, u64> = HashMap::default();
    for facts in &told.0 {
        if let Some(first) = facts.first().filter(|first| first.source != TextId::default()) {
            *repeated.entry(first.source).or_default() += facts.len() as u64;
        }
    }
    if repeated.is_empty() {
        return Vec::new();
    }
    for fact in distinct {
        if let Some(count) = repeated.get_mut(&fact.source) {
            *count -= 1;
        }
    }
    repeated.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// So many identities the ledger is asked for at once: neighbours share what is read of it.
const ASKED: usize = 1 << 13;

/// The identities that are new, each with the place of the first fact that has it. The ledger is asked in the order of its keys.
fn fresh(facts: &[&Fact<'_>], ledger: View<'_>) -> Result<Vec<(EventId, u32)>, LedgerError> {
    let mut ids: Vec<(EventId, u32)> = facts.iter().zip(0..).map(|(fact, place)| (fact.id, place)).collect();
    ids.par_sort_unstable();
    ids.dedup_by_key(|(id, _)| *id);
    let is_fresh = |ids: &[(EventId, u32)]| {
        let (mut asked, mut fresh) = (ledger.asked(), Vec::with_capacity(ids.len()));
        for (id, place) in ids {
            if !asked.has_seen(*id)? {
                fresh.push((*id, *place));
            }
        }
        Ok(fresh)
    };
    let fresh = ids.par_chunks(ASKED).map(is_fresh).collect::<Result<Vec<_>, LedgerError>>()?;
    Ok(fresh.concat())
}

/// The facts of each record.
fn facts<'s>(
    records: &'s Records<'s>,
    texts: &mut Texts<'s>,
    identifier: &Identifier,
) -> Result<Vec<Vec<Fact<'s>>>, RecordError> {
    let mut names: Vec<&AccountId> = records.0.iter().map(|record| &record.head.account).collect();
    names.sort_unstable();
    names.dedup();
    let mut numbered = Vec::with_capacity(records.0.len());
    for record in &records.0 {
        let name = &record.head.account;
        let rank = u32::try_from(names.partition_point(|other| *other < name)).unwrap_or(u32::MAX);
        let account = Account { name, text: texts.intern(name.as_str()), rank };
        let origin =
            Origin { account, accepted_at: record.head.accepted_at, source: texts.intern(&record.head.source) };
        numbered.push((record, origin, Numbers::of(record, texts)?));
    }
    numbered.par_iter().map(|(record, origin, numbers)| read(record, *origin, numbers, identifier)).collect()
}

fn read<'s>(
    record: &'s Record<'s>,
    origin: Origin<'s>,
    numbers: &Numbers,
    identifier: &Identifier,
) -> Result<Vec<Fact<'s>>, RecordError> {
    let account = origin.account.name;
    let mut facts = Vec::with_capacity(record.head.events as usize);
    record.each_event(|event| {
        let id = identifier.event(account, &event.named());
        let delivery = identifier.delivery(account, event.message_id, event.recipient);
        facts.push(fact(event, numbers, origin, (id, delivery))?);
        Ok(())
    })?;
    Ok(facts)
}

/// The batch's numbers of what a record's events share, by their places there.
struct Numbers {
    texts: Vec<TextId>,
    fields: Vec<FieldsId>,
}

impl Numbers {
    fn of<'s>(record: &'s Record<'s>, texts: &mut Texts<'s>) -> Result<Self, RecordError> {
        let numbers: Vec<TextId> = record.shared.texts.iter().map(|text| texts.intern(text)).collect();
        let text = |place: u32| numbers.get(place as usize).copied().ok_or(RecordError::Text);
        let mut fields = Vec::with_capacity(record.shared.fields.len());
        let mut set: Vec<Field> = Vec::new();
        for stored in &record.shared.fields {
            set.clear();
            for (name, value) in stored {
                set.push((text(*name)?, text(*value)?));
            }
            fields.push(texts.intern_fields(&set));
        }
        Ok(Self { texts: numbers, fields })
    }

    fn text(&self, place: u32) -> Result<TextId, RecordError> {
        self.texts.get(place as usize).copied().ok_or(RecordError::Text)
    }
}

/// What a record says of all its events.
#[derive(Clone, Copy)]
struct Origin<'s> {
    account: Account<'s>,
    accepted_at: Millis,
    source: TextId,
}

fn fact<'s>(
    event: Stored<'s>,
    numbers: &Numbers,
    origin: Origin<'s>,
    (id, delivery): (EventId, DeliveryKey),
) -> Result<Fact<'s>, RecordError> {
    let Origin { account, accepted_at, source } = origin;
    Ok(Fact {
        account,
        accepted_at,
        source,
        id,
        delivery,
        kind: event.kind,
        time: event.time,
        machine: event.machine,
        class: event.class,
        method: event.method,
        message_id: event.message_id,
        recipient: event.recipient,
        source_id: event.event_id,
        url: event.url,
        reason: event.reason,
        sender: numbers.text(event.sender)?,
        subject: numbers.text(event.subject)?,
        campaign: numbers.text(event.campaign)?,
        fields: numbers.fields.get(event.fields as usize).copied().ok_or(RecordError::Text)?,
    })
}
