//! E-mail: text and HTML with the chart inline, by the SMTP server that the configuration names.
//!
//! The message's id is the letter's: mail systems tell a repetition by it. All messages of one alert are one thread.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp,
};

use super::words;
use crate::{
    alerts::notice::Notice,
    config::{Alerts as Settings, Sensitive},
};

/// How long each step of sending may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why an e-mail was not sent, or there is nobody to send it. Tells no address, and nothing that a server said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailerError {
    /// There is no server.
    #[error("no SMTP server is configured: set `alerts.smtp` and `alerts.from`")]
    Unconfigured,
    /// The setting is no URL of a server.
    #[error("the setting `alerts.smtp` must be a URL like smtps://user:password@host")]
    Server,
    /// The setting is no address.
    #[error("the setting `alerts.from` must be an address, like Postlens <postlens@example.org>")]
    From,
    /// The message cannot be written.
    #[error("the e-mail cannot be written")]
    Message,
    /// The server said no.
    #[error("the SMTP server refused the e-mail: {0}")]
    Refused(u16),
    /// The server said nothing.
    #[error("the SMTP server does not answer")]
    Silent,
}

/// Sends e-mail.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// The one that is configured, if one is.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn configured(settings: &Settings) -> Result<Option<Self>, MailerError> {
        let Some(url) = settings.smtp.as_ref().map(Sensitive::expose) else { return Ok(None) };
        let from = settings.from.as_deref().and_then(|from| from.parse().ok()).ok_or(MailerError::From)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| MailerError::Server)?;
        Ok(Some(Self { transport: builder.timeout(Some(PATIENCE)).build(), from }))
    }

    /// Sends a notice, with its chart if there is one.
    ///
    /// # Errors
    /// When the server did not take it.
    pub(crate) async fn send(
        &self,
        to: &[String],
        notice: &Notice,
        id: &str,
        chart: Option<Vec<u8>>,
    ) -> Result<(), MailerError> {
        let message = self.message(to, notice, id, chart).ok_or(MailerError::Message)?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| refused(&error))
    }

    /// Sends a report.
    ///
    /// # Errors
    /// When the server did not take it.
    pub(crate) async fn send_report(
        &self,
        to: &[String],
        subject: &str,
        id: &str,
        body: MultiPart,
    ) -> Result<(), MailerError> {
        let head = self.head(to, subject, id).ok_or(MailerError::Message)?;
        let mut message = head.multipart(body).map_err(|_| MailerError::Message)?;
        mark_automatic(&mut message);
        self.transport.send(message).await.map(|_| ()).map_err(|error| refused(&error))
    }

    /// Who writes to whom, under which id.
    fn head(&self, to: &[String], subject: &str, id: &str) -> Option<MessageBuilder> {
        let mut head =
            Message::builder().from(self.from.clone()).subject(subject).message_id(Some(format!("<{id}@postlens>")));
        for address in to {
            head = head.to(address.parse().ok()?);
        }
        Some(head)
    }

    fn message(&self, to: &[String], notice: &Notice, id: &str, chart: Option<Vec<u8>>) -> Option<Message> {
        let thread = format!("<{}.{}@postlens>", notice.alert, notice.account);
        let head = self.head(to, &words::title(notice), id)?.references(thread.clone()).in_reply_to(thread);
        let html = SinglePart::html(html(notice, chart.is_some()));
        let html = match chart {
            Some(png) => {
                let picture = ContentType::parse("image/png").ok()?;
                let picture = Attachment::new_inline(CHART.to_owned()).body(png, picture);
                MultiPart::related().singlepart(html).singlepart(picture)
            }
            None => MultiPart::related().singlepart(html),
        };
        let body = MultiPart::alternative().singlepart(SinglePart::plain(words::text(notice))).multipart(html);
        let mut message = head.multipart(body).ok()?;
        mark_automatic(&mut message);
        Some(message)
    }
}

/// Nobody's absence is told to a program (RFC 3834).
fn mark_automatic(message: &mut Message) {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
}

fn refused(error: &smtp::Error) -> MailerError {
    match error.status() {
        Some(code) => MailerError::Refused(code.into()),
        None => MailerError::Silent,
    }
}

/// The content id of the chart.
const CHART: &str = "chart";

fn html(notice: &Notice, chart: bool) -> String {
    let row =
        |(name, value): &(&str, String)| format!("<tr><th align=\"left\">{name}</th><td>{}</td></tr>", escape(value));
    let rows: String = words::facts(notice).iter().map(row).collect();
    let list = |lines: &[String]| {
        let items: Vec<_> = lines.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
        items.concat()
    };
    let most = words::contributors(notice);
    let most =
        if most.is_empty() { String::new() } else { format!("<h2>Contributing most</h2><ul>{}</ul>", list(&most)) };
    let advice = if words::is_over(notice) { String::new() } else { list(&notice.advice) };
    let advice = if advice.is_empty() { advice } else { format!("<h2>What is asked for</h2><ul>{advice}</ul>") };
    let picture = if chart { "<p><img src=\"cid:chart\" width=\"800\" alt=\"Chart\"></p>" } else { "" };
    let link = notice
        .link
        .as_deref()
        .map_or_else(String::new, |link| format!("<p><a href=\"{}\">Report</a></p>", escape(link)));
    format!(
        "<!doctype html><html><body style=\"font-family:sans-serif\"><h1 style=\"font-size:1.3em\">{}</h1><p>{}</p>{picture}\
         <table cellpadding=\"4\">{rows}</table>{most}{advice}{link}</body></html>",
        escape(&words::title(notice)),
        escape(&notice.summary),
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether the text is one address that mail can be sent to.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
}
