//! What is known of one delivery: a summary of the set of its distinct events, the same whatever order they came in.

use schema::{Bucket, Event, EventId, EventKind, FailureClass, Measure, Millis};
use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;

/// The state of a delivery. Folding an event in is commutative and associative; that no event is folded in twice is the ledger's care.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery<'a> {
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    first: Option<Millis>,
    last: Option<Millis>,
    queued: Option<Millis>,
    delivered: Option<Millis>,
    delivered_last: Option<Millis>,
    failed_last: Option<(Millis, EventId, FailureClass)>,
    engaged: Option<Millis>,
    secured: Option<Millis>,
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

impl<'a> Delivery<'a> {
    /// Adds an event that was not folded in before.
    pub(crate) fn fold(&mut self, event: &Event<'a>, id: EventId) {
        let time = event.time;
        earliest(&mut self.first, time);
        latest(&mut self.last, time);
        self.attributes.fold(event, id);
        match event.kind {
            EventKind::Queued => earliest(&mut self.queued, time),
            EventKind::Delivered => {
                earliest(&mut self.delivered, time);
                latest(&mut self.delivered_last, time);
                if event.method.is_some() {
                    earliest(&mut self.secured, time);
                }
            }
            EventKind::Deferred => self.count(TotalKind::Deferrals, time),
            EventKind::Failed => {
                let failed = (time, id, event.class.unwrap_or(FailureClass::Other));
                self.failed_last = self.failed_last.max(Some(failed));
            }
            EventKind::Secured => earliest(&mut self.secured, time),
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

    fn engage(&mut self, event: &Event<'_>) {
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

    /// When it was sent: its earliest `queued` event, without one its earliest event. `None` before the first event.
    pub(crate) fn sent_at(&self) -> Option<Millis> {
        self.queued.or(self.first)
    }

    /// The time of its latest event.
    pub(crate) fn last_event_at(&self) -> Option<Millis> {
        self.last
    }

    /// What became of it.
    pub(crate) fn outcome(&self) -> Outcome {
        let failed = self.failed_last;
        let arrived_after = failed.is_none_or(|(time, ..)| self.delivered_last > Some(time));
        match (self.delivered.or(self.engaged), failed) {
            (Some(arrived), _) if self.engaged.is_some() || (self.delivered.is_some() && arrived_after) => {
                Outcome::Delivered(arrived)
            }
            (_, Some((time, _, class))) => Outcome::Failed(time, class),
            (_, None) => Outcome::Pending,
        }
    }

    /// The earliest evidence of encryption.
    pub(crate) fn secured(&self) -> Option<Millis> {
        self.secured
    }

    /// The earliest opening or click by a person.
    pub(crate) fn opened(&self) -> Option<Millis> {
        self.opened
    }

    /// The earliest opening or click by a machine, when no person opened.
    pub(crate) fn machine_opened(&self) -> Option<Millis> {
        if self.opened.is_none() { self.machine_opened } else { None }
    }

    /// The earliest click by a person.
    pub(crate) fn clicked(&self) -> Option<Millis> {
        self.clicked
    }

    /// The earliest complaint.
    pub(crate) fn complained(&self) -> Option<Millis> {
        self.complained
    }

    /// When its recipient unsubscribed first.
    pub(crate) fn unsubscribed(&self) -> Option<Millis> {
        self.unsubscribed
    }

    /// What is counted per event, sorted by time.
    pub(crate) fn totals(&self) -> &[Total] {
        &self.totals
    }
}

fn earliest(slot: &mut Option<Millis>, time: Millis) {
    *slot = Some(slot.map_or(time, |old| old.min(time)));
}

fn latest(slot: &mut Option<Millis>, time: Millis) {
    *slot = (*slot).max(Some(time));
}
