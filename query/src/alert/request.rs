//! A rule as its author writes it, and what is wrong with it.

use schema::{Basis, Dimension, Measure, Rate};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{Before, Condition, Confidence, Minutes, Rule, Severity, Watch, Window};
use crate::{Filter, SpecError, Test, spec, when::time_zone};

/// How sure a rate must be when its author does not say: 99 of 100 intervals hold the true rate.
const USUAL_CONFIDENCE: f64 = 0.99;
/// The least denominator of a rate when its author does not say: of fewer messages, one complaint says nothing.
const USUAL_MINIMUM: i64 = 100;
/// The least number of events that makes a stream usual, or a count comparable, when its author does not say.
const USUAL_EVENTS: i64 = 10;
/// The spam rate where it is known: at mailbox providers that tell of single complaints.
pub const FBL_SPAM_RATE: &str = "fbl_spam_rate";
/// The most windows of one rule.
const MOST_WINDOWS: usize = 6;
/// The longest window and the longest `for`.
const LONGEST: Minutes = Minutes::days(30);
/// The shortest window.
const SHORTEST: Minutes = Minutes(15);

/// A rule: what is watched, when it is too much, and how bad that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Complaints of one campaign", "watch": "spam_rate", "when": {"above": 0.002}, "window": ["1h", "24h"],
    "by": "campaign", "filter": ["sender_domain:is:acme.org"], "minimum": 200, "for": "5m", "severity": "warning"
}))]
pub struct RuleRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What is watched: a rate, a measure, `fbl_spam_rate` (the spam rate at mailbox providers that tell of complaints), `activity` (whether there are events at all), or `observed_spam_rate` (what
    /// `PUT /v1/observations/spam-rate` brings, by sender domain).
    pub watch: String,
    /// When it is too much.
    pub when: ConditionRequest,
    /// The windows: `15m` to `30d` back from now, or `today`, the local day. With several, it is too much when it is in any of them.
    #[serde(default = "usual_window", deserialize_with = "one_or_more")]
    #[schema(required = false, min_items = 1, max_items = 6)]
    pub window: Vec<String>,
    /// By which clock: `event` (default), when the thing happened, or `sent`, when the delivery was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// `DIM:OP:VALUE`, as reports take it; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub filter: Vec<String>,
    /// The dimension each value of which is watched by itself. Default: none, all messages together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The time zone of `today`, an IANA name. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// The least denominator that says anything; for `stops` and changes of counts, the least number in the earlier window.
    /// Default: 100 for rates, 10 for `stops` and changes of counts, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub minimum: Option<u32>,
    /// How long it must hold before it fires: `0m` (default) to `30d`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How bad it is: `info`, `warning` or `critical`.
    pub severity: Severity,
    /// How sure a rate or a change must be, 0.5 to 0.9999: it fires only when the interval's bound passes the threshold. It holds for a
    /// day: windows of an hour must be surer, for there are 24 of them. 0: the number itself decides. Default: 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.9999)]
    pub confidence: Option<f64>,
    /// The ids of the channels that are told. Default: all of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Whether it is evaluated. Default: true.
    #[serde(default = "yes")]
    #[schema(required = false)]
    pub enabled: bool,
}

/// When it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionRequest {
    /// Strictly greater than this: 0.003 is 0.3 %.
    Above(f64),
    /// Strictly less than this.
    Below(f64),
    /// At least so many times what it was in the same window before, and significantly more.
    Rises(ChangeRequest),
    /// At most the so-manyth part of what it was in the same window before, and significantly less.
    Falls(ChangeRequest),
    /// Nothing at all, where the same window before had something: `day` or `week` before.
    Stops(BeforeName),
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// How many times, above 1.
    #[schema(exclusive_minimum = 1)]
    pub factor: f64,
    /// The window compared with: one `day` or `week` before.
    pub before: BeforeName,
}

/// How long before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BeforeName {
    /// One day.
    Day,
    /// One week.
    Week,
}

