//! A notice: what is told of a change, whatever the channel, and what the history keeps.

use query::{
    Range,
    alert::{
        Alert, Change, Condition, Contributor, FBL_SPAM_RATE, Numbers, Rule, RuleRequest, Severity, Transition, Watch,
    },
};
use schema::{AccountId, Millis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{advice, digest};
use crate::routes::rfc3339;

/// What is told of a change of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "alert": "5f0c2d9a1b7e4c38", "account": "acme", "rule": "spam-critical", "name": "Spam rate above 0.3 %", "severity": "critical",
    "change": "fired", "at": "2026-11-20T14:03:07.123Z", "since": "2026-11-20T14:03:07.123Z", "watch": "spam_rate",
    "threshold": "above 0.3 %", "dimension": "sender_domain", "value": "news.acme.org", "scope": ["campaign:is:spring"], "basis": "event",
    "window": {"from": "2026-11-20T13:00:00Z", "to": "2026-11-20T14:15:00Z"},
    "numbers": {"value": 0.0048, "count": 192, "among": 40_000, "interval": [0.004, 0.0058]},
    "contributors": [{"dimension": "subject", "value": "Last chance", "count": 150, "among": 9_000, "excess": 123.0}],
    "summary": "Spam rate above 0.3 %: spam_rate of sender_domain news.acme.org is 0.48 %, above 0.3 %", "advice": [], "link": null
}))]
pub(crate) struct Notice {
    /// What names the alert: the same from change to change.
    pub(crate) alert: String,
    /// Whose it is.
    pub(crate) account: String,
    /// The rule's id.
    pub(crate) rule: String,
    /// The rule's name.
    pub(crate) name: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What became of it: `pending`, `withdrawn`, `fired`, `told` (it fires, and quiet times are over), `reminded`, `resolved`, and what
    /// people did: `acknowledged`, `muted`; `test` is a sample.
    pub(crate) change: String,
    /// Why it was resolved: `recovered`, `no_data`, `revised` (late events changed the past) or `rule_gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) reason: Option<String>,
    /// Who did it, and what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) note: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Since when it passes its threshold.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// What is watched.
    pub(crate) watch: String,
    /// What it passed, in words.
    pub(crate) threshold: String,
    /// The dimension that is watched value by value.
    #[schema(required)]
    pub(crate) dimension: Option<String>,
    /// The value; `(none)` is the empty one.
    #[schema(required)]
    pub(crate) value: Option<String>,
    /// The filters of the rule.
    pub(crate) scope: Vec<String>,
    /// The clock.
    pub(crate) basis: String,
    /// The window; null when there are no numbers any more.
    #[schema(required)]
    pub(crate) window: Option<WindowTimes>,
    /// Its numbers.
    #[schema(required)]
    pub(crate) numbers: Option<Numbers>,
    /// Who contributes most to the excess.
    pub(crate) contributors: Vec<Contributor>,
    /// All of it in a sentence.
    pub(crate) summary: String,
    /// What mailbox providers ask for at that level.
    pub(crate) advice: Vec<String>,
    /// The report.
    #[schema(required)]
    pub(crate) link: Option<String>,
}

/// From when to when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WindowTimes {
    /// The first moment.
    #[schema(format = DateTime)]
    pub(crate) from: String,
    /// The moment after the last.
    #[schema(format = DateTime)]
    pub(crate) to: String,
}

impl WindowTimes {
    pub(crate) fn of(range: Range) -> Self {
        let time = |seconds: u32| query::rfc3339(chrono_tz::Tz::UTC, seconds.into());
        Self { from: time(range.from), to: time(range.to) }
    }
}

/// A rule and whose it is: what every notice of it says.
pub(crate) struct Subject<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) id: &'a str,
    pub(crate) request: &'a RuleRequest,
    pub(crate) rule: Option<&'a Rule>,
}

/// What names an alert: rule and value, in hexadecimal.
pub(crate) fn alert_id(account: &AccountId, rule: &str, value: &str) -> String {
    digest(&[account.as_str(), rule, value])[..16].to_owned()
}

impl Subject<'_> {
    /// What is told of a transition.
    pub(crate) fn of_transition(
        &self,
        transition: &Transition,
        contributors: Vec<Contributor>,
        link: Option<&str>,
    ) -> Notice {
        let reason = match transition.change {
            Change::Resolved(reason) => Some(reason.name().to_owned()),
            _ => None,
        };
        let evidence = transition.evidence;
        let mut notice = self.blank(&transition.value, transition.change.name(), transition.at, transition.since);
        notice.reason = reason;
        notice.window = evidence.map(|evidence| WindowTimes::of(evidence.range));
        notice.numbers = evidence.map(|evidence| evidence.numbers);
        notice.contributors = contributors;
        notice.link =
            notice.window.as_ref().and_then(|window| Some(report_link(link?, self.request, &transition.value, window)));
        notice.summary = summary(&notice);
        notice
    }

    /// What the history says of what somebody did to an alert.
    pub(crate) fn of_care(&self, value: &str, alert: &Alert, change: &str, note: Option<String>, at: Millis) -> Notice {
        let mut notice = self.blank(value, change, at, alert.since);
        notice.note = note;
        notice.window = Some(WindowTimes::of(alert.evidence.range));
        notice.numbers = Some(alert.evidence.numbers);
        notice.summary = summary(&notice);
        notice
    }

    fn blank(&self, value: &str, change: &str, at: Millis, since: Millis) -> Notice {
        let dimension = match self.rule.map(|rule| rule.watch) {
            Some(Watch::ObservedSpamRate) => Some("sender_domain".to_owned()),
            _ => self.request.by.clone(),
        };
        let advice = self.rule.map_or(&[][..], advice::of).iter().map(|line| (*line).to_owned()).collect();
        Notice {
            alert: alert_id(self.account, self.id, value),
            account: self.account.to_string(),
            rule: self.id.to_owned(),
            name: self.request.name.clone(),
            severity: self.request.severity,
            change: change.to_owned(),
            reason: None,
            note: None,
            at: rfc3339(at),
            since: rfc3339(since),
            watch: self.request.watch.clone(),
            threshold: self.rule.map_or_else(String::new, threshold),
            value: dimension.as_ref().map(|_| shown(value).to_owned()),
            dimension,
            scope: self.request.filter.clone(),
            basis: self.request.basis.clone().unwrap_or_else(|| "event".to_owned()),
            window: None,
            numbers: None,
            contributors: Vec::new(),
            summary: String::new(),
            advice,
            link: None,
        }
    }
}

