//! Commands that ask a running service one thing and show its answer: as a table, as the document that it is, or in a few words.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{
    Failure, block_on,
    client::{Client, ServiceArgs},
};

/// What a command asks, and how its answer is shown.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) shown: Shown,
}

pub(super) enum Shown {
    /// A list under this name, with these members as columns.
    Table(&'static str, &'static [&'static str]),
    /// A document.
    Document,
    /// Of a document this member alone, for scripts.
    Member(&'static str),
    /// Of a document this member alone, which is a path of the service, as a link.
    Link(&'static str),
    /// The answer as it came.
    Raw,
    /// Nothing but this.
    Done(&'static str),
}

/// Asks, and shows the answer; a table as the document that it was, where that is wanted.
pub(super) fn ask(service: &ServiceArgs, asked: &Asked, as_json: bool) -> Result<(), Failure> {
    block_on(async {
        let client = service.client()?;
        let answer = client.send(request(&client, asked)).await?.bytes().await?;
        show(&client, &asked.shown, &answer, as_json)
    })
}

fn show(client: &Client, shown: &Shown, answer: &[u8], as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match shown {
        Shown::Done(words) => eprintln!("{words}"),
        Shown::Raw => out.write_all(answer)?,
        Shown::Table(list, columns) if !as_json => {
            let document: Value = serde_json::from_slice(answer)?;
            let rows = document[list].as_array().map_or(&[][..], Vec::as_slice);
            writeln!(out, "{}", table(columns, rows))?;
        }
        Shown::Member(name) if !as_json => {
            let document: Value = serde_json::from_slice(answer)?;
            writeln!(out, "{}", cell(&document[name]))?;
        }
        Shown::Link(name) if !as_json => {
            let document: Value = serde_json::from_slice(answer)?;
            writeln!(out, "{}", client.link(&cell(&document[name])))?;
        }
        Shown::Table(..) | Shown::Member(_) | Shown::Link(_) | Shown::Document => {
            let document: Value = serde_json::from_slice(answer)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    Ok(())
}

fn request(client: &Client, asked: &Asked) -> RequestBuilder {
    let request = client.request(asked.method.clone(), &asked.path);
    match &asked.body {
        Some(body) => request.json(body),
        None => request,
    }
}

/// A path with an id in it, whatever letters that has.
pub(super) fn path(before: &str, id: &str, after: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{before}{}{after}", id.replace('+', "%20"))
}

pub(super) fn read(file: &PathBuf) -> Result<Value, Failure> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    }
    serde_json::from_str(&text).map_err(|error| format!("this is no JSON document: {error}").into())
}

/// Columns as wide as what stands in them.
fn table(columns: &[&str], rows: &[Value]) -> String {
    let head =
        columns.iter().map(|name| name.trim_start_matches("rule.").replace(['_', '.'], " ").to_uppercase()).collect();
    let member = |row: &Value, name: &str| match name.split_once('.') {
        Some((inside, name)) => cell(&row[inside][name]),
        None => cell(&row[name]),
    };
    let cells = rows.iter().map(|row| columns.iter().map(|name| member(row, name)).collect::<Vec<_>>());
    let lines: Vec<_> = std::iter::once(head).chain(cells).collect();
    let wide = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns.len()).map(wide).collect();
    let write = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(write).collect::<Vec<_>>().join("\n")
}

/// A value as a cell; what a terminal would take for a command is left out.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells_and_shows_no_control_characters() {
        let rows = [json!({"id": "a\u{1b}[31m", "window": ["1h", "24h"], "by": null})];
        assert_eq!(table(&["id", "window", "by"], &rows), "ID     WINDOW  BY\na[31m  1h,24h  -");
    }

    #[test]
    fn an_id_stays_in_its_place_of_the_path() {
        assert_eq!(path("/v1/alerts/", "../x y", "/mute"), "/v1/alerts/..%2Fx%20y/mute");
    }
}
