//! Many comparisons at once: of a hundred rows that differ in nothing, five differ "at the 5 % level".
//!
//! Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple testing",
//! J. R. Stat. Soc. B 57 (1995), 289–300: whoever believes all with an adjusted value of at most 5 % is wrong about 5 % of them on
//! average.

/// The adjusted values ("q") of these probabilities, in their order: the level at which each would just be believed.
pub(crate) fn adjusted(probabilities: &[f64]) -> Vec<f64> {
    let count = probabilities.len() as f64;
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, other| probabilities[*other].total_cmp(&probabilities[*one]));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut least = 1.0_f64;
    // From the greatest, whose rank is the count, down.
    for (above, place) in order.into_iter().enumerate() {
        // The factor first: rounded or not it is at least 1, so that no adjusted value is less than its probability.
        let factor = count / (count - above as f64);
        least = least.min(probabilities[place] * factor);
        adjusted[place] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fifteen_of_benjamini_and_hochberg_have_the_values_of_scipy() {
        // Their section 3.1; scipy 1.17.1, scipy.stats.false_discovery_control. At 5 % the first four are believed, as they say.
        let probabilities = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let wanted = [
            0.0015,
            0.003,
            0.0095,
            0.035_625,
            0.0603,
            0.063_857_14,
            0.063_857_14,
            0.0645,
            0.0765,
            0.486,
            0.581_181_82,
            0.714_875,
            0.753_230_77,
            0.813_214_29,
            1.0,
        ];
        for (found, wanted) in adjusted(&probabilities).into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-8, "{found} {wanted}");
        }
        assert_eq!(adjusted(&[]), Vec::<f64>::new());
    }

    /// Their procedure: the greatest k for which k of the probabilities are at most k / m · level; those k are believed.
    fn believed(probabilities: &[f64], level: f64) -> Vec<bool> {
        let m = probabilities.len();
        let at_most = |limit: f64| probabilities.iter().filter(|p| **p <= limit).count();
        let limit = (1..=m).rev().map(|k| (k, k as f64 / m as f64 * level)).find(|(k, limit)| at_most(*limit) >= *k);
        probabilities.iter().map(|p| limit.is_some_and(|(_, limit)| *p <= limit)).collect()
    }

    proptest! {
        #[test]
        fn what_is_believed_is_what_their_procedure_believes(
            thousandths in prop::collection::vec(0_u32..=1_000, 0..40),
            level in 0.0123_f64..0.3,
        ) {
            let probabilities: Vec<f64> = thousandths.iter().map(|p| f64::from(*p) / 1_000.0).collect();
            let found: Vec<bool> = adjusted(&probabilities).into_iter().map(|q| q <= level).collect();
            prop_assert_eq!(found, believed(&probabilities, level));
        }

        #[test]
        fn adjusting_only_ever_doubts_more(probabilities in prop::collection::vec(0.0_f64..=1.0, 1..40)) {
            for (p, q) in probabilities.iter().zip(adjusted(&probabilities)) {
                prop_assert!(*p <= q && q <= 1.0);
            }
        }
    }
}
