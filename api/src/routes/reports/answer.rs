//! A report as an HTTP answer: JSON in one piece, CSV as it is written, PNG drawn where it keeps nobody waiting.

use std::convert::Infallible;

use ::schema::Millis;
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::stream;
use query::{Format, Kind as ReportKind, Presentation, Report, chart, csv};
use tokio::{sync::Semaphore, task::spawn_blocking};

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
    let name = file_name(&report);
    let next = report.next().and_then(|cursor| HeaderValue::try_from(cursor).ok());
    let mut response = match format {
        Format::Json => Json(report).into_response(),
        Format::Csv => {
            let chunks = csv::write(report, &presentation.csv).map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
            ];
            (headers, Body::from_stream(stream::iter(chunks))).into_response()
        }
        Format::Png => {
            let headers = [
                (header::CONTENT_TYPE, "image/png".to_owned()),
                (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.png\"")),
            ];
            (headers, draw(report, presentation.chart, drawing).await?).into_response()
        }
    };
    if let Some(next) = next {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// Drawing takes much time and memory: only a few pictures are drawn at once, each on a thread of its own.
async fn draw(report: Report, options: chart::ChartOptions, drawing: &Semaphore) -> Result<Vec<u8>, Problem> {
    let broken = || Problem::new(Kind::Internal, "the picture could not be drawn; its id helps to find out why");
    let _turn = drawing.acquire().await.map_err(|_| broken())?;
    let drawn = spawn_blocking(move || chart::png(&report, &options)).await;
    drawn.map_err(|error| broken().caused_by(&error))?.map_err(Problem::from)
}

/// A name for the file, out of the kind of report and the day it begins.
fn file_name(report: &Report) -> String {
    let kind = match report.spec().kind() {
        ReportKind::Split => "split",
        ReportKind::Summary => "summary",
        ReportKind::Series(_) => "series",
    };
    let from = Millis(i64::from(report.spec().range().from) * 1000).to_datetime().unwrap_or_default();
    format!("postlens-{kind}-{}", from.with_timezone(&report.spec().tz()).format("%Y-%m-%d"))
}
