//! How alerts live.

use super::*;

const BAD: (i64, i64) = (100, 10_000);
const GOOD: (i64, i64) = (5, 10_000);

fn told(
    (complained, delivered): (i64, i64),
    rule: &Rule,
    state: State,
    moment: Moment,
) -> (State, Vec<(Change, bool)>) {
    let (state, transitions) = turn(rule, spam(complained, delivered), state, moment);
    (state, changes(&transitions))
}

#[test]
fn an_alert_fires_once_goes_on_silently_and_is_resolved_once() {
    let rule = rule(&json!({}));
    let (state, told_now) = told(BAD, &rule, State::new(), at(0));
    assert_eq!(told_now, [(Change::Fired, true)]);
    let (state, told_now) = told(BAD, &rule, state, at(1));
    assert_eq!(told_now, []);
    let (state, told_now) = told(GOOD, &rule, state, at(2));
    assert_eq!(told_now, [(Change::Resolved(Reason::Recovered), true)]);
    assert_eq!(told(GOOD, &rule, state, at(3)).1, []);
}

#[test]
fn with_for_it_must_hold_that_long_without_a_break() {
    let rule = rule(&json!({"for": "10m"}));
    let (state, told_now) = told(BAD, &rule, State::new(), at(0));
    assert_eq!(told_now, [(Change::Pending, false)]);
    let (state, told_now) = told((35, 10_000), &rule, state, at(5));
    assert_eq!(told_now, [(Change::Withdrawn, false)]);
    let (state, _) = told(BAD, &rule, state, at(6));
    let (state, told_now) = told(BAD, &rule, state, at(15));
    assert_eq!(told_now, []);
    assert_eq!(told(BAD, &rule, state, at(16)).1, [(Change::Fired, true)]);
}

#[test]
fn a_rate_that_dances_on_the_line_is_one_alert() {
    let rule = rule(&json!({}));
    let (mut state, _) = told(BAD, &rule, State::new(), at(0));
    for (minute, complained) in [(1, 31), (2, 60), (3, 28), (4, 50)] {
        let told_now;
        (state, told_now) = told((complained, 10_000), &rule, state, at(minute));
        assert_eq!(told_now, [], "{complained}");
    }
    assert_eq!(told((27, 10_000), &rule, state, at(5)).1, [(Change::Resolved(Reason::Recovered), true)]);
}

#[test]
fn too_little_mail_ends_an_alert_and_says_so() {
    let rule = rule(&json!({}));
    let (state, _) = told(BAD, &rule, State::new(), at(0));
    assert_eq!(told((0, 0), &rule, state, at(1)).1, [(Change::Resolved(Reason::NoData), true)]);
}

#[test]
fn what_goes_on_is_told_again_every_day_unless_somebody_takes_care() {
    let rule = rule(&json!({}));
    let day = 24 * 60;
    let (state, _) = told(BAD, &rule, State::new(), at(0));
    let (state, told_now) = told(BAD, &rule, state, at(day - 1));
    assert_eq!(told_now, []);
    let (mut state, told_now) = told(BAD, &rule, state, at(day));
    assert_eq!(told_now, [(Change::Reminded, true)]);
    state.get_mut("").unwrap().acknowledged = true;
    let (state, told_now) = told(BAD, &rule, state, at(5 * day));
    assert_eq!(told_now, []);
    assert_eq!(told(GOOD, &rule, state, at(6 * day)).1, [(Change::Resolved(Reason::Recovered), true)]);
}

#[test]
fn what_fires_in_quiet_times_is_told_when_they_are_over_and_not_at_all_if_it_is_over_before() {
    let rule = rule(&json!({}));
    let quiet = |minute| Moment { quiet: true, ..at(minute) };
    let (state, told_now) = told(BAD, &rule, State::new(), quiet(0));
    assert_eq!(told_now, [(Change::Fired, false)]);
    assert_eq!(told(GOOD, &rule, state.clone(), quiet(1)).1, [(Change::Resolved(Reason::Recovered), false)]);
    let (state, told_now) = told(BAD, &rule, state, at(2));
    assert_eq!(told_now, [(Change::Told, true)]);
    // Who knows of it learns that it is over, however quiet it is.
    assert_eq!(told(GOOD, &rule, state, quiet(3)).1, [(Change::Resolved(Reason::Recovered), true)]);
}

