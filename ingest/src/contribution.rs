//! The heart: what a delivery adds to the reports, as a list of (clock, quarter of an hour, measures). A pure function of its state.
//!
//! A batch writes `contribution(after) − contribution(before)`: so duplicates add nothing, late attributes move counts to the right
//! cell, and order does not matter. METRICS.md, "Measures", defines every line of it.

use schema::{Basis, Bucket, FailureClass, Measure, Measures, Millis};

use crate::delivery::{Delivery, Outcome};

/// Calls `add` with everything that the delivery adds: on the `sent` basis one cell, on the `event` basis one per measure and time. Of
/// a delivery that was forgotten its late events alone are new: it counts as a delivery already.
pub(crate) fn contribution(delivery: &Delivery, mut add: impl FnMut(Basis, Bucket, Measure, i64)) {
    let Some(sent_at) = delivery.sent_at() else { return };
    if !delivery.is_forgotten() {
        once(delivery, sent_at, &mut add);
    }
    for total in delivery.totals() {
        let events = i64::from(total.count);
        add(Basis::Sent, Bucket::of(sent_at), total.kind.measure(), events);
        add(Basis::Event, total.bucket, total.kind.measure(), events);
    }
}

/// What a delivery counts once at most.
fn once(delivery: &Delivery, sent_at: Millis, add: &mut impl FnMut(Basis, Bucket, Measure, i64)) {
    let sent = Bucket::of(sent_at);
    let mut count = |measure, time: Millis| {
        add(Basis::Sent, sent, measure, 1);
        add(Basis::Event, Bucket::of(time), measure, 1);
    };
    count(Measure::Queued, sent_at);
    match delivery.outcome() {
        Outcome::Delivered(time) => {
            count(Measure::Delivered, time);
            if delivery.secured().is_none() {
                count(Measure::Unsecured, time);
            }
        }
        Outcome::Failed(time, class) => {
            count(Measure::Failed, time);
            count(failed_with(class), time);
        }
        Outcome::Pending => count(Measure::Pending, sent_at),
    }
    for (measure, time) in [
        (Measure::Secured, delivery.secured()),
        (Measure::Opened, delivery.opened()),
        (Measure::MachineOpened, delivery.machine_opened()),
        (Measure::Clicked, delivery.clicked()),
        (Measure::Complained, delivery.complained()),
        (Measure::Unsubscribed, delivery.unsubscribed()),
    ] {
        if let Some(time) = time {
            count(measure, time);
        }
    }
}

const fn failed_with(class: FailureClass) -> Measure {
    match class {
        FailureClass::Hard => Measure::FailedHard,
        FailureClass::Soft => Measure::FailedSoft,
        FailureClass::Block => Measure::FailedBlock,
        FailureClass::Suppressed => Measure::FailedSuppressed,
        FailureClass::Other => Measure::FailedOther,
    }
}

/// The cells of one delivery before or after a batch, few enough for a list: found by a scan from the end.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<(Basis, Bucket, Measures)>);

impl Cells {
    /// Adds `sign` times the delivery's contribution.
    pub(crate) fn add(&mut self, delivery: &Delivery, sign: i64) {
        contribution(delivery, |basis, bucket, measure, count| {
            let found = self.0.iter().rposition(|(b, q, _)| (*b, *q) == (basis, bucket));
            let place = found.unwrap_or_else(|| {
                self.0.push((basis, bucket, Measures::default()));
                self.0.len() - 1
            });
            self.0[place].2[measure] += sign * count;
        });
    }

    /// Takes the cells that are not zero, and leaves the list empty.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Basis, Bucket, Measures)> {
        self.0.drain(..).filter(|(_, _, measures)| !measures.is_zero())
    }
}

#[cfg(test)]
mod tests;
