//! Which event a delivery's attributes come from (METRICS.md, "One delivery"): the earliest `queued` event that carries a non-empty
//! value, without such the earliest other event; events of equal time ordered by their identity.

use schema::{Event, EventId, EventKind, Millis};
use serde::{Deserialize, Serialize};

/// The rank of an event as a source of attributes: the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Source {
    not_queued: bool,
    time: Millis,
    id: EventId,
}

impl Source {
    pub(crate) fn of(event: &Event<'_>, id: EventId) -> Self {
        Self { not_queued: event.kind != EventKind::Queued, time: event.time, id }
    }
}

/// A value and where it comes from; an index into the delivery's sources.
type Sourced<'a> = (&'a str, u8);

/// The attributes of a delivery. Most come from one event, so the sources are kept once each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes<'a> {
    sources: Vec<Source>,
    #[serde(borrow)]
    subject: Option<Sourced<'a>>,
    #[serde(borrow)]
    sender: Option<Sourced<'a>>,
    #[serde(borrow)]
    campaign: Option<Sourced<'a>>,
    #[serde(borrow)]
    fields: Vec<(&'a str, Sourced<'a>)>,
}

/// Fields of one delivery, over all its events: as many as one event may carry for each of a few systems that report on it.
/// Beyond them the names that sort first stand, so that the order of events does not matter.
const MAX_DELIVERY_FIELDS: usize = 64;

impl<'a> Attributes<'a> {
    pub(crate) fn subject(&self) -> &'a str {
        self.subject.map_or("", |(value, _)| value)
    }

    pub(crate) fn sender(&self) -> &'a str {
        self.sender.map_or("", |(value, _)| value)
    }

    pub(crate) fn campaign(&self) -> &'a str {
        self.campaign.map_or("", |(value, _)| value)
    }

    /// The custom fields, sorted by name.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> {
        self.fields.iter().map(|(name, (value, _))| (*name, *value))
    }

    /// Takes what the event carries where it is the better source.
    pub(crate) fn fold(&mut self, event: &Event<'a>, id: EventId) {
        let source = Source::of(event, id);
        let new = u8::try_from(self.sources.len()).unwrap_or(u8::MAX);
        self.sources.push(source);
        let sources = &self.sources;
        let better = |old: Option<Sourced<'a>>| old.is_none_or(|(_, at)| source < sources[at as usize]);
        let mut used = false;
        for (slot, value) in
            [(&mut self.subject, event.subject), (&mut self.sender, event.sender), (&mut self.campaign, event.campaign)]
        {
            if !value.is_empty() && better(*slot) {
                *slot = Some((value, new));
                used = true;
            }
        }
        for (name, value) in &event.fields {
            match self.fields.binary_search_by_key(name, |(name, _)| name) {
                Ok(place) if better(Some(self.fields[place].1)) => self.fields[place].1 = (value, new),
                Err(place) if place < MAX_DELIVERY_FIELDS => self.fields.insert(place, (name, (value, new))),
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
}
