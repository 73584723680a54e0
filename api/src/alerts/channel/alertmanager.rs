//! Prometheus Alertmanager, API v2: labels name the alert, its end tells whether it is over.

use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde_json::{Map, Value, json};

use super::words;
use crate::alerts::notice::Notice;

/// How long Alertmanager is to believe that an alert fires unless it is told that it is over. Without an end it would take silence of
/// five minutes for that.
const BELIEVE: TimeDelta = TimeDelta::days(365);

/// The body: one alert.
pub(super) fn alerts(notice: &Notice) -> Value {
    let mut labels = Map::new();
    for (name, value) in [
        ("alertname", notice.name.as_str()),
        ("service", "postlens"),
        ("account", &notice.account),
        ("rule", &notice.rule),
        ("severity", notice.severity.name()),
        ("dimension", notice.dimension.as_deref().unwrap_or_default()),
        ("value", notice.value.as_deref().unwrap_or_default()),
    ] {
        // To Alertmanager a label without a value is none.
        if !value.is_empty() {
            labels.insert(name.to_owned(), value.into());
        }
    }
    let annotations = json!({"summary": notice.summary, "description": words::text(notice)});
    let ends_at = if words::is_over(notice) { notice.at.clone() } else { later(&notice.at) };
    let mut alert = json!({"labels": labels, "annotations": annotations, "startsAt": notice.since, "endsAt": ends_at});
    if let Some(link) = &notice.link {
        alert["generatorURL"] = link.as_str().into();
    }
    json!([alert])
}

fn later(at: &str) -> String {
    let time = DateTime::parse_from_rfc3339(at).unwrap_or_default() + BELIEVE;
    time.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}
