//! What is known of one delivery: a summary of the set of its distinct events, the same whatever order they came in.

use schema::{Bucket, EventId, EventKind, FailureClass, Measure, Millis, SecureMethod};
use serde::{Deserialize, Serialize};

use crate::{
    attributes::{Attributes, Carried, Kept, Source},
    limits::Others,
    texts::Texts,
};

/// What an event says of its delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happening<'f> {
    pub(crate) id: EventId,
    pub(crate) kind: EventKind,
    pub(crate) time: Millis,
    pub(crate) machine: bool,
    pub(crate) class: Option<FailureClass>,
    /// By which method it is evidence of encryption, if it is a `delivered` or `secured`.
    pub(crate) method: Option<SecureMethod>,
    pub(crate) carried: Carried<'f>,
}

/// The state of a delivery. Folding an event in is commutative and associative; that no event is folded in twice is the ledger's care.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) attributes: Attributes,
    /// Which of them reports show as other.
    pub(crate) others: Others,
    /// Whether there was an earlier state, which the ledger has forgotten.
    forgotten: bool,
    life: Life,
}

/// What happened to it, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    first: Option<Millis>,
    last: Option<Millis>,
    queued: Option<Millis>,
    delivered: Option<Millis>,
    delivered_last: Option<Millis>,
    failed_last: Option<(Millis, EventId, FailureClass)>,
    engaged: Option<Millis>,
    secured: Option<(Millis, SecureMethod)>,
    opened: Option<Millis>,
    machine_opened: Option<Millis>,
    clicked: Option<Millis>,
    complained: Option<Millis>,
    unsubscribed: Option<Millis>,
    totals: Vec<Total>,
}

/// Events of one kind in one quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) bucket: Bucket,
    pub(crate) kind: TotalKind,
    pub(crate) count: u32,
}

/// What is counted per event, not per delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum TotalKind {
    Opens,
    Clicks,
    MachineOpens,
    MachineClicks,
    Deferrals,
}

impl TotalKind {
    pub(crate) const fn measure(self) -> Measure {
        match self {
            Self::Opens => Measure::Opens,
            Self::Clicks => Measure::Clicks,
            Self::MachineOpens => Measure::MachineOpens,
            Self::MachineClicks => Measure::MachineClicks,
            Self::Deferrals => Measure::Deferrals,
        }
    }
}

/// What became of a delivery (METRICS.md, "One delivery").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It arrived, at this time.
    Delivered(Millis),
    /// It failed, at this time, for this reason.
    Failed(Millis, FailureClass),
    /// It is in the queue still.
    Pending,
}

impl Delivery {
    /// A delivery that was counted, and of which nothing else is known any more.
    pub(crate) fn forgotten() -> Self {
        Self { forgotten: true, ..Self::default() }
    }

    /// Whether it was counted by a state that is forgotten.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Adds an event that was not folded in before.
    pub(crate) fn fold(&mut self, event: Happening<'_>, texts: &Texts<'_>) {
        self.attributes.fold(event.carried, Source::of(event.kind, event.time, event.id), texts);
        self.life.fold(event);
    }

    /// The state in the ledger's form, appended to `into`.
    pub(crate) fn write(&self, texts: &Texts<'_>, into: Vec<u8>) -> Result<Vec<u8>, postcard::Error> {
        let into = postcard::to_extend(&(self.attributes.keep(texts), &self.life), into)?;
        // Nearly always there is nothing to say.
        let is_usual = self.others.is_empty() && !self.forgotten;
        if is_usual { Ok(into) } else { postcard::to_extend(&(self.others, self.forgotten), into) }
    }

