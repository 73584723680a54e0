//! Filters: `DIM:OP:VALUE`, read once into what the SQL is made of.

use std::fmt;

use schema::{Dimension, OTHER};

use crate::{error::excerpt, report::shown as written, tree::Operand};

/// The longest filter in bytes.
const LONGEST: usize = 32 * 1024;
/// The most values of one list.
const MOST_VALUES: usize = 1_000;

/// What a delivery must be like to count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The attribute looked at.
    pub dimension: Dimension,
    /// What it must be.
    pub test: Test,
}

/// What the value of a dimension must be. The empty text is the empty value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// This value.
    Is(String),
    /// Any value but this.
    IsNot(String),
    /// One of these.
    In(Vec<String>),
    /// None of these.
    NotIn(Vec<String>),
    /// A value with this text inside.
    Contains(String),
    /// A value that begins with this text.
    StartsWith(String),
}

/// As it is written, `DIM:OP:VALUE`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[String]| {
            let escaped = |value: &String| written(value).replace('\\', "\\\\").replace('|', "\\|");
            values.iter().map(escaped).collect::<Vec<_>>().join("|")
        };
        let (op, value) = match &self.test {
            Test::Is(value) => ("is", written(value).to_owned()),
            Test::IsNot(value) => ("is_not", written(value).to_owned()),
            Test::In(values) => ("in", list(values)),
            Test::NotIn(values) => ("not_in", list(values)),
            Test::Contains(text) => ("contains", text.clone()),
            Test::StartsWith(text) => ("starts_with", text.clone()),
        };
        write!(f, "{}:{op}:{value}", self.dimension)
    }
}

impl Filter {
    /// Reads a filter; the error says what is wrong with it and what to change.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        short(text.len())?;
        let shape = || format!("must have the form DIM:OP:VALUE, not `{}`", excerpt(text));
        // The name of a field cannot hold a colon, so the second colon ends `field:NAME`.
        let name_from = if text.starts_with("field:") { "field:".len() } else { 0 };
        let (name, rest) = text[name_from..].split_once(':').ok_or_else(shape)?;
        let name = &text[..name_from + name.len()];
        let (op, value) = rest.split_once(':').ok_or_else(shape)?;
        match op {
            "in" | "not_in" => Self::of(name, op, Operand::List(&values(value))),
            _ => Self::of(name, op, Operand::Text(value)),
        }
    }

    /// Reads the parts of a filter.
    pub(crate) fn of(name: &str, op: &str, operand: Operand<'_>) -> Result<Self, String> {
        let dimension: Dimension =
            name.parse().map_err(|error| format!("has the dimension `{}`: {error}", excerpt(name)))?;
        let test = match (op, operand) {
            ("is", Operand::Text(value)) => Test::Is(whole(&dimension, value)?),
            ("is_not", Operand::Text(value)) => Test::IsNot(whole(&dimension, value)?),
            ("in", Operand::List(values)) => Test::In(list(&dimension, values)?),
            ("not_in", Operand::List(values)) => Test::NotIn(list(&dimension, values)?),
            ("contains", Operand::Text(value)) => Test::Contains(part(&dimension, value)?),
            ("starts_with", Operand::Text(value)) => Test::StartsWith(part(&dimension, value)?),
            (other, _) => {
                let known = "use is, is_not, in, not_in, contains or starts_with";
                return Err(format!("has the operator `{}`: {known}", excerpt(other)));
            }
        };
        Ok(Self { dimension, test })
    }
}

/// A value as it is shown: `(none)` is the empty one, `(other)` those beyond the limit of a day.
fn shown(value: &str) -> &str {
    match value {
        Dimension::NONE => "",
        Dimension::OTHER => OTHER,
        value => value,
    }
}

fn short(bytes: usize) -> Result<(), String> {
    if bytes > LONGEST { Err(format!("is longer than {LONGEST} bytes: shorten it")) } else { Ok(()) }
}

/// A text that a value can be compared with.
fn comparable(text: &str) -> Result<&str, String> {
    short(text.len())?;
    if text.contains(OTHER) {
        return Err("has the character U+FDD0, which no value has: leave it out".to_owned());
    }
    Ok(text)
}

/// A whole value.
fn whole(dimension: &Dimension, text: &str) -> Result<String, String> {
    Ok(normal(dimension, shown(comparable(text)?)))
}

/// A part of a value.
fn part(dimension: &Dimension, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("needs a text to look for; for the empty value use `is` with `(none)`".to_owned());
    }
    Ok(lower(dimension, comparable(text)?))
}