impl From<BeforeName> for Before {
    fn from(name: BeforeName) -> Self {
        match name {
            BeforeName::Day => Self::Day,
            BeforeName::Week => Self::Week,
        }
    }
}

impl Rule {
    /// Judges a rule.
    ///
    /// # Errors
    /// Names the member and what to change.
    pub fn new(request: &RuleRequest) -> Result<Self, SpecError> {
        let letters = request.name.chars().count();
        if !(1..=200).contains(&letters) || request.name.chars().any(char::is_control) {
            let expected = "use 1 to 200 characters, no control characters";
            return Err(SpecError::value("name", &request.name, expected));
        }
        let watch = watch(&request.watch)?;
        let condition = condition(request.when, watch)?;
        let by = request
            .by
            .as_deref()
            .map(|name| name.parse().map_err(|error| SpecError::value("by", name, format!("{error}"))));
        let mut filters = spec::filters(&request.filter)?;
        if request.watch == FBL_SPAM_RATE {
            filters.push(reporting());
        }
        let (windows, confidence) = (windows(&request.window)?, confidence(request.confidence)?);
        let rule = Self {
            watch,
            condition,
            basis: basis(request.basis.as_deref())?,
            filters,
            by: by.transpose()?,
            tz: time_zone(request.tz.as_deref())?,
            minimum: request.minimum.map_or_else(|| usual_minimum(watch, condition), i64::from),
            hold: hold(request.hold.as_deref())?,
            severity: request.severity,
            sure: windows.iter().map(|window| confidence.map(|level| window.confidence(level))).collect(),
            windows,
            confidence,
        };
        rule.check_observed()?;
        Ok(rule)
    }

    /// What a mailbox provider tells is known by day and domain alone.
    fn check_observed(&self) -> Result<(), SpecError> {
        if self.watch != Watch::ObservedSpamRate {
            return Ok(());
        }
        if self.by.is_some() || !self.filters.is_empty() {
            let expected = "observed rates are watched for each sender domain; leave `by` and `filter` out";
            return Err(SpecError::value("watch", "observed_spam_rate", expected));
        }
        Ok(())
    }
}

/// Mail to those who tell of complaints: that to others would dilute the rate.
fn reporting() -> Filter {
    let names = schema::REPORTING.iter().map(|name| (*name).to_owned()).collect();
    Filter { dimension: Dimension::MailboxProvider, test: Test::In(names) }
}

fn watch(name: &str) -> Result<Watch, SpecError> {
    let found = match name {
        "activity" => Some(Watch::Activity),
        "observed_spam_rate" => Some(Watch::ObservedSpamRate),
        FBL_SPAM_RATE => Some(Watch::Rate(Rate::SpamRate)),
        name => Rate::from_name(name).map(Watch::Rate).or_else(|| Measure::from_name(name).map(Watch::Measure)),
    };
    found.ok_or_else(|| {
        let rates = Rate::ALL.iter().map(|rate| rate.name());
        let measures = Measure::ALL.iter().map(|measure| measure.name());
        let known: Vec<_> = rates.chain(measures).chain([FBL_SPAM_RATE, "activity", "observed_spam_rate"]).collect();
        SpecError::value("watch", name, format!("use {}", known.join(", ")))
    })
}

