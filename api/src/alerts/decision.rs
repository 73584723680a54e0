//! What a pass decides of an alert: its next state, its entry of the history, and the letters that tell of it.

use query::alert::{Alert, ConditionRequest, Contributor, Rule, RuleRequest, Severity, Transition};
use schema::{AccountId, Measure, Millis};

use super::{
    channel, digest,
    notice::{Notice, Subject, alert_id},
    rules::AccountRule,
};
use crate::metadata::alerts::{ChannelRow, Decision, HistoryRow, Letter};

/// What one pass over an account knows.
pub(super) struct Scene<'a> {
    pub(super) account: &'a AccountId,
    pub(super) channels: Vec<ChannelRow>,
    pub(super) as_of: Millis,
    /// Where people reach this service.
    pub(super) link: Option<&'a str>,
}

/// What is told with a transition.
pub(super) struct Told<'a> {
    /// The rule, if it is evaluated still.
    pub(super) rule: Option<&'a Rule>,
    /// The state that the alert is in now; none when it is over.
    pub(super) next: Option<Alert>,
    pub(super) contributors: Vec<Contributor>,
    /// Its place among the decisions of the pass.
    pub(super) number: usize,
}

impl Scene<'_> {
    pub(super) fn decision(&self, account_rule: &AccountRule, transition: &Transition, told: Told<'_>) -> Decision {
        let Told { rule, next, contributors, number } = told;
        let subject = Subject { account: self.account, id: &account_rule.id, request: &account_rule.request, rule };
        let notice = subject.of_transition(transition, contributors, self.link);
        let letters =
            if transition.notify { self.letters(account_rule, transition, &notice, number) } else { Vec::new() };
        Decision {
            rule: account_rule.id.clone(),
            revision: account_rule.revision,
            value: transition.value.clone(),
            next,
            history: history_row(&account_rule.id, &notice, transition.at, number),
            letters,
        }
    }

    /// One letter for each channel of the rule that wants to hear of it.
    fn letters(&self, rule: &AccountRule, transition: &Transition, notice: &Notice, number: usize) -> Vec<Letter> {
        let named = |channel: &&ChannelRow| match &rule.request.channels {
            None => channel::wants(channel, rule.request.severity),
            Some(ids) => ids.contains(&channel.id),
        };
        let alert = alert_id(self.account, &rule.id, &transition.value);
        let text = serde_json::to_string(notice).expect("notices are plain data");
        let position = transition.at.0 * 1_000_000 + i64::try_from(number).unwrap_or_default();
        let letter = |channel: &ChannelRow| Letter {
            id: letter_id(&[
                &alert,
                &channel.id,
                transition.change.name(),
                &transition.since.0.to_string(),
                &transition.at.0.to_string(),
            ]),
            channel: channel.id.clone(),
            alert: alert.clone(),
            position,
            notice: text.clone(),
        };
        self.channels.iter().filter(named).map(letter).collect()
    }
}

/// An entry of the history.
pub(crate) fn history_row(rule: &str, notice: &Notice, at: Millis, number: usize) -> HistoryRow {
    HistoryRow {
        id: format!("{:013}-{number:06}-{:08x}", at.0, rand::random::<u32>()),
        rule: rule.to_owned(),
        at,
        entry: serde_json::to_string(notice).expect("notices are plain data"),
    }
}

/// The idempotency key of a letter.
pub(crate) fn letter_id(parts: &[&str]) -> String {
    format!("msg_{}", &digest(parts)[..32])
}

/// A rule that is not there any more, for its last words.
pub(super) fn forgotten(id: String) -> AccountRule {
    let request = RuleRequest {
        name: id.clone(),
        watch: Measure::Queued.name().to_owned(),
        when: ConditionRequest::Above(0.0),
        window: Vec::new(),
        basis: None,
        filter: Vec::new(),
        by: None,
        tz: None,
        minimum: None,
        hold: None,
        // Whoever knows of its alerts learns that they are over.
        severity: Severity::Critical,
        confidence: None,
        channels: None,
        enabled: false,
    };
    AccountRule { id, request, muted_until: None, revision: 0, updated_at: None }
}
