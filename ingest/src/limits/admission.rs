//! Admits values to a day while there is room, and remembers which it admitted: once in, in for the day. Whoever comes first is
//! admitted, so which values are other depends on the order of arrival; nothing else does.

use bumpalo::Bump;
use foldhash::HashMap;
use schema::{DeliveryKey, Identifier, Millis, OTHER, ValueHash};

use super::{Attribute, Judged, Limits, Others};
use crate::{
    cube::Dimensions,
    fact::Account,
    ledger::{LedgerError, View},
    texts::{Field, TextId, Texts},
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A UTC day since 1970, and what is counted in it: the key of an entry of the ledger, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DayHash {
    pub(crate) day: u32,
    pub(crate) hash: ValueHash,
}

/// What a batch admits. Both lists are sorted, each key once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registered {
    /// The values that are admitted.
    pub(crate) values: Vec<DayHash>,
    /// How many there are now of an attribute; its hash is that of the empty value, which is never counted.
    pub(crate) counts: Vec<(DayHash, u32)>,
}

/// An attribute of one account on one day.
type Place = (TextId, u32, Attribute);

/// How many values of an attribute were admitted.
#[derive(Clone, Copy)]
struct Room {
    key: DayHash,
    count: u32,
    changed: bool,
}

/// Admits the values of one batch. Each is looked up once.
pub(crate) struct Admission<'l, 's> {
    limits: Limits,
    /// What was judged already, where events are counted anew: that does not follow from them.
    judged: Option<&'l Judged>,
    view: View<'l>,
    identifier: &'l Identifier,
    /// Texts of ours that live as long as the batch's.
    own: &'s Bump,
    known: HashMap<(Place, TextId), bool>,
    rooms: HashMap<Place, Room>,
    admitted: Vec<DayHash>,
    senders: HashMap<TextId, TextId>,
    fields: Vec<Field>,
}

/// The UTC day of a time.
pub(crate) fn day(time: Millis) -> u32 {
    u32::try_from(time.0.div_euclid(DAY)).unwrap_or_default()
}

impl<'l, 's> Admission<'l, 's> {
    pub(crate) fn new(limits: Limits, view: View<'l>, identifier: &'l Identifier, own: &'s Bump) -> Self {
        Self {
            limits,
            judged: None,
            view,
            identifier,
            own,
            known: HashMap::default(),
            rooms: HashMap::default(),
            admitted: Vec::new(),
            senders: HashMap::default(),
            fields: Vec::new(),
        }
    }

    /// Admits whatever was admitted before.
    pub(crate) fn again(judged: &'l Judged, view: View<'l>, identifier: &'l Identifier, own: &'s Bump) -> Self {
        Self { judged: Some(judged), ..Self::new(Limits::NONE, view, identifier, own) }
    }

    /// Which of a delivery's attributes are beyond the limits of the day on which it was sent.
    pub(crate) fn judge(
        &mut self,
        (account, delivery): (Account<'_>, DeliveryKey),
        sent_at: Millis,
        exact: &Dimensions,
        texts: &Texts<'_>,
    ) -> Result<Others, LedgerError> {
        let judged = self.judged.map(|judged| judged.get(&delivery).copied().unwrap_or_default());
        let mut others = Others::default();
        let day = day(sent_at);
        let fixed = [
            (Attribute::Subject, Others::SUBJECT, exact.subject),
            (Attribute::Sender, Others::SENDER, exact.sender),
            (Attribute::Campaign, Others::CAMPAIGN, exact.campaign),
        ];
        let fields = texts.fields(exact.fields).iter().enumerate();
        let fields = fields.map(|(place, (name, value))| (Attribute::Field(*name), Others::field(place), *value));
        for (attribute, place, value) in fixed.into_iter().chain(fields) {
            let admitted = match judged {
                Some(judged) if judged.contains(place) => false,
                Some(_) if !self.view.registers() => true,
                _ => self.admits(account, day, (attribute, value), texts)?,
            };
            if !admitted {
                others.insert(place);
            }
        }
        Ok(others)
    }

    /// The dimensions as reports show them.
    pub(crate) fn shown(&mut self, others: Others, exact: Dimensions, texts: &mut Texts<'s>) -> Dimensions {
        if others.is_empty() {
            return exact;
        }
        let other = texts.intern(OTHER);
        let mut shown = exact;
        if others.contains(Others::SUBJECT) {
            shown.subject = other;
        }
        if others.contains(Others::SENDER) {
            let own = self.own;
            let name =
                |texts: &mut Texts<'s>| texts.intern(own.alloc_str(&schema::other_sender(texts.text(exact.sender))));
            shown.sender = *self.senders.entry(exact.sender).or_insert_with(|| name(texts));
        }
        if others.contains(Others::CAMPAIGN) {
            shown.campaign = other;
        }
        self.fields.clear();
        self.fields.extend_from_slice(texts.fields(exact.fields));
        for (place, (_, value)) in self.fields.iter_mut().enumerate() {
            if others.contains(Others::field(place)) {
                *value = other;
            }
        }
        shown.fields = texts.intern_fields(&self.fields);
        shown
    }

    /// What the ledger must remember of it.
    pub(crate) fn registered(mut self) -> Registered {
        self.admitted.sort_unstable();
        let changed = self.rooms.into_values().filter(|room| room.changed);
        let mut counts: Vec<_> = changed.map(|room| (room.key, room.count)).collect();
        counts.sort_unstable();
        Registered { values: self.admitted, counts }
    }

    /// Whether a value is told apart from others. The empty one always is.
    fn admits(
        &mut self,
        account: Account<'_>,
        day: u32,
        (attribute, value): (Attribute, TextId),
        texts: &Texts<'_>,
    ) -> Result<bool, LedgerError> {
        let place = (account.text, day, attribute);
        // Few deliveries change so long after they were sent: their values are told apart, without a register.
        if value == TextId::default() || self.view.has_forgotten(day) {
            return Ok(true);
        }
        if let Some(known) = self.known.get(&(place, value)) {
            return Ok(*known);
        }
        let name = attribute.name(texts);
        let hash = |text| DayHash { day, hash: self.identifier.value(account.name, &name, text) };
        let key = hash(texts.text(value));
        let admitted = self.view.is_admitted(key)? || {
            let room = match self.rooms.get(&place) {
                Some(room) => *room,
                None => Room { key: hash(""), count: self.view.admitted(hash(""))?, changed: false },
            };
            let fits = room.count < self.limits.of(attribute);
            if fits {
                self.admitted.push(key);
            }
            let count = room.count + u32::from(fits);
            self.rooms.insert(place, Room { count, changed: room.changed || fits, ..room });
            fits
        };
        self.known.insert((place, value), admitted);
        Ok(admitted)
    }
}
