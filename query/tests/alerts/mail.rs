//! Simulated mail, evaluated as the service does.
//!
//! Deliveries arrive evenly, complaints by chance (a Poisson process of the true rate). Every quarter of an hour is evaluated, over the
//! quarters that the windows hold.

use query::{
    Range,
    alert::{Counts, DefaultRule, Looked, Moment, Rule, Sight, State, evaluate},
};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use schema::{Measure, Measures, Millis};

/// Quarters of an hour of a day.
pub(crate) const DAY: usize = 96;
/// What comes before the first day that counts: a week, so that every window is full.
const BEFORE: usize = 7 * DAY;
/// Deliveries a day.
pub(crate) const VOLUMES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The default rule for a critical spam rate, with another confidence if one is named.
pub(crate) fn rule(confidence: Option<f64>) -> Rule {
    let mut request = DefaultRule::find("spam-critical").expect("it is a default").request();
    request.confidence = confidence;
    Rule::new(&request).expect("defaults are rules")
}

/// From the step of the true rate from 0.05 % to 0.4 % to the alert, in quarters of an hour; at most 60 days.
pub(crate) fn delay(rule: &Rule, volume: u64, seed: u64) -> usize {
    let mut mail = Mail::new(volume, seed);
    let (mut state, mut fired) = (State::new(), None);
    for quarter in 0..BEFORE + 60 * DAY {
        mail.arrive(if quarter < BEFORE { 0.0005 } else { 0.004 });
        if quarter < BEFORE {
            continue;
        }
        state = mail.evaluate(rule, state).0;
        if !state.is_empty() {
            fired = Some(quarter - BEFORE + 1);
            break;
        }
    }
    fired.unwrap_or(60 * DAY)
}

/// On how many days the rule fires while the true rate is 0.2 %, and how often it begins to.
pub(crate) fn false_alarms(rule: &Rule, volume: u64, days: usize) -> (usize, usize) {
    let mut mail = Mail::new(volume, 4_711);
    let mut state = State::new();
    let (mut wrong_days, mut alarms) = (0, 0);
    (0..BEFORE).for_each(|_| mail.arrive(0.002));
    for _ in 0..days {
        let mut wrong = false;
        for _ in 0..DAY {
            mail.arrive(0.002);
            let fired;
            (state, fired) = mail.evaluate(rule, state);
            alarms += usize::from(fired);
            wrong |= fired;
        }
        wrong_days += usize::from(wrong);
    }
    (wrong_days, alarms)
}

/// Mail of the last quarters of an hour, oldest first, as running sums.
struct Mail {
    each: u64,
    rest: u64,
    dice: ChaCha8Rng,
    sums: Vec<(i64, i64)>,
}

impl Mail {
    fn new(volume: u64, seed: u64) -> Self {
        Self {
            each: volume / DAY as u64,
            rest: volume % DAY as u64,
            dice: ChaCha8Rng::seed_from_u64(seed),
            sums: vec![(0, 0)],
        }
    }

    /// One more quarter of an hour.
    fn arrive(&mut self, rate: f64) {
        let place = (self.sums.len() as u64 - 1) % DAY as u64;
        // What does not divide evenly is spread over the day.
        let extra = u64::from((place * self.rest) % (DAY as u64) < self.rest);
        let delivered = self.each + extra;
        let complained = poisson(&mut self.dice, delivered as f64 * rate);
        let (before, known) = self.sums[self.sums.len() - 1];
        self.sums.push((before + i64::try_from(delivered).unwrap_or(0), known + complained));
    }

    /// What the rule says now; tells whether it begins to fire.
    fn evaluate(&self, rule: &Rule, state: State) -> (State, bool) {
        let now = self.sums.len() - 1;
        let moment = Moment { now: Millis(i64::try_from(now).unwrap_or(0) * 900_000), quiet: false };
        // Just before the quarter ends.
        let asked = rule.questions(Millis(moment.now.0 - 1));
        let measures: Vec<(Range, Measures)> =
            asked.iter().map(|pair| (pair.current.range, self.count(pair.current.range))).collect();
        let counts: Vec<_> = measures.iter().map(|(range, measures)| Counts::new(*range, [("", measures)])).collect();
        let windows: Vec<_> = counts.iter().map(|current| Looked { current, earlier: None }).collect();
        let was_quiet = state.is_empty();
        let (state, _) = evaluate(rule, Sight::Counted(&windows), |_| None, state, moment);
        let fires = was_quiet && !state.is_empty();
        (state, fires)
    }

    fn count(&self, range: Range) -> Measures {
        let at = |second: u32| self.sums[(second as usize / 900).min(self.sums.len() - 1)];
        let ((d0, c0), (d1, c1)) = (at(range.from), at(range.to));
        let mut measures = Measures::default();
        measures[Measure::Delivered] = d1 - d0;
        measures[Measure::Complained] = c1 - c0;
        measures
    }
}

/// How many of a Poisson distribution (D. E. Knuth, The Art of Computer Programming 2, 3.4.1).
fn poisson(dice: &mut ChaCha8Rng, mean: f64) -> i64 {
    let (limit, mut product, mut count) = ((-mean).exp(), 1.0, -1);
    while product > limit {
        product *= dice.random::<f64>();
        count += 1;
    }
    count.max(0)
}
