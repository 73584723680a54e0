//! Decisions, the outbox and the channels, over a real store, with a clock that is moved by hand and receivers that take notes.

mod outbox;
mod postbox;
mod receiver;

use std::sync::Arc;

use query::{
    Range,
    alert::{Alert, Change, Evidence, Numbers, Phase, Reason, Severity, Transition},
};
use schema::{AccountId, ManualClock, Millis, Secret};

use super::{
    channel::{self, Settings},
    notice::{Subject, alert_id},
    rules::{self, AccountRule},
    *,
};
use crate::{
    metadata::{
        Metadata,
        alerts::{ChannelRow, Decision, Letter, Term, Topic},
    },
    outgoing::{Outgoing, Permit},
};

/// 2026-11-20T14:03:07.123Z.
const NOW: Millis = Millis(1_795_183_387_123);
const MINUTE: i64 = 60_000;

/// Alerts of the account `acme`.
struct Bench {
    alerts: Alerts,
    clock: Arc<ManualClock>,
    account: AccountId,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::mailing(None).await
    }

    async fn mailing(mailer: Option<Mailer>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(None, dir.path()).await.unwrap();
        let account: AccountId = "acme".parse().unwrap();
        metadata.ensure_account(&account, NOW).await.unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let outgoing = Outgoing::new(Permit::Anywhere).unwrap();
        let secret = Secret::new([7; 32]);
        let ways =
            Ways { outgoing, mailer, charts: None, reports: None, link: Some("https://postlens.example".into()) };
        let alerts = Alerts::new(metadata, Arc::<ManualClock>::clone(&clock), &secret, ways);
        Self { alerts, clock, account, _dir: dir }
    }

    fn now(&self) -> Millis {
        self.alerts.clock().now()
    }

    fn pass_time(&self, millis: i64) {
        self.clock.set(Millis(self.now().0 + millis));
    }

    async fn channel(&self, id: &str, settings: Settings) -> ChannelRow {
        let (target, sealed) = channel::seal(&self.alerts, &self.account, id, &settings);
        let row = ChannelRow {
            id: id.to_owned(),
            name: id.to_owned(),
            kind: settings.kind().to_owned(),
            least: Severity::Info.name().to_owned(),
            settings: target,
            sealed,
            created_at: self.now(),
        };
        self.alerts.metadata().put_channel(&self.account, &row).await.unwrap();
        row
    }

    async fn rule(&self) -> AccountRule {
        rules::find(self.alerts.metadata(), &self.account, "spam-critical").await.unwrap().unwrap()
    }

    async fn term(&self) -> Term {
        self.alerts.metadata().lease("alerts", "this one", self.now(), MINUTE).await.unwrap().unwrap()
    }

    /// Decides that the rule's alert changed, and that this channel is told.
    async fn decide(&self, change: Change, channel: &str) -> String {
        let rule = self.rule().await;
        let decision = decision(self, &rule, change, channel);
        let id = decision.letters[0].id.clone();
        let term = self.term().await;
        assert!(self.alerts.metadata().decide(&term, &self.account, &[decision], self.now()).await.unwrap());
        id
    }

    /// Brings everything that is due.
    async fn bring(&self) {
        let courier = Courier::new(self.alerts.clone(), Topic::Alert);
        while courier.round().await.unwrap() {}
    }
}

fn evidence() -> Evidence {
    let numbers = Numbers {
        value: Some(0.0048),
        count: 192,
        among: Some(40_000),
        interval: Some((0.004, 0.0058)),
        earlier: None,
    };
    Evidence { range: Range { from: 1_795_179_600, to: 1_795_184_100 }, numbers }
}

fn decision(bench: &Bench, rule: &AccountRule, change: Change, channel: &str) -> Decision {
    let now = bench.now();
    let transition =
        Transition { value: String::new(), change, at: now, since: NOW, evidence: Some(evidence()), notify: true };
    let judged = rule.judged();
    let subject = Subject { account: &bench.account, id: &rule.id, request: &rule.request, rule: judged.as_ref() };
    let contributor = query::alert::Contributor {
        dimension: "subject".to_owned(),
        value: "Last <chance> & more".to_owned(),
        count: 150,
        among: Some(9_000),
        excess: 123.0,
    };
    let notice = subject.of_transition(&transition, vec![contributor], bench.alerts.link());
    let alert = alert_id(&bench.account, &rule.id, "");
    let firing = Alert {
        phase: Phase::Firing,
        since: NOW,
        evidence: evidence(),
        told: Some(now),
        acknowledged: false,
        muted_until: None,
    };
    Decision {
        rule: rule.id.clone(),
        revision: rule.revision,
        value: String::new(),
        next: (!matches!(change, Change::Resolved(_))).then_some(firing),
        history: history_row(&rule.id, &notice, now, 0),
        letters: vec![Letter {
            id: letter_id(&[&alert, channel, change.name(), &now.0.to_string()]),
            channel: channel.to_owned(),
            alert,
            position: now.0,
            notice: serde_json::to_string(&notice).unwrap(),
        }],
    }
}

const RECOVERED: Change = Change::Resolved(Reason::Recovered);