#[test]
fn one_alert_can_be_muted_by_itself() {
    let rule = rule(&json!({}));
    let (mut state, _) = told(BAD, &rule, State::new(), Moment { quiet: true, ..at(0) });
    state.get_mut("").unwrap().muted_until = Some(at(10).now);
    let (state, told_now) = told(BAD, &rule, state, at(9));
    assert_eq!(told_now, []);
    assert_eq!(told(BAD, &rule, state, at(10)).1, [(Change::Told, true)]);
}

#[test]
fn late_events_that_change_the_past_end_an_alert_that_would_not_have_fired() {
    let rule = rule(&json!({}));
    let (state, _) = told(BAD, &rule, State::new(), at(0));
    let measures = spam(28, 10_000);
    let counts = Counts::new(RANGE, [("", &measures)]);
    let sight = [Looked { current: &counts, earlier: None }];
    assert_eq!(doubtful(&rule, Sight::Counted(&sight), &state), [(String::new(), RANGE)]);
    // Near the line an alert goes on if it fired rightly …
    let (_, transitions) =
        evaluate(&rule, Sight::Counted(&sight), |_| Some((spam(100, 10_000), spam(0, 0))), state.clone(), at(1));
    assert_eq!(changes(&transitions), []);
    // … and is over if it did not.
    let (_, transitions) =
        evaluate(&rule, Sight::Counted(&sight), |_| Some((spam(28, 10_000), spam(0, 0))), state, at(1));
    assert_eq!(changes(&transitions), [(Change::Resolved(Reason::Revised), true)]);
}

#[test]
fn each_value_has_a_life_of_its_own_and_one_that_vanished_is_over() {
    let rule = rule(&json!({"by": "campaign"}));
    let (bad, good) = (spam(100, 10_000), spam(5, 10_000));
    let counts = Counts::new(RANGE, [("a", &bad), ("b", &good), ("", &bad)]);
    let sight = [Looked { current: &counts, earlier: None }];
    let (state, transitions) = evaluate(&rule, Sight::Counted(&sight), |_| None, State::new(), at(0));
    assert_eq!(transitions.iter().map(|t| t.value.as_str()).collect::<Vec<_>>(), ["", "a"]);
    let counts = Counts::new(RANGE, [("a", &bad)]);
    let sight = [Looked { current: &counts, earlier: None }];
    let (state, transitions) = evaluate(&rule, Sight::Counted(&sight), |_| None, state, at(1));
    assert_eq!(changes(&transitions), [(Change::Resolved(Reason::NoData), true)]);
    assert_eq!(state.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_stream_that_stopped_is_found_by_its_past() {
    let rule = rule(&json!({"watch": "queued", "when": {"stops": "week"}, "window": "30m", "by": "sender_domain"}));
    let mut some = Measures::default();
    some[Measure::Queued] = 50;
    let (now, then) =
        (Counts::new(RANGE, [("a.org", &some)]), Counts::new(RANGE, [("a.org", &some), ("b.org", &some)]));
    let sight = [Looked { current: &now, earlier: Some(&then) }];
    let (_, transitions) = evaluate(&rule, Sight::Counted(&sight), |_| None, State::new(), at(0));
    assert_eq!(
        transitions.iter().map(|t| (t.value.as_str(), t.change)).collect::<Vec<_>>(),
        [("b.org", Change::Fired)]
    );
}

#[test]
fn of_several_windows_one_that_passes_suffices_and_all_must_be_clear() {
    let rule = rule(&json!({"window": ["1h", "24h"]}));
    let evaluate = |hour: Measures, day: Measures, state, minute| {
        let (hour, day) = (Counts::new(RANGE, [("", &hour)]), Counts::new(RANGE, [("", &day)]));
        let windows = [Looked { current: &hour, earlier: None }, Looked { current: &day, earlier: None }];
        let (state, transitions) = evaluate(&rule, Sight::Counted(&windows), |_| None, state, at(minute));
        (state, changes(&transitions))
    };
    let (state, told) = evaluate(spam(30, 2_000), spam(40, 100_000), State::new(), 0);
    assert_eq!(told, [(Change::Fired, true)]);
    let (state, told) = evaluate(spam(0, 2_000), spam(500, 100_000), state, 1);
    assert_eq!(told, []);
    assert_eq!(evaluate(spam(0, 0), spam(40, 100_000), state, 2).1, [(Change::Resolved(Reason::Recovered), true)]);
}

#[test]
fn the_alerts_of_a_rule_that_is_gone_are_over() {
    let (state, _) = told(BAD, &rule(&json!({})), State::new(), at(0));
    assert_eq!(changes(&withdraw(state, at(1).now)), [(Change::Resolved(Reason::RuleGone), true)]);
}
