//! Which event a delivery's attributes come from (METRICS.md, "One delivery"): the earliest `queued` event that carries a non-empty
//! value, without such the earliest other event; events of equal time ordered by their identity.

use schema::{EventId, EventKind, Millis};
use serde::{Deserialize, Serialize};

use crate::texts::{Field, TextId, Texts};

/// The rank of an event as a source of attributes: the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Source {
    not_queued: bool,
    time: Millis,
    id: EventId,
}

impl Source {
    pub(crate) fn of(kind: EventKind, time: Millis, id: EventId) -> Self {
        Self { not_queued: kind != EventKind::Queued, time, id }
    }
}

/// What one event carries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried<'f> {
    pub(crate) sender: TextId,
    pub(crate) subject: TextId,
    pub(crate) campaign: TextId,
    pub(crate) fields: &'f [Field],
}

/// A value and where it comes from; an index into the delivery's sources.
type Sourced<T> = (T, u8);

/// The attributes of a delivery. Most come from one event, so the sources are kept once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    sources: Vec<Source>,
    subject: Option<Sourced<TextId>>,
    sender: Option<Sourced<TextId>>,
    campaign: Option<Sourced<TextId>>,
    fields: Vec<(TextId, Sourced<TextId>)>,
}

/// The attributes as the ledger keeps them, their texts in full.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept<'a> {
    sources: Vec<Source>,
    #[serde(borrow)]
    subject: Option<Sourced<&'a str>>,
    #[serde(borrow)]
    sender: Option<Sourced<&'a str>>,
    #[serde(borrow)]
    campaign: Option<Sourced<&'a str>>,
    #[serde(borrow)]
    fields: Vec<(&'a str, Sourced<&'a str>)>,
}

/// Fields of one delivery, over all its events: as many as one event may carry for each of a few systems that report on it.
/// Beyond them the names that sort first stand, so that the order of events does not matter.
const MAX_DELIVERY_FIELDS: usize = 64;

impl Attributes {
    pub(crate) fn subject(&self) -> TextId {
        self.subject.unwrap_or_default().0
    }

    pub(crate) fn sender(&self) -> TextId {
        self.sender.unwrap_or_default().0
    }

    pub(crate) fn campaign(&self) -> TextId {
        self.campaign.unwrap_or_default().0
    }

    /// The custom fields, sorted by name.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = Field> {
        self.fields.iter().map(|(name, (value, _))| (*name, *value))
    }

    /// Takes what the event carries where it is the better source.
    pub(crate) fn fold(&mut self, carried: Carried<'_>, source: Source, texts: &Texts<'_>) {
        let new = u8::try_from(self.sources.len()).unwrap_or(u8::MAX);
        self.sources.push(source);
        let sources = &self.sources;
        let better = |old: Option<Sourced<TextId>>| old.is_none_or(|(_, at)| source < sources[at as usize]);
        let mut used = false;
        for (slot, value) in [
            (&mut self.subject, carried.subject),
            (&mut self.sender, carried.sender),
            (&mut self.campaign, carried.campaign),
        ] {
            if value != TextId::default() && better(*slot) {
                *slot = Some((value, new));
                used = true;
            }
        }
        for (guess, (name, value)) in carried.fields.iter().enumerate() {
            match place(&self.fields, guess, *name, texts) {
                Ok(place) if better(Some(self.fields[place].1)) => self.fields[place].1 = (*value, new),
                Err(place) if place < MAX_DELIVERY_FIELDS => self.fields.insert(place, (*name, (*value, new))),
                Ok(_) | Err(_) => continue,
            }
            used = true;
        }
        self.fields.truncate(MAX_DELIVERY_FIELDS);
        if used {
            self.drop_unused_sources();
        } else {
            self.sources.pop();
        }
    }

    /// Keeps the list of sources as short as the attributes need it: at most one per attribute, so an index fits a byte.
    fn drop_unused_sources(&mut self) {
        if self.sources.len() == 1 {
            return;
        }
        let mut used = vec![None; self.sources.len()];
        let mut kept = Vec::with_capacity(self.sources.len());
        let fixed = [&mut self.subject, &mut self.sender, &mut self.campaign].into_iter().flatten();
        for (_, at) in fixed.chain(self.fields.iter_mut().map(|(_, sourced)| sourced)) {
            let old = *at as usize;
            *at = *used[old].get_or_insert_with(|| {
                kept.push(self.sources[old]);
                u8::try_from(kept.len() - 1).unwrap_or(u8::MAX)
            });
        }
        self.sources = kept;
    }

    /// The form for the ledger.
    pub(crate) fn keep<'s>(&self, texts: &Texts<'s>) -> Kept<'s> {
        let text = |(id, at): Sourced<TextId>| (texts.text(id), at);
        Kept {
            sources: self.sources.clone(),
            subject: self.subject.map(text),
            sender: self.sender.map(text),
            campaign: self.campaign.map(text),
            fields: self.fields.iter().map(|(name, value)| (texts.text(*name), text(*value))).collect(),
        }
    }

    /// From the form of the ledger.
    pub(crate) fn of<'s>(kept: Kept<'s>, texts: &mut Texts<'s>) -> Self {
        let mut sourced = |(text, at): Sourced<&'s str>| (texts.intern(text), at);
        let (subject, sender) = (kept.subject.map(&mut sourced), kept.sender.map(&mut sourced));
        let campaign = kept.campaign.map(&mut sourced);
        let fields = kept.fields.into_iter().map(|(name, (value, at))| (texts.intern(name), (texts.intern(value), at)));
        Self { subject, sender, campaign, fields: fields.collect(), sources: kept.sources }
    }
}

/// Where the name is in fields that are sorted by name, or belongs. Nearly always an event carries the fields that are known.
fn place(fields: &[(TextId, Sourced<TextId>)], guess: usize, name: TextId, texts: &Texts<'_>) -> Result<usize, usize> {
    if fields.get(guess).is_some_and(|(known, _)| *known == name) {
        return Ok(guess);
    }
    fields.binary_search_by(|(known, _)| texts.text(*known).cmp(texts.text(name)))
}
