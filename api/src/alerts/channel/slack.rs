//! Slack's incoming webhooks: a text for notifications, and blocks.

use serde_json::{Value, json};

use super::words;
use crate::alerts::notice::Notice;

/// The longest text of a section.
const LONGEST: usize = 2900;

/// The message.
pub(super) fn message(notice: &Notice) -> Value {
    let facts: Vec<_> =
        words::facts(notice).iter().map(|(name, value)| format!("*{name}:* {}", escape(value))).collect();
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": cut(&words::title(notice), 150)}}),
        section(&facts.join("\n")),
    ];
    let most = words::contributors(notice);
    if !most.is_empty() {
        let lines: Vec<_> = most.iter().map(|line| format!("• {}", escape(line))).collect();
        blocks.push(section(&format!("*Contributing most*\n{}", lines.join("\n"))));
    }
    if !notice.advice.is_empty() && !words::is_over(notice) {
        let text = cut(&escape(&notice.advice.join(" ")), LONGEST);
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}));
    }
    if let Some(link) = &notice.link {
        blocks.push(section(&format!("<{link}|Report>")));
    }
    json!({"text": format!("{} {}", escape(&words::title(notice)), escape(&notice.summary)), "blocks": blocks})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, LONGEST)}})
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
