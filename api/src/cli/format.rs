//! Numbers as people read them in a terminal.

use std::fmt::Display;

/// A whole number with separators between its thousands.
pub(super) fn grouped(number: impl Display) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A fraction as a percentage with two decimals; `–` for none.
pub(super) fn percentage(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| "–".to_owned(), |fraction| format!("{:.2} %", fraction * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in
            [(0_i64, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567"), (100_000, "100,000")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn fractions_read_as_percentages_and_nothing_is_not_zero() {
        assert_eq!(percentage(Some(0.003)), "0.30 %");
        assert_eq!(percentage(Some(1.0)), "100.00 %");
        assert_eq!(percentage(Some(0.0)), "0.00 %");
        assert_eq!(percentage(None), "–");
    }
}
