//! A report as an HTTP answer: JSON in one piece, CSV and NDJSON as they are written, pictures and workbooks made where they keep
//! nobody waiting.

use std::{convert::Infallible, sync::Arc};

use ::schema::Millis;
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::stream;
use query::{Format, Kind as ReportKind, Presentation, Report, chart, chart::Picture, sheet, xlsx};
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
/// When a picture or a workbook cannot be made.
pub(super) async fn of(
    report: Report,
    format: Format,
    presentation: &Presentation,
    drawing: &Semaphore,
) -> Result<Response, Problem> {
    let report = Arc::new(report);
    let name = file_name(&report);
    let next = report.next().and_then(|cursor| HeaderValue::try_from(cursor).ok());
    let table = presentation.table;
    let body = match format {
        Format::Json => None,
        Format::Csv => Some(streamed(sheet::csv(Arc::clone(&report), &table))),
        Format::Ndjson => Some(streamed(sheet::ndjson(Arc::clone(&report), &table))),
        Format::Png => Some(draw(&report, presentation.chart, Picture::Png, drawing).await?),
        Format::Svg => Some(draw(&report, presentation.chart, Picture::Svg, drawing).await?),
        Format::Xlsx => Some(bind(&report, table, drawing).await?),
    };
    let mut response = match body {
        None => Json(report.as_ref()).into_response(),
        Some(body) => (headers(format, &name), body).into_response(),
    };
    if let Some(next) = next {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// A body that is made as it is sent.
fn streamed(chunks: impl Iterator<Item = String> + Send + 'static) -> Body {
    Body::from_stream(stream::iter(chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)))))
}

/// What a file is, and what it is called.
fn headers(format: Format, name: &str) -> [(HeaderName, String); 2] {
    let (kind, subtype) = format.media_type();
    let parameters = if format == Format::Csv { "; charset=utf-8; header=present" } else { "" };
    let place = if matches!(format, Format::Png | Format::Svg) { "inline" } else { "attachment" };
    [
        (header::CONTENT_TYPE, format!("{kind}/{subtype}{parameters}")),
        (header::CONTENT_DISPOSITION, format!("{place}; filename=\"{name}.{}\"", format.name())),
    ]
}

async fn draw(
    report: &Arc<Report>,
    options: chart::ChartOptions,
    picture: Picture,
    drawing: &Semaphore,
) -> Result<Body, Problem> {
    let report = Arc::clone(report);
    let drawn =
        made(drawing, "the picture could not be drawn", move || chart::draw(&report, &options, picture)).await?;
    Ok(Body::from(drawn.map_err(Problem::from)?))
}

async fn bind(report: &Arc<Report>, options: sheet::TableOptions, drawing: &Semaphore) -> Result<Body, Problem> {
    const BROKEN: &str = "the workbook could not be written";
    let report = Arc::clone(report);
    let book = made(drawing, BROKEN, move || xlsx::write(report, &options)).await?;
    Ok(Body::from(book.map_err(|error| broken(BROKEN).caused_by(&error))?))
}

/// Pictures and workbooks take much time and memory: only a few are made at once, each on a thread of its own.
async fn made<T: Send + 'static>(
    drawing: &Semaphore,
    otherwise: &str,
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let _turn = drawing.acquire().await.map_err(|_| broken(otherwise))?;
    spawn_blocking(make).await.map_err(|error| broken(otherwise).caused_by(&error))
}

fn broken(what: &str) -> Problem {
    Problem::new(Kind::Internal, format!("{what}; its id helps to find out why"))
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
