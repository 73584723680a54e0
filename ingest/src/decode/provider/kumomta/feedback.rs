//! A feedback report (ARF, RFC 5965) that `KumoMTA` received and logged.
//!
//! The record itself is of the report's mail: its id, sender, recipient, queue and headers say nothing of the message complained about.
//! That one is in the report, whole or its headers, with what `KumoMTA` wrote into it when it was sent: the `Received` header with
//! its id and recipient, and `X-KumoRef`, read here as `supplemental_trace`, with the recipient and the metadata that was chosen for it.
//! Without that header of `KumoMTA`'s, the message is named by its `Message-ID`.

use serde::Deserialize;

use super::{
    super::{
        Item, Mapping, arf,
        draft::{Draft, drafted, ignored, missing},
        mapping::Labels,
        report::{Fields, Original, address},
        scalar::{Pairs, Scalar, Texts, or_null},
    },
    Record,
};
use crate::accept::MAX_EVENTS;

/// What is told of the report.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Report<'a> {
    #[serde(borrow)]
    feedback_type: Scalar<'a>,
    #[serde(borrow)]
    user_agent: Scalar<'a>,
    #[serde(borrow, rename = "original_rcpto_to", alias = "original_rcpt_to")]
    recipients: Texts<'a>,
    #[serde(borrow)]
    original_message: Scalar<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    supplemental_trace: Trace<'a>,
}

/// What was added to the message when it was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Trace<'a> {
    #[serde(borrow)]
    recipient: Texts<'a>,
    #[serde(borrow, flatten)]
    metadata: Pairs<'a>,
}

/// By this it is known among all that could be called so.
const MARK: &str = "_@_";
/// The metadata that names a campaign, as it does in the name of a queue.
const CAMPAIGN: &str = "campaign";

/// What `KumoMTA` wrote into the message when it received it.
struct Received {
    id: String,
    recipient: Option<String>,
}

impl Received {
    /// Out of `from … by … (KumoMTA 192.0.2.1) with ESMTP id d7ef… for <pat@patients.example>; …`.
    fn read(head: &Fields<'_>) -> Option<Self> {
        head.texts("Received").find_map(|text| {
            let (_, rest) = text.split_once("(KumoMTA ")?;
            let (_, rest) = rest.split_once(" id ")?;
            let id = rest.split([' ', ';']).next()?.to_owned();
            let recipient = rest.split_once(" for ").and_then(|(_, rest)| address(rest.split(';').next()?));
            (!id.is_empty()).then_some(Self { id, recipient })
        })
    }
}

/// Takes one item for each recipient that is told of.
pub(super) fn items<'a>(record: &Record<'a>, mapping: &'a Mapping, take: &mut dyn FnMut(Item<'a>)) {
    let Some(report) = &record.feedback_report else { return take(Item::Wrong(missing("feedback_report"))) };
    let name = report.feedback_type.as_str().to_ascii_lowercase();
    let Some(kind) = arf::kind(&name) else { return take(ignored(format!("Feedback: {name}").into())) };
    let original = report.original_message.as_str();
    let received = Received::read(&Fields::read(original.as_bytes()).0);
    let original = Original::read(original.as_bytes());
    let (id, received) = received.map_or((original.message_id, None), |it| (Some(it.id), it.recipient));
    let mut recipients: Vec<String> = [&report.recipients, &report.supplemental_trace.recipient]
        .into_iter()
        .map(|texts| texts.0.iter().take(MAX_EVENTS + 1).filter_map(|text| address(text)).collect::<Vec<_>>())
        .find(|recipients| !recipients.is_empty())
        .unwrap_or_else(|| received.or(original.recipient).into_iter().collect());
    if recipients.is_empty() {
        recipients.push(String::new());
    }
    let metadata = report.supplemental_trace.metadata.0.iter().filter(|(key, _)| key != MARK && key != CAMPAIGN);
    let metadata: Vec<_> = metadata.cloned().collect();
    let mut campaigns = report.supplemental_trace.metadata.0.iter().filter(|(key, _)| key == CAMPAIGN);
    let campaign = campaigns.next().map(|(_, value)| value.clone()).unwrap_or_default();
    let agent = report.user_agent.as_str();
    for recipient in recipients {
        let draft = Draft::needed(
            kind,
            ("timestamp", record.time()),
            ("feedback_report.original_message", id.clone().unwrap_or_default().into()),
            ("feedback_report.original_rcpto_to", recipient.into()),
        );
        let draft = draft.map(|draft| Draft {
            sender: original.sender.clone().into(),
            subject: original.subject.clone().into(),
            labels: Labels { campaign: campaign.clone(), metadata: metadata.clone(), ..Labels::default() },
            reason: if agent.is_empty() { name.clone().into() } else { format!("{name}; {agent}").into() },
            ..draft
        });
        take(drafted(draft, mapping));
    }
}
