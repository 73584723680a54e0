//! The Events API v2 of `PagerDuty`: an event triggers or resolves the incident that the alert's id names.

use query::alert::Severity;
use serde_json::{Value, json};

use super::words;
use crate::alerts::notice::Notice;

/// The longest summary.
const LONGEST: usize = 1024;

/// The event.
pub(super) fn event(notice: &Notice, routing_key: &str) -> Value {
    let action = if words::is_over(notice) { "resolve" } else { "trigger" };
    let severity = match notice.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let summary: String = notice.summary.chars().take(LONGEST).collect();
    let links: Vec<_> = notice.link.iter().map(|link| json!({"href": link, "text": "Report"})).collect();
    json!({
        "routing_key": routing_key, "event_action": action, "dedup_key": notice.alert, "client": "Postlens", "links": links,
        "payload": {
            "summary": summary, "source": format!("postlens/{}", notice.account), "severity": severity, "timestamp": notice.at,
            "component": notice.rule, "class": notice.watch, "custom_details": notice
        }
    })
}
