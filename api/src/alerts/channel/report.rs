//! How a saved report looks in e-mail and as a webhook's document.

use lettre::message::{Attachment, MultiPart, SinglePart, header::ContentType};
use query::{Report, rfc3339};
use serde::Serialize;

use super::email::escape;
use crate::saved::{Dispatch, Made, attachment::Sheet};

/// The content id of the picture.
const PICTURE: &str = "report";

/// What a webhook is told.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    saved_report: &'a str,
    name: &'a str,
    account: &'a str,
    delivery: &'a str,
    kind: &'a str,
    due_at: String,
    range: Times,
    report: &'a Report,
}

/// From when to when, in the report's time zone; the end is exclusive.
#[derive(Serialize)]
struct Times {
    from: String,
    to: String,
    tz: &'static str,
}

impl<'a> Document<'a> {
    pub(super) fn new(account: &'a str, dispatch: &'a Dispatch, report: &'a Report) -> Self {
        Self {
            saved_report: &dispatch.saved,
            name: &dispatch.name,
            account,
            delivery: &dispatch.delivery,
            kind: dispatch.question.kind(),
            due_at: crate::routes::rfc3339(schema::Millis(dispatch.due_at)),
            range: times(report),
            report,
        }
    }
}

fn times(report: &Report) -> Times {
    let (range, tz) = (report.spec().range(), report.spec().tz());
    Times { from: rfc3339(tz, range.from.into()), to: rfc3339(tz, range.to.into()), tz: tz.name() }
}

/// The subject: the name, and the days.
pub(super) fn title(dispatch: &Dispatch, report: &Report) -> String {
    let Times { from, to, .. } = times(report);
    let day = |time: &str| time.get(..10).unwrap_or_default().to_owned();
    // The end is exclusive; people name the last day.
    let last = day(&to).parse::<chrono::NaiveDate>().ok().filter(|_| to.get(11..16) == Some("00:00"));
    let last = last.and_then(|end| end.pred_opt()).map_or_else(|| day(&to), |last| last.to_string());
    let days = if last == day(&from) { last } else { format!("{} to {last}", day(&from)) };
    format!("{}: {days}", dispatch.name)
}

/// The text, the picture and the file.
pub(super) fn body(dispatch: &Dispatch, made: &Made, sheet: Sheet, picture: Option<Vec<u8>>) -> Option<MultiPart> {
    let report = made.report.as_ref();
    let name = query::file_name(dispatch.question.kind(), report.spec().range(), report.spec().tz());
    let (title, file) = (title(dispatch, report), format!("{name}.{}", sheet.format.name()));
    let Times { from, to, tz } = times(report);
    let mut lines = vec![
        format!("From {from} until {to} ({tz})"),
        format!("Due {}", crate::routes::rfc3339(schema::Millis(dispatch.due_at))),
        format!("Counted {}", crate::routes::rfc3339(report.as_of())),
        format!("Attached: {file}"),
    ];
    lines.extend(report.notes());
    let text = format!("{title}\n\n{}\n", lines.join("\n"));
    let rows: Vec<_> = lines.iter().map(|line| format!("<p>{}</p>", escape(line))).collect();
    let rows = rows.concat();
    let image = if picture.is_some() {
        format!("<p><img src=\"cid:{PICTURE}\" width=\"800\" alt=\"Chart\"></p>")
    } else {
        String::new()
    };
    let html = SinglePart::html(format!(
        "<!doctype html><html><body style=\"font-family:sans-serif\"><h1 style=\"font-size:1.3em\">{}</h1>{image}{rows}</body></html>",
        escape(&title)
    ));
    let mut html = MultiPart::related().singlepart(html);
    if let Some(png) = picture {
        let kind = ContentType::parse("image/png").ok()?;
        html = html.singlepart(Attachment::new_inline(PICTURE.to_owned()).body(png, kind));
    }
    let words = MultiPart::alternative().singlepart(SinglePart::plain(text)).multipart(html);
    let kind = ContentType::parse(&sheet.format.content_type()).ok()?;
    Some(MultiPart::mixed().multipart(words).singlepart(Attachment::new(file).body(sheet.bytes, kind)))
}
