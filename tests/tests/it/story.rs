//! One story – a campaign of a thousand deliveries with opens, clicks, bounces, complaints and retries – told by each provider in its own
//! dialect, gives the same split report, within what that provider can tell (the table in docs/connectors/README.md).

use postlens_tests::harness::{Client, Service, http};
use reqwest::Method;
use serde_json::{Value, json};

use self::Kind::{Clicked, Complained, Delivered, Failed, Opened, Queued, Unsubscribed};

const DELIVERIES: u64 = 1000;
/// 2026-11-20T14:03:07Z.
const BEGIN: u64 = 1_795_183_387;
/// Events in a body.
const BODY: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Queued,
    Delivered,
    Failed,
    Opened,
    Clicked,
    Complained,
    Unsubscribed,
}

/// What happened to a delivery.
#[derive(Clone, Copy)]
struct Event {
    kind: Kind,
    delivery: u64,
    time: u64,
    /// The provider's second try: what is not the same then is told so.
    again: bool,
}

fn story() -> Vec<Event> {
    let mut events = Vec::new();
    for delivery in 0..DELIVERIES {
        let sent = BEGIN + 10 * delivery;
        let mut add = |kind, after| events.push(Event { kind, delivery, time: sent + after, again: false });
        add(Queued, 0);
        if delivery.is_multiple_of(20) {
            add(Failed, 1);
            continue;
        }
        add(Delivered, 1);
        for (kind, every, after) in
            [(Opened, 3, 60), (Clicked, 9, 90), (Complained, 101, 3600), (Unsubscribed, 151, 4000)]
        {
            if delivery.is_multiple_of(every) {
                add(kind, after);
            }
        }
    }
    events
}

fn iso(time: u64) -> String {
    chrono::DateTime::from_timestamp(time.cast_signed(), 0).unwrap().to_rfc3339()
}

impl Event {
    fn recipient(self) -> String {
        format!("patient-{}@patients.example", self.delivery)
    }

    fn message(self) -> String {
        format!("message-{}", self.delivery)
    }

