//! The heart: what a delivery adds to the reports, as a list of (clock, quarter of an hour, measures). A pure function of its state.
//!
//! A batch writes `contribution(after) − contribution(before)`: so duplicates add nothing, late attributes move counts to the right
//! cell, and order does not matter. METRICS.md, "Measures", defines every line of it.

use foldhash::HashMap;
use schema::{Basis, Bucket, FailureClass, Latency, Measure, Millis, Step};

use crate::{
    counts::Counts,
    delivery::{Delivery, Outcome},
};

/// Calls `add` with everything that the delivery adds: on the `sent` basis one cell, on the `event` basis one per measure and time. Of
/// a delivery that was forgotten its late events alone are new: it counts as a delivery already.
pub(crate) fn contribution(delivery: &Delivery, mut add: impl FnMut(Basis, Bucket, Measure, i32)) {
    let Some(sent_at) = delivery.sent_at() else { return };
    if !delivery.is_forgotten() {
        once(delivery, sent_at, &mut add);
    }
    for total in delivery.totals() {
        let events = total.count.cast_signed();
        add(Basis::Sent, Bucket::of(sent_at), total.kind.measure(), events);
        add(Basis::Event, total.bucket, total.kind.measure(), events);
    }
}

/// What a delivery counts once at most.
fn once(delivery: &Delivery, sent_at: Millis, add: &mut impl FnMut(Basis, Bucket, Measure, i32)) {
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

/// How long things took, on the `sent` basis (METRICS.md, "Latencies"), and by which method it was secured, on both. Of a delivery that was
/// forgotten nothing is known to have been the first.
pub(crate) fn steps(delivery: &Delivery) -> impl Iterator<Item = (Basis, Bucket, Step)> {
    let sent_at = delivery.sent_at().filter(|_| !delivery.is_forgotten());
    let arrived = matches!(delivery.outcome(), Outcome::Delivered(_));
    // Without a `queued` event the delivery may be all that is known, and took no time.
    let delivered = delivery.delivered().filter(|_| arrived && delivery.queued().is_some());
    let ends =
        [(Latency::Delivery, delivered), (Latency::Open, delivery.opened()), (Latency::Click, delivery.clicked())];
    let latencies = ends.into_iter().filter_map(move |(kind, end)| {
        let sent_at = sent_at?;
        Some((Basis::Sent, Bucket::of(sent_at), kind.step(end?.0.saturating_sub(sent_at.0))))
    });
    let method = sent_at.zip(delivery.secured()).zip(delivery.method());
    let methods = method.into_iter().flat_map(|((sent_at, secured_at), method)| {
        [(Basis::Sent, sent_at), (Basis::Event, secured_at)]
            .map(|(basis, time)| (basis, Bucket::of(time), Step::of_method(method)))
    });
    latencies.chain(methods)
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

/// The cells of one delivery before or after a batch: few, and found by a scan from the end; of a delivery with very many, by a map.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    measures: Vec<(Basis, Bucket, Counts)>,
    /// The places of the measures' cells, once there are many.
    places: HashMap<(Basis, Bucket), usize>,
    steps: Vec<(Basis, Bucket, Step, i32)>,
}

/// So many cells are scanned.
const FEW: usize = 32;

impl Cells {
    /// Adds `sign` times the delivery's contribution.
    pub(crate) fn add(&mut self, delivery: &Delivery, sign: i32) {
        contribution(delivery, |basis, bucket, measure, count| {
            self.cell(basis, bucket).count(measure, count.wrapping_mul(sign));
        });
        for (basis, bucket, step) in steps(delivery) {
            match self.steps.iter_mut().find(|(b, q, known, _)| (*b, *q, *known) == (basis, bucket, step)) {
                Some((.., count)) => *count += sign,
                None => self.steps.push((basis, bucket, step, sign)),
            }
        }
    }

    fn cell(&mut self, basis: Basis, bucket: Bucket) -> &mut Counts {
        let found = if self.measures.len() > FEW {
            self.places.get(&(basis, bucket)).copied()
        } else {
            self.measures.iter().rposition(|(b, q, _)| (*b, *q) == (basis, bucket))
        };
        let place = found.unwrap_or_else(|| {
            let place = self.measures.len();
            self.measures.push((basis, bucket, Counts::default()));
            // Those before the first that is many are in no map yet.
            let from = if place == FEW { 0 } else { place };
            if place >= FEW {
                let new = self.measures[from..].iter().zip(from..);
                self.places.extend(new.map(|((basis, bucket, _), place)| ((*basis, *bucket), place)));
            }
            place
        });
        &mut self.measures[place].2
    }

    /// Leaves out what is zero; answers whether anything is left.
    pub(crate) fn settle(&mut self) -> bool {
        self.places.clear();
        self.measures.retain(|(_, _, measures)| !measures.is_zero());
        self.steps.retain(|(.., count)| *count != 0);
        !self.measures.is_empty() || !self.steps.is_empty()
    }

    /// The cells, each with the steps that so many deliveries more have in it, and empties the list.
    pub(crate) fn take(&mut self, mut add: impl FnMut(Basis, Bucket, &Counts, &mut dyn Iterator<Item = (Step, i32)>)) {
        let Self { measures, steps, .. } = self;
        for (basis, bucket, measures) in &*measures {
            let here = steps.iter().filter(|(b, q, ..)| (b, q) == (basis, bucket));
            add(*basis, *bucket, measures, &mut here.map(|(.., step, count)| (*step, *count)));
        }
        // An earlier delivery that comes late may change nothing else.
        steps.retain(|(basis, bucket, ..)| !measures.iter().any(|(b, q, _)| (b, q) == (basis, bucket)));
        for (basis, bucket, step, count) in steps.drain(..) {
            add(basis, bucket, &Counts::NONE, &mut std::iter::once((step, count)));
        }
        measures.clear();
    }
}

#[cfg(test)]
mod latency;
#[cfg(test)]
mod tests;