/// Whole values.
fn list(dimension: &Dimension, values: &[String]) -> Result<Vec<String>, String> {
    if values.is_empty() {
        return Err("needs a value in its list".to_owned());
    }
    if values.len() > MOST_VALUES {
        return Err(format!("has more than {MOST_VALUES} values: leave some out"));
    }
    short(values.iter().map(String::len).sum())?;
    values.iter().map(|value| whole(dimension, value)).collect()
}

/// The values of a list, separated by `|`; `\|` is a literal one and `\\` a backslash.
fn values(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut value = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('|' | '\\')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            '|' => values.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    values.push(value);
    values
}

/// A whole value in the form in which it is kept: domains of recipients in IDNA ASCII, addresses and domains in lower case.
fn normal(dimension: &Dimension, value: &str) -> String {
    if *dimension == Dimension::RecipientDomain && !value.is_ascii() {
        let address = format!("x@{value}");
        if let Ok(address) = schema::recipient(&address) {
            return schema::domain_of(&address).to_owned();
        }
    }
    lower(dimension, value)
}

fn lower(dimension: &Dimension, value: &str) -> String {
    match dimension {
        Dimension::Sender | Dimension::SenderDomain | Dimension::RecipientDomain | Dimension::MailboxProvider => {
            value.to_lowercase()
        }
        Dimension::Subject | Dimension::Campaign | Dimension::Field(_) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(text: &str) -> Test {
        Filter::parse(text).unwrap().test
    }

    #[test]
    fn a_value_may_hold_colons() {
        assert_eq!(test("subject:is:Re: your visit: 10:30"), Test::Is("Re: your visit: 10:30".into()));
        let field = Filter::parse("field:payer:is_not:a:b").unwrap();
        assert_eq!(field.dimension, "field:payer".parse().unwrap());
        assert_eq!(field.test, Test::IsNot("a:b".into()));
    }

    #[test]
    fn in_takes_values_between_bars_with_an_escape() {
        assert_eq!(
            test(r"campaign:in:a|b\|c|d\\|e\f|"),
            Test::In(["a", "b|c", r"d\", r"e\f", ""].map(String::from).into())
        );
        assert_eq!(test(r"campaign:in:a\"), Test::In(vec![r"a\".into()]));
        assert_eq!(test(r"campaign:not_in:a|b\|c"), Test::NotIn(["a", "b|c"].map(String::from).into()));
    }

    #[test]
    fn the_empty_value_is_also_written_none() {
        assert_eq!(test("campaign:is:(none)"), Test::Is(String::new()));
        assert_eq!(test("campaign:is:"), Test::Is(String::new()));
        assert_eq!(test("campaign:in:(none)|x"), Test::In(vec![String::new(), "x".into()]));
    }

    #[test]
    fn those_beyond_a_limit_are_written_other_and_in_no_other_way() {
        assert_eq!(test("campaign:is_not:(other)"), Test::IsNot(OTHER.into()));
        assert_eq!(test("campaign:in:x|(other)"), Test::In(vec!["x".into(), OTHER.into()]));
        assert_eq!(test("campaign:contains:(other)"), Test::Contains("(other)".into()));
        for op in ["is", "in", "contains", "starts_with"] {
            assert!(Filter::parse(&format!("subject:{op}:{OTHER}")).unwrap_err().contains("U+FDD0"));
        }
    }

    #[test]
    fn addresses_and_domains_are_compared_in_lower_case_and_subjects_are_not() {
        assert_eq!(test("sender:is:News@ACME.org"), Test::Is("news@acme.org".into()));
        assert_eq!(test("mailbox_provider:in:Gmail|YAHOO"), Test::In(vec!["gmail".into(), "yahoo".into()]));
        assert_eq!(test("recipient_domain:is:Bücher.example"), Test::Is("xn--bcher-kva.example".into()));
        assert_eq!(test("subject:contains:Visit"), Test::Contains("Visit".into()));
    }

    #[test]
    fn what_is_no_filter_is_refused_with_what_to_change() {
        for (text, words) in [
            ("", "DIM:OP:VALUE"),
            ("subject", "DIM:OP:VALUE"),
            ("subject:is", "DIM:OP:VALUE"),
            ("field:is:x", "DIM:OP:VALUE"),
            ("topic:is:x", "there is no dimension"),
            ("field:a b:is:x", "there is no dimension"),
            ("subject:equals:x", "starts_with"),
            ("subject:contains:", "needs a text"),
        ] {
            let error = Filter::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(Filter::parse(&format!("subject:is:{}", "x".repeat(LONGEST))).unwrap_err().contains("shorten"));
        assert!(Filter::parse(&format!("subject:in:{}", "|".repeat(MOST_VALUES))).unwrap_err().contains("leave some"));
    }
}
