//! A report as an HTTP answer: JSON in one piece, CSV and NDJSON as they are written, pictures and workbooks made where they keep
//! nobody waiting.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use query::{
    Format, Presentation, Report, Table,
    chart::{self, ChartError, Picture},
    file_name, parquet, sheet, xlsx,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::kind_label;
use crate::{
    extract::Json,
    problem::{Kind, Problem},
};

/// What shows the next page when it is given as `cursor`; so that readers of CSV find it, too.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// The report in the format asked for.
///
/// # Errors
/// When the picture or the workbook cannot be made.
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
        Format::Csv | Format::Ndjson | Format::Xlsx | Format::Parquet => {
            sheet(&name, format, report.into_table(&presentation.table), drawing).await?
        }
        Format::Png | Format::Svg => {
            let options = presentation.chart;
            picture(&name, format, drawing, move |picture| chart::draw(&report, &options, picture)).await?
        }
    };
    if let Some(next) = next {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    Ok(varying(response))
}

/// A table as CSV, NDJSON, Parquet or a workbook.
pub(super) async fn sheet(name: &str, format: Format, table: Table, drawing: &Semaphore) -> Result<Response, Problem> {
    const BROKEN: &str = "the workbook could not be written";
    let body = match format {
        Format::Ndjson => streamed(sheet::ndjson(table)),
        Format::Xlsx => {
            let book = made(drawing, BROKEN, move || xlsx::write(table)).await?;
            Body::from(book.map_err(|error| broken(BROKEN).caused_by(&error))?)
        }
        Format::Parquet => {
            const BROKEN: &str = "the Parquet file could not be written";
            let file = made(drawing, BROKEN, move || parquet::write(table)).await?;
            Body::from(file.map_err(|error| broken(BROKEN).caused_by(&error))?)
        }
        _ => streamed(sheet::csv(table)),
    };
    Ok((headers(format, name), body).into_response())
}

/// A picture as PNG or SVG.
pub(super) async fn picture(
    name: &str,
    format: Format,
    drawing: &Semaphore,
    draw: impl FnOnce(Picture) -> Result<Vec<u8>, ChartError> + Send + 'static,
) -> Result<Response, Problem> {
    let picture = if format == Format::Svg { Picture::Svg } else { Picture::Png };
    let drawn = made(drawing, "the picture could not be drawn", move || draw(picture)).await??;
    Ok((headers(format, name), drawn).into_response())
}

/// An answer that depends on who asks and on what he accepts.
pub(super) fn varying(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}

/// A body that is made as it is sent.
fn streamed(chunks: impl Iterator<Item = String> + Send + 'static) -> Body {
    Body::from_stream(stream::iter(chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)))))
}

/// What a file is, and what it is called.
fn headers(format: Format, name: &str) -> [(HeaderName, String); 2] {
    let place = if matches!(format, Format::Png | Format::Svg) { "inline" } else { "attachment" };
    [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_DISPOSITION, format!("{place}; filename=\"{name}.{}\"", format.name())),
    ]
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
