//! Numbers as a reader of a picture wants them: thousands apart, rates in per cent, ticks at round values.

/// A count with its thousands apart: `1,234,567`.
pub(crate) fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in three digits or so: `1.2k`, `34k`, `5.6M`.
pub(crate) fn short(value: f64) -> String {
    let (mut value, mut units) = (value, ["", "k", "M", "G"].iter());
    let mut unit = units.next().unwrap_or(&"");
    // What would be rounded to a thousand is one of the next.
    while value.abs() >= 999.5
        && let Some(next) = units.next()
    {
        (value, unit) = (value / 1000.0, next);
    }
    let decimals = usize::from(!unit.is_empty() && value.abs() < 9.95);
    format!("{}{unit}", plain(&format!("{value:.decimals$}")))
}

/// A fraction in per cent: three digits or so that say something. What is not all is never shown as 100 %.
pub(crate) fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let decimals = if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    if value <= 0.0 {
        return "0 %".to_owned();
    }
    if value < 0.0005 {
        return "<0.001 %".to_owned();
    }
    if (99.95..100.0).contains(&value) {
        return ">99.9 %".to_owned();
    }
    let text = format!("{value:.decimals$}");
    format!("{} %", plain(&text))
}

/// Without zeros at the end of the decimals.
fn plain(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Round values from 0 to the first that is not below `max`, about `wanted` steps. Whole numbers only for counts.
pub(crate) fn ticks(max: f64, wanted: usize, whole: bool) -> Vec<f64> {
    let rough = (max / wanted.max(1) as f64).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999_999);
    let mut step = step.unwrap_or(power * 10.0);
    if whole {
        step = if step < 1.0 { 1.0 } else { step.ceil() };
    }
    let mut ticks = vec![0.0];
    for number in 1..=64 {
        ticks.push(step * f64::from(number));
        if step * f64::from(number) >= max * 0.999_999 {
            break;
        }
    }
    ticks
}

/// The text at a tick of an axis of counts.
pub(crate) fn count_tick(value: f64) -> String {
    for (unit, letter) in [(1e9, "B"), (1e6, "M")] {
        if value >= unit {
            return format!("{}{letter}", plain(&format!("{:.2}", value / unit)));
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "ticks of counts below a million are whole numbers")]
    count(value.round() as i64)
}

/// The text at a tick of an axis of rates.
pub(crate) fn percent_tick(value: f64) -> String {
    format!("{} %", plain(&format!("{:.4}", value * 100.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567, -1_000].map(count), ["0", "999", "1,000", "1,234,567", "-1,000"]);
    }

    #[test]
    fn short_counts_have_three_digits_or_so() {
        assert_eq!(
            [0.0, 999.0, 1_000.0, 1_249.0, 9_949.0, 9_950.0, 99_949.0, 999_499.0, 999_500.0, 4e12].map(short),
            ["0", "999", "1k", "1.2k", "9.9k", "10k", "100k", "999k", "1M", "4000G"]
        );
    }

    #[test]
    fn a_rate_below_one_is_never_shown_as_all_and_the_spam_line_is_not_rounded_away() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_96), ">99.9 %");
        assert_eq!(percent(0.987_65), "98.8 %");
        assert_eq!(percent(0.003), "0.3 %");
        assert_eq!(percent(0.003_01), "0.301 %");
        assert_eq!(percent(0.000_001), "<0.001 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.25), "125 %");
    }

    #[test]
    fn ticks_are_round_and_reach_the_maximum() {
        assert_eq!(ticks(7.0, 4, true), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(1.0, 4, true), [0.0, 1.0]);
        assert_eq!(ticks(1_234.0, 4, true), [0.0, 500.0, 1000.0, 1500.0]);
        assert_eq!(ticks(0.0, 4, true), [0.0, 1.0]);
        assert_eq!(ticks(0.004, 4, false), [0.0, 0.001, 0.002, 0.003, 0.004]);
        assert_eq!(["0", "500", "1.5M", "2B"], [0.0, 500.0, 1.5e6, 2e9].map(count_tick));
        assert_eq!(percent_tick(0.0025), "0.25 %");
    }
}