/// A value of a dimension as it is shown.
pub(crate) fn shown(value: &str) -> &str {
    if value.is_empty() { schema::Dimension::NONE } else { value }
}

/// What a rule's condition says, in words.
fn threshold(rule: &Rule) -> String {
    let is_rate = matches!(rule.watch, Watch::Rate(_) | Watch::ObservedSpamRate);
    let number = |value| if is_rate { percent(value) } else { plain(value) };
    match rule.condition {
        Condition::Above(value) => format!("above {}", number(value)),
        Condition::Below(value) => format!("below {}", number(value)),
        Condition::Rises { factor, before } => {
            format!("{} times what it was one {} before", plain(factor), before.name())
        }
        Condition::Falls { factor, before } => {
            format!("less than one part in {} of what it was one {} before", plain(factor), before.name())
        }
        Condition::Stops { before } => format!("nothing, where there was something one {} before", before.name()),
    }
}

/// A rate as people read it: two digits that count.
pub(crate) fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    let digits = if percent == 0.0 || percent >= 10.0 {
        1
    } else if percent >= 1.0 {
        2
    } else {
        3
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

fn plain(value: f64) -> String {
    format!("{value}")
}

/// The number of a notice, with its interval, as people read it.
pub(crate) fn measured(numbers: &Numbers) -> String {
    let Some(value) = numbers.value else { return "unknown".to_owned() };
    let is_rate = numbers.among.is_some() || (numbers.count == 0 && value > 0.0);
    if !is_rate {
        return plain(value);
    }
    let mut text = percent(value);
    if let Some(among) = numbers.among {
        text = format!("{text} ({} of {among})", numbers.count);
    }
    match numbers.interval {
        Some((low, high)) if numbers.earlier.is_none() => {
            format!("{text}, and with confidence between {} and {}", percent(low), percent(high))
        }
        _ => text,
    }
}

fn summary(notice: &Notice) -> String {
    let of = match (&notice.dimension, &notice.value) {
        (Some(dimension), Some(value)) => format!(" of {dimension} {value}"),
        _ => String::new(),
    };
    let now = notice.numbers.as_ref().map(measured);
    if notice.change == "resolved" {
        let why = match notice.reason.as_deref() {
            Some("no_data") => "there is too little mail in the window to tell",
            Some("revised") => "late events changed the past: it would not have fired",
            Some("rule_gone") => "the rule was disabled or deleted",
            _ => "it is back",
        };
        let now = now.map_or_else(String::new, |now| format!(", now {now}"));
        return format!("Over: {} ({}{of}{now}; {why})", notice.name, notice.watch);
    }
    let now = now.unwrap_or_else(|| "unknown".to_owned());
    format!("{}: {}{of} is {now}; the rule: {}", notice.name, notice.watch, notice.threshold)
}

/// The report that shows it: by campaign, in the window.
fn report_link(base: &str, request: &RuleRequest, value: &str, window: &WindowTimes) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("by", "campaign").append_pair("from", &window.from).append_pair("to", &window.to);
    query.append_pair("basis", request.basis.as_deref().unwrap_or("event"));
    for filter in &request.filter {
        query.append_pair("filter", filter);
    }
    if request.watch == FBL_SPAM_RATE {
        query.append_pair("filter", &format!("mailbox_provider:in:{}", schema::REPORTING.join("|")));
    }
    if let Some(dimension) = &request.by {
        query.append_pair("filter", &format!("{dimension}:is:{}", shown(value)));
    }
    format!("{}/v1/reports/split?{}", base.trim_end_matches('/'), query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_people_read_them() {
        for (rate, text) in
            [(0.003, "0.3 %"), (0.0, "0 %"), (0.00312, "0.312 %"), (0.0523, "5.23 %"), (0.5, "50 %"), (1.0, "100 %")]
        {
            assert_eq!(percent(rate), text);
        }
    }

    #[test]
    fn an_alert_s_name_depends_on_account_rule_and_value() {
        let (a, b): (AccountId, AccountId) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(alert_id(&a, "r", "v"), alert_id(&a, "r", "v"));
        assert_ne!(alert_id(&a, "r", "v"), alert_id(&b, "r", "v"));
        assert_ne!(alert_id(&a, "rv", ""), alert_id(&a, "r", "v"));
    }
}