    /// The state out of the ledger's form.
    pub(crate) fn read<'s>(bytes: &'s [u8], texts: &mut Texts<'s>) -> Result<Self, postcard::Error> {
        let ((kept, life), rest): ((Kept<'s>, Life), _) = postcard::take_from_bytes(bytes)?;
        let (others, forgotten) = if rest.is_empty() { Default::default() } else { postcard::from_bytes(rest)? };
        Ok(Self { attributes: Attributes::of(kept, texts), others, forgotten, life })
    }

    /// When it was sent: its earliest `queued` event, without one its earliest event. `None` before the first event.
    pub(crate) fn sent_at(&self) -> Option<Millis> {
        self.life.queued.or(self.life.first)
    }

    /// Its earliest `queued` event.
    pub(crate) fn queued(&self) -> Option<Millis> {
        self.life.queued
    }

    /// Its earliest `delivered` event, whatever became of it.
    pub(crate) fn delivered(&self) -> Option<Millis> {
        self.life.delivered
    }

    /// The time of its latest event.
    pub(crate) fn last_event_at(&self) -> Option<Millis> {
        self.life.last
    }

    /// What became of it.
    pub(crate) fn outcome(&self) -> Outcome {
        let Life { failed_last: failed, delivered, delivered_last, engaged, .. } = self.life;
        let arrived_after = failed.is_none_or(|(time, ..)| delivered_last > Some(time));
        match (delivered.or(engaged), failed) {
            (Some(arrived), _) if engaged.is_some() || (delivered.is_some() && arrived_after) => {
                Outcome::Delivered(arrived)
            }
            (_, Some((time, _, class))) => Outcome::Failed(time, class),
            (_, None) => Outcome::Pending,
        }
    }

    /// The earliest evidence of encryption.
    pub(crate) fn secured(&self) -> Option<Millis> {
        self.life.secured.map(|(time, _)| time)
    }

    /// The method of that evidence, of several at once the first in their order.
    pub(crate) fn method(&self) -> Option<SecureMethod> {
        self.life.secured.map(|(_, method)| method)
    }

    /// The earliest opening or click by a person.
    pub(crate) fn opened(&self) -> Option<Millis> {
        self.life.opened
    }

    /// The earliest opening or click by a machine, when no person opened.
    pub(crate) fn machine_opened(&self) -> Option<Millis> {
        if self.life.opened.is_none() { self.life.machine_opened } else { None }
    }

    /// The earliest click by a person.
    pub(crate) fn clicked(&self) -> Option<Millis> {
        self.life.clicked
    }

    /// The earliest complaint.
    pub(crate) fn complained(&self) -> Option<Millis> {
        self.life.complained
    }

    /// When its recipient unsubscribed first.
    pub(crate) fn unsubscribed(&self) -> Option<Millis> {
        self.life.unsubscribed
    }

    /// What is counted per event, sorted by time.
    pub(crate) fn totals(&self) -> &[Total] {
        &self.life.totals
    }
}

impl Life {
    fn fold(&mut self, event: Happening<'_>) {
        let time = event.time;
        earliest(&mut self.first, time);
        latest(&mut self.last, time);
        match event.kind {
            EventKind::Queued => earliest(&mut self.queued, time),
            EventKind::Delivered => {
                earliest(&mut self.delivered, time);
                latest(&mut self.delivered_last, time);
                if let Some(method) = event.method {
                    earliest(&mut self.secured, (time, method));
                }
            }
            EventKind::Deferred => self.count(TotalKind::Deferrals, time),
            EventKind::Failed => {
                let failed = (time, event.id, event.class.unwrap_or(FailureClass::Other));
                self.failed_last = self.failed_last.max(Some(failed));
            }
            EventKind::Secured => earliest(&mut self.secured, (time, event.method.unwrap_or(SecureMethod::Other))),
            EventKind::Opened | EventKind::Clicked => self.engage(event),
            EventKind::Complained => earliest(&mut self.complained, time),
            EventKind::Unsubscribed => earliest(&mut self.unsubscribed, time),
        }
        if matches!(
            event.kind,
            EventKind::Opened | EventKind::Clicked | EventKind::Complained | EventKind::Unsubscribed
        ) {
            earliest(&mut self.engaged, time);
        }
    }

    fn engage(&mut self, event: Happening<'_>) {
        let clicked = event.kind == EventKind::Clicked;
        let total = match (clicked, event.machine) {
            (false, false) => TotalKind::Opens,
            (true, false) => TotalKind::Clicks,
            (false, true) => TotalKind::MachineOpens,
            (true, true) => TotalKind::MachineClicks,
        };
        self.count(total, event.time);
        earliest(if event.machine { &mut self.machine_opened } else { &mut self.opened }, event.time);
        if clicked && !event.machine {
            earliest(&mut self.clicked, event.time);
        }
    }

    fn count(&mut self, kind: TotalKind, time: Millis) {
        let bucket = Bucket::of(time);
        match self.totals.binary_search_by_key(&(bucket, kind), |total| (total.bucket, total.kind)) {
            Ok(place) => self.totals[place].count += 1,
            Err(place) => self.totals.insert(place, Total { bucket, kind, count: 1 }),
        }
    }
}

fn earliest<T: Ord + Copy>(slot: &mut Option<T>, time: T) {
    *slot = Some(slot.map_or(time, |old| old.min(time)));
}

fn latest(slot: &mut Option<Millis>, time: Millis) {
    *slot = (*slot).max(Some(time));
}
