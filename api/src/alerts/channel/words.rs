//! A notice as people read it: the same lines in every channel.

use crate::alerts::notice::{Notice, measured, percent};

/// Whether it tells that something is over.
pub(super) fn is_over(notice: &Notice) -> bool {
    notice.change == "resolved"
}

/// A headline.
pub(super) fn title(notice: &Notice) -> String {
    let state = match notice.change.as_str() {
        "resolved" => "Resolved",
        "reminded" => "Still firing",
        "test" => "Test",
        _ => notice.severity.name(),
    };
    let of = notice.value.as_ref().map_or_else(String::new, |value| format!(" · {value}"));
    format!("[{}] {}{of}", state.to_uppercase(), notice.name)
}

/// What passed what, since when, where, on how much mail.
pub(super) fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(numbers) = &notice.numbers {
        facts.push(("Measured", format!("{} is {}", notice.watch, measured(numbers))));
        if let Some(earlier) = numbers.earlier {
            let value = earlier.value.map_or_else(
                || "unknown".to_owned(),
                |value| match earlier.among {
                    Some(among) => format!("{} ({} of {among})", percent(value), earlier.count),
                    None => format!("{}", earlier.count),
                },
            );
            facts.push(("Before", value));
        }
    }
    facts.push(("Rule", notice.threshold.clone()));
    facts.push(("Since", notice.since.clone()));
    if let Some(window) = &notice.window {
        facts.push(("Window", format!("{} to {}", window.from, window.to)));
    }
    facts.push(("Scope", scope(notice)));
    if let Some(note) = &notice.note {
        facts.push(("Note", note.clone()));
    }
    facts
}

fn scope(notice: &Notice) -> String {
    let mut parts = vec![format!("account {}", notice.account)];
    if let (Some(dimension), Some(value)) = (&notice.dimension, &notice.value) {
        parts.push(format!("{dimension} {value}"));
    }
    parts.extend(notice.scope.iter().cloned());
    parts.join(", ")
}

/// Who contributes most, a line each.
pub(super) fn contributors(notice: &Notice) -> Vec<String> {
    let line = |contributor: &query::alert::Contributor| {
        let of = contributor
            .among
            .map_or_else(|| contributor.count.to_string(), |among| format!("{} of {among}", contributor.count));
        format!("{} {}: {of}, {:.0} too many", contributor.dimension, contributor.value, contributor.excess)
    };
    notice.contributors.iter().map(line).collect()
}

/// All of it as plain text.
pub(super) fn text(notice: &Notice) -> String {
    let mut lines = vec![title(notice), String::new(), notice.summary.clone(), String::new()];
    lines.extend(facts(notice).into_iter().map(|(name, value)| format!("{name}: {value}")));
    let most = contributors(notice);
    if !most.is_empty() {
        lines.extend([String::new(), "Contributing most:".to_owned()]);
        lines.extend(most.into_iter().map(|line| format!("- {line}")));
    }
    if !notice.advice.is_empty() && !is_over(notice) {
        lines.push(String::new());
        lines.extend(notice.advice.iter().cloned());
    }
    if let Some(link) = &notice.link {
        lines.extend([String::new(), link.clone()]);
    }
    lines.join("\n") + "\n"
}
