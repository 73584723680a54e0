//! Kinds of channels: what each needs to know, and how a notice looks in it.
//!
//! A channel's settings are sealed as a whole, for the URL of an incoming webhook is a password, too. What is shown of them is where
//! they lead, and no more.

mod alertmanager;
mod email;
mod pagerduty;
mod report;
mod slack;
mod teams;
mod webhook;
mod words;

use query::alert::Severity;
use schema::{AccountId, Millis};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

pub(crate) use email::{Mailer, MailerError};
pub(crate) use webhook::generate_secret;
#[cfg(test)]
pub(crate) use webhook::sign;

use super::{Alerts, notice::Notice};
use crate::{
    metadata::alerts::ChannelRow,
    outgoing::OutgoingError,
    saved::{Dispatch, Made, ReportError, Reports},
    seal,
};

/// Where `PagerDuty` takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// The most recipients of an e-mail channel.
const MOST_RECIPIENTS: usize = 50;
/// The longest URL or key.
const LONGEST: usize = 2048;

/// What a channel needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[schema(as = ChannelSettings)]
pub(crate) enum Settings {
    /// JSON to a URL, signed as Standard Webhooks says.
    Webhook {
        /// Where to.
        url: String,
        /// `whsec_` and 24 to 64 bytes in base64; made if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        secret: Option<String>,
    },
    /// E-mail, by the server that `alerts.smtp` names.
    Email {
        /// Whom to.
        #[schema(min_items = 1, max_items = 50)]
        to: Vec<String>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Its URL.
        url: String,
    },
    /// An incoming webhook of Microsoft Teams.
    Teams {
        /// Its URL.
        url: String,
    },
    /// `PagerDuty`, Events API v2.
    PagerDuty {
        /// The integration's routing key.
        routing_key: String,
        /// Another address of the API, such as that of its European region.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        url: Option<String>,
    },
    /// Prometheus Alertmanager, API v2.
    Alertmanager {
        /// Where it is, without `/api/v2/alerts`.
        url: String,
        /// A bearer token that it wants.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        token: Option<String>,
    },
}

/// Why a notice did not reach its channel. Tells nothing secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// The channel's settings cannot be read.
    #[error(transparent)]
    Sealed(#[from] seal::Unreadable),
    /// The settings are those of another version.
    #[error("the channel's settings cannot be read: set the channel anew")]
    Settings,
    /// The request failed.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The e-mail could not be sent.
    #[error(transparent)]
    Mail(#[from] MailerError),
    /// There is no report to bring.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Somebody else has the letter by now.
    #[error("the letter was taken by another service")]
    Taken,
    /// The channel is there no more.
    #[error("the channel was deleted")]
    Deleted,
    /// The channel takes no reports.
    #[error("a channel of this kind takes no reports")]
    Kind,
}

impl ChannelError {
    /// Whether trying again is in vain.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Report(error) => error.is_final(),
            Self::Deleted | Self::Kind => true,
            Self::Sealed(_) | Self::Settings | Self::Outgoing(_) | Self::Mail(_) | Self::Taken => false,
        }
    }
}

/// Whether channels of that kind take reports.
pub(crate) fn takes_reports(kind: &str) -> bool {
    matches!(kind, "webhook" | "email")
}

impl Settings {
    /// The name of the kind.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Email { .. } => "email",
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }

    /// What is wrong with them: the member, and what to change.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Webhook { url, secret } => {
                check_url(url)?;
                let wrong = || ("secret", "a secret is `whsec_` and 24 to 64 bytes in base64".to_owned());
                secret.as_deref().map_or(Ok(()), |secret| webhook::key(secret).map(|_| ()).ok_or_else(wrong))
            }
            Self::Slack { url } | Self::Teams { url } | Self::Alertmanager { url, .. } => check_url(url),
            Self::PagerDuty { routing_key, url } => {
                if !(1..=64).contains(&routing_key.len())
                    || !routing_key.bytes().all(|byte| byte.is_ascii_alphanumeric())
                {
                    return Err(("routing_key", "a routing key has letters and digits only, usually 32".to_owned()));
                }
                url.as_deref().map_or(Ok(()), check_url)
            }
            Self::Email { to } => {
                if !(1..=MOST_RECIPIENTS).contains(&to.len()) {
                    return Err(("to", format!("1 to {MOST_RECIPIENTS} addresses")));
                }
                if to.iter().all(|address| email::is_address(address)) {
                    Ok(())
                } else {
                    Err(("to", "each must be one address, like ops@example.org".to_owned()))
                }
            }
        }
    }

    /// What may be shown of where they lead.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Webhook { url, .. } | Self::Slack { url } | Self::Teams { url } | Self::Alertmanager { url, .. } => {
                origin(url)
            }
            Self::PagerDuty { url, .. } => origin(url.as_deref().unwrap_or(PAGERDUTY)),
            Self::Email { to } => to.join(", "),
        }
    }
}

fn check_url(url: &str) -> Result<(), (&'static str, String)> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match parsed {
        Some(_) if url.len() <= LONGEST => Ok(()),
        _ => Err(("url", "a URL that begins with https:// or http://".to_owned())),
    }
}

fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// The settings as they are stored: what may be shown, and what is sealed.
pub(crate) fn seal(alerts: &Alerts, account: &AccountId, id: &str, settings: &Settings) -> (String, String) {
    let text = serde_json::to_vec(settings).expect("settings are plain data");
    (settings.target(), alerts.sealer().seal(account, id, &text))
}

/// Whether a channel wants to hear of something so bad.
pub(crate) fn wants(channel: &ChannelRow, severity: Severity) -> bool {
    let least = Severity::ALL.into_iter().find(|least| least.name() == channel.least);
    least.is_none_or(|least| severity >= least)
}

/// Brings a notice to its channel. `id` is the same however often the same notice is brought.
///
/// # Errors
/// When it did not arrive, as far as is known.
pub(crate) async fn deliver(
    alerts: &Alerts,
    account: &AccountId,
    channel: &ChannelRow,
    notice: &Notice,
    id: &str,
    now: Millis,
) -> Result<(), ChannelError> {
    let text = alerts.sealer().open(account, &channel.id, &channel.sealed)?;
    let settings: Settings = serde_json::from_slice(&text).map_err(|_| ChannelError::Settings)?;
    let outgoing = alerts.outgoing();
    let request = match &settings {
        Settings::Email { to } => {
            let mailer = alerts.mailer().ok_or(MailerError::Unconfigured)?;
            let chart = alerts.chart(account, notice, now).await;
            return Ok(mailer.send(to, notice, id, chart).await?);
        }
        Settings::Webhook { url, secret } => {
            let message =
                webhook::Message { kind: format!("alert.{}", notice.change), timestamp: &notice.at, data: notice };
            webhook::request(outgoing.post(url)?, secret.as_deref(), &message, id, now)
        }
        Settings::Slack { url } => json(outgoing.post(url)?, &slack::message(notice)),
        Settings::Teams { url } => json(outgoing.post(url)?, &teams::message(notice)),
        Settings::PagerDuty { routing_key, url } => {
            json(outgoing.post(url.as_deref().unwrap_or(PAGERDUTY))?, &pagerduty::event(notice, routing_key))
        }
        Settings::Alertmanager { url, token } => {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let request = json(outgoing.post(&url)?, &alertmanager::alerts(notice));
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        }
    };
    outgoing.send(request.header("Idempotency-Key", id)).await?;
    Ok(())
}

/// Brings a report to its channel. `keep` is asked before anything leaves the house: whether the letter is still ours.
///
/// # Errors
/// When it did not arrive, as far as is known.
pub(crate) async fn deliver_report(
    alerts: &Alerts,
    (account, channel): (&AccountId, &ChannelRow),
    dispatch: &Dispatch,
    id: &str,
    keep: impl AsyncFnOnce() -> Result<(), ChannelError>,
) -> Result<(), ChannelError> {
    let text = alerts.sealer().open(account, &channel.id, &channel.sealed)?;
    let settings: Settings = serde_json::from_slice(&text).map_err(|_| ChannelError::Settings)?;
    let reports = alerts.reports().ok_or(ReportError::Nobody)?;
    match &settings {
        Settings::Email { to } => {
            let mailer = alerts.mailer().ok_or(MailerError::Unconfigured)?;
            let made = reports.make(account, &dispatch.question).await?;
            let body = mail(reports, dispatch, &made).await?;
            keep().await?;
            Ok(mailer.send_report(to, &report::title(dispatch, &made.report), id, body).await?)
        }
        Settings::Webhook { url, secret } => {
            let made = reports.make(account, &dispatch.question).await?;
            let data = report::Document::new(account.as_str(), dispatch, &made.report);
            let due_at = crate::routes::rfc3339(Millis(dispatch.due_at));
            let message = webhook::Message { kind: "report".to_owned(), timestamp: &due_at, data: &data };
            let (outgoing, now) = (alerts.outgoing(), alerts.clock().now());
            let request = webhook::request(outgoing.post(url)?, secret.as_deref(), &message, id, now);
            keep().await?;
            outgoing.send(request.header("Idempotency-Key", id)).await?;
            Ok(())
        }
        Settings::Slack { .. }
        | Settings::Teams { .. }
        | Settings::PagerDuty { .. }
        | Settings::Alertmanager { .. } => Err(ChannelError::Kind),
    }
}

async fn mail(reports: &Reports, dispatch: &Dispatch, made: &Made) -> Result<lettre::message::MultiPart, ChannelError> {
    let sheet = reports.sheet(made, dispatch.format).await?;
    if sheet.bytes.len() > crate::saved::LONGEST {
        return Err(ReportError::Long.into());
    }
    let picture = reports.picture(made).await;
    Ok(report::body(dispatch, made, sheet, picture).ok_or(MailerError::Message)?)
}

fn json(request: reqwest::RequestBuilder, body: &serde_json::Value) -> reqwest::RequestBuilder {
    request.header("Content-Type", "application/json").body(body.to_string())
}
