//! The default rule on simulated mail: it fires when it must, and hardly ever when it must not.

mod mail;

use mail::{DAY, VOLUMES, delay, false_alarms, rule};

#[test]
fn while_the_true_rate_is_two_thirds_of_the_line_false_alarms_stay_below_one_day_in_a_hundred() {
    let sure = rule(None);
    for volume in VOLUMES {
        let (wrong_days, _) = false_alarms(&sure, volume, 1_000);
        assert!(wrong_days < 10, "{wrong_days} of 1,000 days at {volume} a day");
    }
}

#[test]
fn a_step_beyond_the_line_is_noticed_the_sooner_the_more_mail_there_is() {
    let sure = rule(None);
    let median = |volume| {
        let mut delays: Vec<_> = (0..41).map(|seed| delay(&sure, volume, seed)).collect();
        delays.sort_unstable();
        delays[20]
    };
    let delays = VOLUMES.map(median);
    assert!(delays.is_sorted_by(|less_mail, more_mail| less_mail > more_mail), "{delays:?}");
    assert!(delays[0] < 10 * DAY && delays[3] <= DAY / 8, "{delays:?}");
}
