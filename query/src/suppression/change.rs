//! In what way the numbers of a group may have been others: the smallest differences that keep what always holds.

use std::sync::LazyLock;

use schema::{Measure, Measures};

use Measure::{
    Clicked, Clicks, Complained, Deferrals, Delivered, Failed, FailedBlock, FailedHard, FailedOther, FailedSoft,
    FailedSuppressed, MachineClicks, MachineOpened, MachineOpens, Opened, Opens, Pending, Queued, Secured, Unsecured,
    Unsubscribed,
};

/// What changes by one, up or down; what does not is not in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change(pub(crate) Vec<(Measure, i64)>);

/// What a delivery counts in, by its outcome; `Delivered` stands alone where one that was secured before it failed takes the place of
/// one that was delivered securely.
const OUTCOMES: [&[Measure]; 16] = [
    &[],
    &[Queued, Pending],
    &[Queued, Pending, Secured],
    &[Queued, Delivered],
    &[Queued, Delivered, Secured],
    &[Queued, Delivered, Unsecured],
    &[Queued, Failed, FailedHard],
    &[Queued, Failed, FailedSoft],
    &[Queued, Failed, FailedBlock],
    &[Queued, Failed, FailedSuppressed],
    &[Queued, Failed, FailedOther],
    &[Queued, Failed, FailedHard, Secured],
    &[Queued, Failed, FailedSoft, Secured],
    &[Queued, Failed, FailedBlock, Secured],
    &[Queued, Failed, FailedSuppressed, Secured],
    &[Queued, Failed, FailedOther, Secured],
];

/// What one delivery may count in more, and in less.
const MORE: [(&[Measure], &[Measure]); 25] = [
    (&[Secured], &[]),
    (&[Unsecured], &[]),
    (&[Unsecured], &[Secured]),
    (&[Opened], &[]),
    (&[Opened, Opens], &[]),
    (&[Opened, Clicked], &[]),
    (&[Opened, Clicked, Clicks], &[]),
    (&[Opened, Opens, Clicked, Clicks], &[]),
    (&[Clicked], &[]),
    (&[Clicked, Clicks], &[]),
    (&[MachineOpened], &[]),
    (&[MachineOpened, MachineOpens], &[]),
    (&[MachineOpened, MachineClicks], &[]),
    (&[Opened], &[MachineOpened]),
    (&[Opened, Opens], &[MachineOpened]),
    (&[Opened, Clicked, Clicks], &[MachineOpened]),
    (&[Opened, Opens], &[MachineOpened, MachineOpens]),
    (&[Complained], &[]),
    (&[Unsubscribed], &[]),
    (&[Opens], &[]),
    (&[Clicks], &[]),
    (&[MachineOpens], &[]),
    (&[MachineClicks], &[]),
    (&[MachineOpens], &[MachineClicks]),
    (&[Deferrals], &[]),
];

impl Change {
    fn new<'m>(more: impl IntoIterator<Item = &'m Measure>, less: impl IntoIterator<Item = &'m Measure>) -> Self {
        let mut all = Measures::default();
        more.into_iter().for_each(|measure| all[*measure] += 1);
        less.into_iter().for_each(|measure| all[*measure] -= 1);
        let moved = Measure::ALL.iter().map(|measure| (*measure, all[*measure]));
        Self(moved.filter(|(_, by)| *by != 0).collect())
    }

    /// The opposite.
    pub(crate) fn backwards(&self) -> Self {
        Self(self.0.iter().map(|(measure, by)| (*measure, -by)).collect())
    }

    /// The numbers after so many of it.
    pub(crate) fn applied(&self, measures: &Measures, times: i64) -> Measures {
        let mut changed = *measures;
        for (measure, by) in &self.0 {
            changed[*measure] += by * times;
        }
        changed
    }

    /// By how much it changes what a function of the numbers tells.
    pub(crate) fn moves(&self, value: impl Fn(&Measures) -> i64) -> i64 {
        value(&self.applied(&Measures::default(), 1))
    }

    /// All changes: another outcome, other engagement, and one delivery more with such engagement; each and its opposite.
    pub(crate) fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Change>> = LazyLock::new(|| {
            let mut all = Vec::new();
            for (place, one) in OUTCOMES.iter().enumerate() {
                all.extend(OUTCOMES[..place].iter().map(|other| Change::new(*one, *other)));
            }
            for (more, less) in MORE {
                all.push(Change::new(more, less));
                let new = OUTCOMES[3..6].iter().map(|outcome| Change::new(outcome.iter().chain(more), less));
                all.extend(new.filter(|change| !less.is_empty() || change.0.iter().all(|(_, by)| *by == 1)));
            }
            let mut both: Vec<Change> = Vec::new();
            for change in all {
                for one in [change.backwards(), change] {
                    if !one.0.is_empty() && !both.contains(&one) {
                        both.push(one);
                    }
                }
            }
            both
        });
        &ALL
    }
}
