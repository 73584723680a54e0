//! Microsoft Teams' incoming webhooks (Workflows): an Adaptive Card 1.4.

use serde_json::{Value, json};

use super::words;
use crate::alerts::notice::Notice;

/// The message.
pub(super) fn message(notice: &Notice) -> Value {
    let colour = if words::is_over(notice) { "good" } else { "attention" };
    let facts: Vec<_> =
        words::facts(notice).into_iter().map(|(name, value)| json!({"title": name, "value": value})).collect();
    let mut body = vec![
        json!({"type": "TextBlock", "size": "medium", "weight": "bolder", "wrap": true, "color": colour, "text": words::title(notice)}),
        json!({"type": "TextBlock", "wrap": true, "text": notice.summary}),
        json!({"type": "FactSet", "facts": facts}),
    ];
    for line in words::contributors(notice) {
        body.push(json!({"type": "TextBlock", "wrap": true, "spacing": "none", "text": format!("- {line}")}));
    }
    if !words::is_over(notice) {
        for line in &notice.advice {
            body.push(json!({"type": "TextBlock", "wrap": true, "isSubtle": true, "size": "small", "text": line}));
        }
    }
    let actions: Vec<_> =
        notice.link.iter().map(|link| json!({"type": "Action.OpenUrl", "title": "Report", "url": link})).collect();
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
            "body": body, "actions": actions
        }
    }]})
}
