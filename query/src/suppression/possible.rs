//! What a reader knows of numbers before he has seen any: which of them can be those of one group (METRICS.md, "What always holds").
//!
//! Whatever fulfils all of this is what some history of messages counts as. So numbers that fulfil it, too, and agree with all that is
//! shown cannot be told from the true ones.

use schema::{Measure, Measures};

use Measure::{
    Clicked, Clicks, Complained, Deferrals, Delivered, MachineClicks, MachineOpened, MachineOpens, Opened, Opens,
    Queued, Secured, Unsecured, Unsubscribed,
};

/// What is reckoned from the numbers of a group.
type Value = fn(&Measures) -> i64;

/// What is never negative. That the outcomes add up to `queued`, and the classes to `failed`, every change keeps by itself.
const NOT_NEGATIVE: [Value; 10] = [
    |of| of[Delivered] - of[Unsecured],
    // Of what was delivered, that which is not unsecured is secured …
    |of| of[Secured] - of[Delivered] + of[Unsecured],
    // … and nothing is both.
    |of| of[Queued] - of[Unsecured] - of[Secured],
    |of| of[Delivered] - of[Opened] - of[MachineOpened],
    |of| of[Opened] - of[Clicked],
    |of| of[Delivered] - of[Complained],
    |of| of[Delivered] - of[Unsubscribed],
    // Who opened and did not click had an opening.
    |of| of[Opens] - of[Opened] + of[Clicked],
    |of| of[Clicks] - of[Clicked],
    |of| of[MachineOpens] + of[MachineClicks] - of[MachineOpened],
];

/// Where there is something of the first, there is something of the second.
const IMPLIED: [[Value; 2]; 4] = [
    [|of| of[Opens], |of| of[Opened]],
    [|of| of[Clicks], |of| of[Clicked]],
    [|of| of[MachineOpens] + of[MachineClicks], |of| of[Opened] + of[MachineOpened]],
    [|of| of[Deferrals], |of| of[Queued]],
];

/// Whether other numbers are as possible as these, which are true: what holds for these holds for the others. On the `event` basis,
/// and of what was forgotten, not all of it does.
pub(crate) fn as_possible(other: &Measures, these: &Measures) -> bool {
    let negative = Measure::ALL.iter().any(|measure| other[*measure] < 0);
    let implied = |[first, second]: &[Value; 2], of: &Measures| first(of) <= 0 || second(of) > 0;
    !negative
        && NOT_NEGATIVE.iter().all(|rest| rest(other) >= 0 || rest(these) < 0)
        && IMPLIED.iter().all(|pair| implied(pair, other) || !implied(pair, these))
}
