//! What numbers say of a rule.

use super::*;

fn verdict(rule: &Rule, current: Measures, earlier: Measures) -> Verdict {
    judge(rule, rule.confidence, &current, &earlier).verdict
}

fn count(measure: Measure, count: i64) -> Measures {
    let mut measures = Measures::default();
    measures[measure] = count;
    measures
}

#[test]
fn one_complaint_of_five_is_no_alarm() {
    assert_eq!(verdict(&rule(&json!({})), spam(1, 5), spam(0, 0)), Verdict::TooLittle);
}

#[test]
fn with_confidence_the_interval_must_pass_and_without_the_rate_itself() {
    let (sure, plain) = (rule(&json!({})), rule(&json!({"confidence": 0})));
    for (complained, of_sure, of_plain) in [
        (27, Verdict::Clear, Verdict::Clear),
        (30, Verdict::Near, Verdict::Near),
        (31, Verdict::Near, Verdict::Passes),
        (44, Verdict::Near, Verdict::Passes),
        (45, Verdict::Passes, Verdict::Passes),
    ] {
        assert_eq!(verdict(&sure, spam(complained, 10_000), spam(0, 0)), of_sure, "{complained}");
        assert_eq!(verdict(&plain, spam(complained, 10_000), spam(0, 0)), of_plain, "{complained}");
    }
}

#[test]
fn exactly_the_threshold_does_not_pass() {
    let plain = rule(&json!({"confidence": 0, "when": {"above": 0.25}}));
    assert_eq!(verdict(&plain, spam(25, 100), spam(0, 0)), Verdict::Near);
    let unsecured = rule(&json!({"watch": "unsecured", "when": {"above": 0}}));
    assert_eq!(verdict(&unsecured, count(Measure::Unsecured, 0), spam(0, 0)), Verdict::Clear);
    assert_eq!(verdict(&unsecured, count(Measure::Unsecured, 1), spam(0, 0)), Verdict::Passes);
}

#[test]
fn a_rate_below_its_threshold_passes_and_is_clear_when_it_is_well_above() {
    let low = rule(&json!({"watch": "delivery_rate", "when": {"below": 0.95}}));
    let mail = |delivered| {
        let mut measures = count(Measure::Queued, 10_000);
        measures[Measure::Delivered] = delivered;
        measures
    };
    for (delivered, wanted) in
        [(9_300, Verdict::Passes), (9_490, Verdict::Near), (9_540, Verdict::Near), (9_560, Verdict::Clear)]
    {
        assert_eq!(verdict(&low, mail(delivered), spam(0, 0)), wanted, "{delivered}");
    }
}

#[test]
fn a_change_needs_its_factor_and_significance() {
    let doubled = rule(&json!({"when": {"rises": {"factor": 2, "before": "day"}}}));
    assert_eq!(verdict(&doubled, spam(40, 10_000), spam(10, 10_000)), Verdict::Passes);
    // Four times as much, but of so few that it may be chance.
    assert_eq!(verdict(&doubled, spam(4, 1_000), spam(1, 1_000)), Verdict::Near);
    // Certain, but no doubling.
    assert_eq!(verdict(&doubled, spam(1_500, 100_000), spam(1_000, 100_000)), Verdict::Clear);
    assert_eq!(verdict(&doubled, spam(4, 50), spam(1, 1_000)), Verdict::TooLittle);

    let halved = rule(&json!({"watch": "delivered", "when": {"falls": {"factor": 2, "before": "week"}}}));
    assert_eq!(verdict(&halved, spam(0, 400), spam(0, 1_000)), Verdict::Passes);
    assert_eq!(verdict(&halved, spam(0, 0), spam(0, 1_000)), Verdict::Passes);
    assert_eq!(verdict(&halved, spam(0, 5), spam(0, 11)), Verdict::Near);
    assert_eq!(verdict(&halved, spam(0, 1), spam(0, 4)), Verdict::TooLittle);
}

#[test]
fn a_stream_has_stopped_when_it_usually_has_something_and_now_has_nothing() {
    let stops = rule(&json!({"watch": "activity", "when": {"stops": "week"}}));
    assert_eq!(verdict(&stops, count(Measure::Opens, 0), count(Measure::Opens, 10)), Verdict::Passes);
    assert_eq!(verdict(&stops, count(Measure::Deferrals, 1), count(Measure::Opens, 10)), Verdict::Clear);
    assert_eq!(verdict(&stops, count(Measure::Opens, 0), count(Measure::Opens, 9)), Verdict::TooLittle);
}

#[test]
fn an_observed_rate_is_taken_as_it_is() {
    let observed = rule(&json!({"watch": "observed_spam_rate"}));
    for (rate, wanted) in [(0.004, Verdict::Passes), (0.003, Verdict::Near), (0.002, Verdict::Clear)] {
        assert_eq!(judge_observed(&observed, rate).verdict, wanted);
    }
}