fn condition(request: ConditionRequest, watch: Watch) -> Result<Condition, SpecError> {
    let is_rate = matches!(watch, Watch::Rate(_) | Watch::ObservedSpamRate);
    let threshold = |value: f64| {
        let legal = value.is_finite() && value >= 0.0 && (!is_rate || value <= 1.0);
        let expected =
            if is_rate { "a rate is from 0 to 1: 0.003 is 0.3 %" } else { "a threshold is a number from 0 on" };
        if legal { Ok(value) } else { Err(SpecError::value("when", &value.to_string(), expected)) }
    };
    let factor = |value: f64| {
        if value.is_finite() && value > 1.0 {
            Ok(value)
        } else {
            Err(SpecError::value("when", &value.to_string(), "a factor is greater than 1"))
        }
    };
    let condition = match request {
        ConditionRequest::Above(value) => Condition::Above(threshold(value)?),
        ConditionRequest::Below(value) => Condition::Below(threshold(value)?),
        ConditionRequest::Rises(change) => {
            Condition::Rises { factor: factor(change.factor)?, before: change.before.into() }
        }
        ConditionRequest::Falls(change) => {
            Condition::Falls { factor: factor(change.factor)?, before: change.before.into() }
        }
        ConditionRequest::Stops(before) => Condition::Stops { before: before.into() },
    };
    let fits = match condition {
        Condition::Stops { .. } => matches!(watch, Watch::Activity | Watch::Measure(_)),
        Condition::Rises { .. } | Condition::Falls { .. } => matches!(watch, Watch::Rate(_) | Watch::Measure(_)),
        Condition::Above(_) | Condition::Below(_) => watch != Watch::Activity,
    };
    if fits {
        return Ok(condition);
    }
    let expected =
        "`stops` watches `activity` or a measure, and `activity` only stops; an observed rate is `above` or `below`";
    Err(SpecError::Value { parameter: "when", given: request.name().to_owned(), expected: expected.to_owned() })
}

impl ConditionRequest {
    const fn name(self) -> &'static str {
        match self {
            Self::Above(_) => "above",
            Self::Below(_) => "below",
            Self::Rises(_) => "rises",
            Self::Falls(_) => "falls",
            Self::Stops(_) => "stops",
        }
    }
}

fn windows(texts: &[String]) -> Result<Vec<Window>, SpecError> {
    if texts.len() > MOST_WINDOWS {
        return Err(SpecError::TooMany { parameter: "window", limit: MOST_WINDOWS });
    }
    let mut windows = texts.iter().map(|text| window(text)).collect::<Result<Vec<_>, _>>()?;
    if windows.is_empty() {
        return Err(SpecError::Missing { parameter: "window", expected: "15m to 30d, or today".to_owned() });
    }
    windows.sort_unstable();
    windows.dedup();
    Ok(windows)
}

fn window(text: &str) -> Result<Window, SpecError> {
    if text == "today" {
        return Ok(Window::Today);
    }
    let span = text.parse().ok().filter(|span| (SHORTEST..=LONGEST).contains(span));
    span.map(Window::Rolling).ok_or_else(|| SpecError::value("window", text, "use 15m to 30d, or today"))
}

fn hold(text: Option<&str>) -> Result<Minutes, SpecError> {
    let Some(text) = text else { return Ok(Minutes(0)) };
    let span = text.parse().ok().filter(|span| *span <= LONGEST);
    span.ok_or_else(|| SpecError::value("for", text, "use 0m to 30d"))
}

fn basis(name: Option<&str>) -> Result<Basis, SpecError> {
    let Some(name) = name else { return Ok(Basis::Event) };
    let found = Basis::ALL.into_iter().find(|basis| basis.name() == name);
    found.ok_or_else(|| SpecError::value("basis", name, "use sent or event"))
}

fn confidence(level: Option<f64>) -> Result<Option<Confidence>, SpecError> {
    let level = level.unwrap_or(USUAL_CONFIDENCE);
    if level == 0.0 {
        return Ok(None);
    }
    let wrong = || SpecError::value("confidence", &level.to_string(), "use 0.5 to 0.9999, or 0 for none");
    Confidence::new(level).map(Some).ok_or_else(wrong)
}

const fn usual_minimum(watch: Watch, condition: Condition) -> i64 {
    match (watch, condition) {
        (Watch::Rate(_), _) => USUAL_MINIMUM,
        (Watch::ObservedSpamRate, _) | (_, Condition::Above(_) | Condition::Below(_)) => 0,
        _ => USUAL_EVENTS,
    }
}

fn usual_window() -> Vec<String> {
    vec!["24h".to_owned()]
}

const fn yes() -> bool {
    true
}

/// A text, or a list of texts.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a window like \"24h\", or a list of windows")]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}
