//! What holds for every sequence of reports: changes are legal, none is told twice, none is lost.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// One evaluation: minutes since the last, complaints of two values (of 10,000; none: no mail), quiet, acknowledged, revised.
#[derive(Clone, Debug)]
struct Step {
    minutes: i64,
    complained: [Option<i64>; 2],
    quiet: bool,
    acknowledge: bool,
    revised: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let complained = || prop_oneof![1 => Just(None), 4 => prop_oneof![0..25i64, 25..50i64, 50..200i64].prop_map(Some)];
    let step = (
        prop_oneof![5 => 0..40i64, 1 => 0..4000i64],
        complained(),
        complained(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let step = |(minutes, a, b, quiet, acknowledge, revised)| Step {
            minutes,
            complained: [a, b],
            quiet,
            acknowledge,
            revised,
        };
        steps.into_iter().map(step).collect()
    })
}

/// What an attentive receiver knows of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Inactive,
    Pending,
    Firing { told: bool },
}

fn follow(known: Known, transition: &Transition) -> Result<Known, TestCaseError> {
    let Transition { change, notify, .. } = transition;
    Ok(match (known, change) {
        (Known::Inactive, Change::Pending) if !notify => Known::Pending,
        (Known::Pending, Change::Withdrawn) if !notify => Known::Inactive,
        (Known::Inactive | Known::Pending, Change::Fired) => Known::Firing { told: *notify },
        (Known::Firing { told: false }, Change::Told) | (Known::Firing { told: true }, Change::Reminded) if *notify => {
            Known::Firing { told: true }
        }
        (Known::Firing { told }, Change::Resolved(_)) if *notify == told => Known::Inactive,
        _ => return Err(TestCaseError::fail(format!("{known:?} and then {transition:?}"))),
    })
}

proptest! {
    #[test]
    fn any_sequence_of_reports_yields_only_legal_changes_each_told_once_and_none_lost(
        steps in steps(), hold in 0..30u32, sure in any::<bool>()
    ) {
        let rule = rule(&json!({"by": "campaign", "for": format!("{hold}m"), "confidence": if sure { 0.99 } else { 0.0 }}));
        let (mut state, mut minute) = (State::new(), 0);
        let mut known: HashMap<String, Known> = HashMap::new();
        for step in steps {
            minute += step.minutes;
            let measures = step.complained.map(|complained| complained.map(|complained| spam(complained, 10_000)));
            let rows = ["a", "b"].into_iter().zip(&measures).filter_map(|(value, measures)| Some((value, measures.as_ref()?)));
            let counts = Counts::new(RANGE, rows);
            let sight = [Looked { current: &counts, earlier: None }];
            let moment = Moment { quiet: step.quiet, ..at(minute) };
            let recount = |_: &str| step.revised.then(|| (spam(0, 10_000), spam(0, 0)));
            let evaluated = || evaluate(&rule, Sight::Counted(&sight), recount, state.clone(), moment);
            let (next, transitions) = evaluated();
            prop_assert_eq!(&evaluated(), &(next.clone(), transitions.clone()), "it is deterministic");
            state = next;
            for transition in &transitions {
                let before = known.get(&transition.value).copied().unwrap_or(Known::Inactive);
                let after = follow(before, transition)?;
                known.insert(transition.value.clone(), after);
            }
            // What is known follows the state, and what fires in loud times is known.
            for value in ["a", "b"] {
                let wanted = match state.get(value) {
                    None => Known::Inactive,
                    Some(Alert { phase: Phase::Pending, .. }) => Known::Pending,
                    Some(Alert { phase: Phase::Firing, told, .. }) => Known::Firing { told: told.is_some() },
                };
                prop_assert_eq!(known.get(value).copied().unwrap_or(Known::Inactive), wanted);
                if !step.quiet {
                    prop_assert_ne!(wanted, Known::Firing { told: false }, "it is lost");
                }
            }
            // Evaluated again at the same moment nothing changes: a repetition tells nothing twice.
            let again = evaluate(&rule, Sight::Counted(&sight), recount, state.clone(), moment);
            prop_assert_eq!(again, (state.clone(), Vec::new()));
            if step.acknowledge {
                for alert in state.values_mut() {
                    alert.acknowledged = true;
                }
            }
        }
    }
}
