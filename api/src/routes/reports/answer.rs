//! A report as an HTTP answer: JSON in one piece, CSV as it is written, PNG drawn where it keeps nobody waiting.

use std::convert::Infallible;

use ::schema::Millis;
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use futures::stream;
use query::{
    Format, Presentation, Range, Report,
    chart::{self, ChartError},
    csv,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::kind_label;
use crate::{
    extract::Json,
    problem::{Kind, Problem},
};

/// The `cursor` of the next page, for formats that have no place for it.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Answers the report in that format.
///
/// # Errors
/// When a picture cannot be drawn.
pub(super) async fn of(
    report: Report,
    format: Format,
    presentation: &Presentation,
    drawing: &Semaphore,
) -> Result<Response, Problem> {
    let spec = report.spec();
    let name = file_name(kind_label(spec.kind()), spec.range(), spec.tz());
    let next = report.next().and_then(|cursor| HeaderValue::try_from(cursor).ok());
    let mut response = match format {
        Format::Json => Json(report).into_response(),
        Format::Csv => {
            let chunks = csv::write(report, &presentation.csv).map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
            sheet(&name, Body::from_stream(stream::iter(chunks)))
        }
        Format::Png => {
            let options = presentation.chart;
            picture(&name, drawing, move || chart::png(&report, &options)).await?
        }
    };
    if let Some(next) = next {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    Ok(varying(response))
}

/// A CSV file.
pub(super) fn sheet(name: &str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    (headers, content).into_response()
}

/// A picture. Drawing takes much time and memory: only a few pictures are drawn at once, each on a thread of its own.
pub(super) async fn picture(
    name: &str,
    drawing: &Semaphore,
    draw: impl FnOnce() -> Result<Vec<u8>, ChartError> + Send + 'static,
) -> Result<Response, Problem> {
    let broken = || Problem::new(Kind::Internal, "the picture could not be drawn; its id helps to find out why");
    let _turn = drawing.acquire().await.map_err(|_| broken())?;
    let drawn = spawn_blocking(draw).await.map_err(|error| broken().caused_by(&error))??;
    let headers = [
        (header::CONTENT_TYPE, "image/png".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.png\"")),
    ];
    Ok((headers, drawn).into_response())
}

/// An answer that depends on who asks and on what he accepts.
pub(super) fn varying(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}

/// A name for the file, out of the kind of report and the day it begins.
pub(super) fn file_name(kind: &str, range: Range, tz: Tz) -> String {
    let from = Millis(i64::from(range.from) * 1000).to_datetime().unwrap_or_default();
    format!("postlens-{kind}-{}", from.with_timezone(&tz).format("%Y-%m-%d"))
}