    fn name(self, names: &[(Kind, &'static str)]) -> Option<&'static str> {
        names.iter().find(|(kind, _)| *kind == self.kind).map(|(_, name)| *name)
    }

    fn sparkpost(self) -> Option<Value> {
        let name = self.name(&[
            (Queued, "injection"),
            (Delivered, "delivery"),
            (Failed, "bounce"),
            (Opened, "open"),
            (Clicked, "click"),
            (Complained, "spam_complaint"),
            (Unsubscribed, "link_unsubscribe"),
        ])?;
        let group = match self.kind {
            Opened | Clicked => "track_event",
            Unsubscribed => "unsubscribe_event",
            _ => "message_event",
        };
        let event = json!({"type": name, "event_id": format!("{name}-{}", self.delivery), "message_id": self.message(),
            "rcpt_to": self.recipient(), "timestamp": self.time.to_string(), "campaign_id": "autumn", "outbound_tls": "1",
            "bounce_class": "10", "raw_reason": "550 5.1.1 user unknown"});
        Some(json!({"msys": {group: event}}))
    }

    fn mailgun(self) -> Option<Value> {
        let name = self.name(&[
            (Queued, "accepted"),
            (Delivered, "delivered"),
            (Failed, "failed"),
            (Opened, "opened"),
            (Clicked, "clicked"),
            (Complained, "complained"),
            (Unsubscribed, "unsubscribed"),
        ])?;
        Some(json!({"event-data": {"event": name, "id": format!("{name}-{}", self.delivery), "timestamp": self.time,
            "recipient": self.recipient(), "severity": "permanent", "tags": ["autumn"],
            "message": {"headers": {"message-id": self.message()}},
            "delivery-status": {"tls": true, "code": 550, "message": "5.1.1 user unknown"}}}))
    }

    fn sendgrid(self) -> Option<Value> {
        let name = self.name(&[
            (Queued, "processed"),
            (Delivered, "delivered"),
            (Failed, "bounce"),
            (Opened, "open"),
            (Clicked, "click"),
            (Complained, "spamreport"),
            (Unsubscribed, "unsubscribe"),
        ])?;
        // The id of an event may be another one in the second try.
        Some(json!({"event": name, "email": self.recipient(), "timestamp": self.time, "category": ["autumn"], "tls": 1,
            "sg_event_id": format!("{name}-{}-{}", self.delivery, self.again), "sg_message_id": format!("{}.filter", self.message()),
            "status": "5.1.1", "reason": "550 5.1.1 user unknown", "type": "bounce"}))
    }

    fn postmark(self) -> Option<Value> {
        let name = self.name(&[
            (Delivered, "Delivery"),
            (Failed, "Bounce"),
            (Opened, "Open"),
            (Clicked, "Click"),
            (Complained, "SpamComplaint"),
            (Unsubscribed, "SubscriptionChange"),
        ])?;
        let time = iso(self.time);
        Some(json!({"RecordType": name, "MessageID": self.message(), "Recipient": self.recipient(), "Tag": "autumn",
            "DeliveredAt": time, "BouncedAt": time, "ReceivedAt": time, "ChangedAt": time, "Type": "HardBounce",
            "SuppressSending": true, "SuppressionReason": "ManualSuppression"}))
    }

    fn ses(self) -> Option<Value> {
        let name = self.name(&[
            (Queued, "Send"),
            (Delivered, "Delivery"),
            (Failed, "Bounce"),
            (Opened, "Open"),
            (Clicked, "Click"),
            (Complained, "Complaint"),
            (Unsubscribed, "Subscription"),
        ])?;
        let part = if name == "Send" { "send".to_owned() } else { name.to_lowercase() };
        let (who, time) = (json!([{"emailAddress": self.recipient(), "status": "5.1.1"}]), iso(self.time));
        let mail = json!({"timestamp": time, "messageId": self.message(), "destination": [self.recipient()],
            "tags": {"campaign": ["autumn"], "ses:outgoing-tls-version": ["TLSv1.3"]}});
        let told = match self.kind {
            Queued => json!({}),
            Failed => json!({"timestamp": time, "bounceType": "Permanent", "bouncedRecipients": who}),
            Complained => json!({"timestamp": time, "complainedRecipients": who}),
            Delivered => json!({"timestamp": time, "recipients": [self.recipient()]}),
            Opened | Clicked | Unsubscribed => json!({"timestamp": time}),
        };
        Some(json!({"eventType": name, "mail": mail, part: told}))
    }

    fn mailjet(self) -> Option<Value> {
        let name = self.name(&[
            (Delivered, "sent"),
            (Failed, "bounce"),
            (Opened, "open"),
            (Clicked, "click"),
            (Complained, "spam"),
            (Unsubscribed, "unsub"),
        ])?;
        Some(json!({"event": name, "time": self.time, "MessageID": 19_421_777_835_000_000 + self.delivery,
            "email": self.recipient(), "customcampaign": "autumn", "hard_bounce": true}))
    }

    fn postal(self) -> Option<Value> {
        let name = self.name(&[
            (Delivered, "MessageSent"),
            (Failed, "MessageDeliveryFailed"),
            (Opened, "MessageLoaded"),
            (Clicked, "MessageLinkClicked"),
        ])?;
        let message = json!({"message_id": self.message(), "to": self.recipient(), "tag": "autumn"});
        Some(json!({"event": name, "timestamp": self.time, "uuid": format!("{name}-{}", self.delivery),
            "payload": {"message": message, "sent_with_ssl": true, "output": "550 5.1.1 user unknown"}}))
    }

    fn kumomta(self) -> Option<Value> {
        if self.kind == Complained {
            // The record is of the report's mail; the message complained about is in the report.
            let received = format!(
                "Received: from app (192.0.2.7)\n  by mta (KumoMTA 192.0.2.1) \n  with ESMTP id {} for <{}>;\n  now\n",
                self.message(),
                self.recipient()
            );
            return Some(
                json!({"type": "Feedback", "id": format!("report of {}", self.message()), "queue": "fbl@acme.example",
                "sender": "complaints@mailbox.example", "recipient": "fbl@acme.example", "timestamp": self.time,
                "feedback_report": {"feedback_type": "abuse", "original_rcpto_to": [format!("<{}>", self.recipient())],
                    "original_message": received}}),
            );
        }
        let name = self.name(&[(Queued, "Reception"), (Delivered, "Delivery"), (Failed, "Bounce")])?;
        Some(
            json!({"type": name, "id": self.message(), "recipient": [self.recipient()], "queue": "autumn:acme@patients.example",
            "timestamp": self.time, "tls_cipher": "TLS_AES_256_GCM_SHA384", "bounce_classification": "InvalidRecipient"}),
        )
    }
}

/// Posts a story as a webhook of the provider's, and everything of it once more.
fn tell(client: &Client, request: &Value, dialect: impl Fn(Event) -> Option<Value>) {
    let made: Value = Client::send(client.request(Method::POST, "/v1/sources").json(request)).unwrap().json();
    let url = client.url() + made["path"].as_str().unwrap_or_else(|| panic!("{made}"));
    let first: Vec<Value> = story().into_iter().filter_map(&dialect).collect();
    let second: Vec<Value> =
        story().into_iter().rev().filter_map(|event| dialect(Event { again: true, ..event })).collect();
    for events in first.chunks(BODY).chain(second.chunks(BODY - 7)) {
        let answer: Value = Client::send(http().post(&url).json(events)).unwrap().json();
        assert_eq!(
            (&answer["accepted"], &answer["rejected"]),
            (&json!(events.len()), &json!(0)),
            "{request}: {answer}"
        );
    }
}

/// What a provider tells of the story.
fn expected(kinds: &[Kind], is_encrypted: bool) -> Value {
    let count = |kind| {
        let told = kinds.contains(&kind);
        if told { story().iter().filter(|event| event.kind == kind).count() } else { 0 }
    };
    let delivered = count(Delivered);
    json!({"queued": DELIVERIES, "delivered": delivered, "failed": count(Failed), "failed_hard": count(Failed),
        "opened": count(Opened), "opens": count(Opened), "clicked": count(Clicked), "clicks": count(Clicked),
        "complained": count(Complained), "unsubscribed": count(Unsubscribed), "secured": if is_encrypted { delivered } else { 0 }})
}

#[test]
fn one_story_gives_one_report_whoever_tells_it() {
    type Dialect = fn(Event) -> Option<Value>;
    const ALL: &[Kind] = &[Queued, Delivered, Failed, Opened, Clicked, Complained, Unsubscribed];
    const OF_POSTAL: &[Kind] = &[Delivered, Failed, Opened, Clicked];
    const OF_KUMOMTA: &[Kind] = &[Queued, Delivered, Failed, Complained];
    let providers: [(&str, Dialect, &[Kind], bool); 8] = [
        ("sparkpost", Event::sparkpost, ALL, true),
        ("mailgun", Event::mailgun, ALL, true),
        ("sendgrid", Event::sendgrid, ALL, true),
        ("postmark", Event::postmark, ALL, false),
        ("ses", Event::ses, ALL, true),
        ("mailjet", Event::mailjet, ALL, false),
        ("postal", Event::postal, OF_POSTAL, true),
        ("kumomta", Event::kumomta, OF_KUMOMTA, true),
    ];
    let service = Service::shared();
    for (provider, dialect, kinds, is_encrypted) in providers {
        let (_, client) = service.account();
        let campaign = if provider == "ses" { json!({"metadata": "campaign"}) } else { json!("provider") };
        tell(&client, &json!({"provider": provider, "name": "story", "mapping": {"campaign": campaign}}), dialect);
        // Once this is applied, so is what was posted before.
        let last = json!({"event": "queued", "time": "2026-11-20T14:00:00Z", "message_id": "last", "recipient": "a@b.example",
            "campaign": "another"});
        assert_eq!(client.apply(&last.to_string()).status, 200);
        let report = "/v1/reports/split?by=campaign&filter=campaign:is:autumn&from=2026-11-01&to=2026-12-01";
        let split: Value = client.get(report, &[]).json();
        let rows = split["rows"].as_array().unwrap_or_else(|| panic!("{provider}: {split}"));
        assert_eq!(rows.len(), 1, "{provider}: {split}");
        for (measure, count) in expected(kinds, is_encrypted).as_object().unwrap() {
            assert_eq!(&rows[0]["measures"][measure], count, "{provider}, {measure}: {}", rows[0]);
        }
    }
}
