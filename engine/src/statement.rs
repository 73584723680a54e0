//! What a statement is: whether data follows it, whether its result can be streamed, which FORMAT it names, and what is
//! refused before it reaches the engine.

use crate::{
    exception::{Code, Exception},
    token::{Kind, Token, Tokens},
};

/// The beginning of a text that may be an INSERT with its data behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// An INSERT: `sql` is the length of the statement without its FORMAT clause, `data` where its data begins.
    Insert { sql: usize, format: String, data: usize },
    /// An INSERT whose data may come behind; more text is needed to tell.
    Incomplete,
    /// Any other statement: all of the text belongs to it.
    Other,
}

/// Settings by which a result is more than its rows, or rows become a document.
pub(crate) const DECORATING: [&str; 2] = ["extremes", "output_format_json_array_of_rows"];

/// A statement of which the whole text is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The FORMAT it names.
    pub(crate) format: Option<String>,
    /// A SELECT, whose result the engine can stream.
    pub(crate) select: bool,
    /// Mentions totals or one of the `DECORATING` settings.
    pub(crate) decorated: bool,
}

/// Reads the beginning of a text; `complete` says that nothing follows.
pub(crate) fn head(text: &[u8], complete: bool) -> Head {
    match find_data(text, complete) {
        // The line break before the data may still be on its way.
        Head::Insert { data, .. } if !complete && data == text.len() => Head::Incomplete,
        head => head,
    }
}

fn find_data(text: &[u8], complete: bool) -> Head {
    let undecided = if complete { Head::Other } else { Head::Incomplete };
    // A word at the very end may go on in the next piece.
    let mut tokens =
        Tokens::new(text).take_while(|token| complete || token.kind != Kind::Word || token.end() < text.len());
    match tokens.next() {
        None => return undecided,
        Some(first) if !first.is("INSERT") => return Head::Other,
        Some(_) => {}
    }
    let mut depth = 0_usize;
    let mut named = false;
    let mut after_dot = false;
    while let Some(token) = tokens.next() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => {
                depth = depth.saturating_sub(1);
                named = true;
            }
            Kind::Semicolon if depth == 0 => return Head::Other,
            Kind::Quoted => named = true,
            Kind::Word if depth > 0 || after_dot => {}
            Kind::Word if !named => named = !["INTO", "TABLE", "FUNCTION"].iter().any(|word| token.is(word)),
            Kind::Word if token.is("VALUES") => {
                return Head::Insert {
                    sql: token.start,
                    format: "Values".to_owned(),
                    data: data_start(text, token.end()),
                };
            }
            Kind::Word if token.is("FORMAT") => {
                let Some(name) = tokens.next().filter(|name| name.kind == Kind::Word) else { return undecided };
                let format = String::from_utf8_lossy(name.text).into_owned();
                return Head::Insert { sql: token.start, format, data: data_start(text, name.end()) };
            }
            Kind::Word if ["SELECT", "WITH", "FROM", "WATCH"].iter().any(|word| token.is(word)) => return Head::Other,
            Kind::Word | Kind::Semicolon | Kind::Other => {}
        }
        after_dot = token.kind == Kind::Other && token.text == b".";
    }
    undecided
}

/// Data begins behind the first line break after the clause, or behind the blanks.
fn data_start(text: &[u8], clause_end: usize) -> usize {
    let mut at = clause_end;
    while matches!(text.get(at), Some(b' ' | b'\t' | 0x0c | b';')) {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

/// Reads a whole statement, and refuses what a server's HTTP interface refuses too.
pub(crate) fn analyse(sql: &[u8]) -> Result<Statement, Exception> {
    let mut statement = Statement { format: None, select: false, decorated: false };
    let tokens: Vec<Token<'_>> = Tokens::new(sql).collect();
    let mut first = None;
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Semicolon if next.is_some_and(|next| next.kind != Kind::Semicolon) => {
                return Err(several_statements(token));
            }
            Kind::Word => {
                first.get_or_insert(*token);
                refuse_files(token, next)?;
                statement.decorated |= token.is("TOTALS") || DECORATING.iter().any(|setting| token.is(setting));
                if depth == 0
                    && token.is("FORMAT")
                    && let Some(name) = next.filter(|next| next.kind == Kind::Word)
                {
                    statement.format = Some(String::from_utf8_lossy(name.text).into_owned());
                }
            }
            _ => {}
        }
    }
    let first = first.ok_or_else(|| Exception::new(Code::SyntaxError, "Empty query"))?;
    statement.select = first.is("SELECT") || first.is("WITH");
    if first.is("INSERT") && statement.format.is_some() && tokens.iter().any(|token| token.is("SELECT")) {
        return Err(Exception::new(
            Code::NotImplemented,
            "INSERT ... SELECT FROM input() with data is not supported by the embedded engine",
        ));
    }
    Ok(statement)
}

fn several_statements(at: &Token<'_>) -> Exception {
    let message =
        format!("Syntax error (Multi-statements are not allowed): failed at position {} (end of query)", at.start + 1);
    Exception::new(Code::SyntaxError, &message)
}

/// Files are for the operator's own client, not for those who can reach the socket.
fn refuse_files(token: &Token<'_>, next: Option<&Token<'_>>) -> Result<(), Exception> {
    let followed_by = |word| next.is_some_and(|next| next.is(word));
    if token.is("INTO") && followed_by("OUTFILE") {
        return Err(Exception::new(Code::IntoOutfileNotAllowed, "INTO OUTFILE is not allowed"));
    }
    if token.is("FROM") && followed_by("INFILE") {
        return Err(Exception::new(Code::NotImplemented, "INSERT FROM INFILE is not allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &str) -> Option<(String, String, String)> {
        match head(text.as_bytes(), true) {
            Head::Insert { sql, format, data } => {
                Some((text[..sql].trim_end().to_owned(), format, text[data..].to_owned()))
            }
            Head::Incomplete | Head::Other => None,
        }
    }

    #[test]
    fn an_insert_is_cut_before_its_format_and_after_the_line_break() {
        let cut = |sql: &str, format: &str, data: &str| Some((sql.to_owned(), format.to_owned(), data.to_owned()));
        assert_eq!(insert("INSERT INTO t FORMAT Native\n\x09\x0a"), cut("INSERT INTO t", "Native", "\x09\x0a"));
        assert_eq!(
            insert("insert into d.`t 1` (a, `format`) SETTINGS x=1 format CSV 1,2"),
            cut("insert into d.`t 1` (a, `format`) SETTINGS x=1", "CSV", "1,2")
        );
        assert_eq!(
            insert("INSERT INTO TABLE FUNCTION null('a Int8') FORMAT TSV \r\n\n"),
            cut("INSERT INTO TABLE FUNCTION null('a Int8')", "TSV", "\n")
        );
        assert_eq!(insert("INSERT INTO t VALUES (1)"), cut("INSERT INTO t", "Values", "(1)"));
        assert_eq!(insert("INSERT INTO d.values FORMAT CSV\n1"), cut("INSERT INTO d.values", "CSV", "1"));
        assert_eq!(insert("INSERT INTO {t:Identifier} FORMAT CSV\n1"), cut("INSERT INTO {t:Identifier}", "CSV", "1"));
        assert_eq!(
            insert("/* FORMAT */ INSERT INTO format FORMAT CSV"),
            cut("/* FORMAT */ INSERT INTO format", "CSV", "")
        );
    }

    #[test]
    fn what_carries_no_data_is_not_cut() {
        for text in [
            "SELECT 1 FORMAT CSV",
            "INSERT INTO t SELECT 1",
            "INSERT INTO t WITH 1 AS x SELECT x",
            "INSERT INTO t",
            "INSERT INTO t FORMAT",
            "",
            "EXPLAIN INSERT INTO t VALUES (1)",
        ] {
            assert_eq!(head(text.as_bytes(), true), Head::Other, "{text}");
        }
    }

    #[test]
    fn the_cut_is_the_same_however_the_text_arrives() {
        let text = b"INSERT INTO `FORMAT x`.t (a, b) FORMAT JSONEachRow\n{\"a\":1}";
        let whole = head(text, true);
        for length in 0..text.len() {
            match head(&text[..length], false) {
                Head::Incomplete => {}
                Head::Other => panic!("undecided after {length} bytes"),
                insert @ Head::Insert { .. } => assert_eq!(insert, whole),
            }
        }
    }

    #[test]
    fn the_last_format_outside_brackets_counts() {
        let format = |sql: &str| analyse(sql.as_bytes()).expect("one statement").format;
        assert_eq!(format("SELECT * FROM (SELECT 1 AS x FORMAT CSV) FORMAT JSON;"), Some("JSON".into()));
        assert_eq!(format("SELECT 'FORMAT JSON', format('{}', 1)"), None);
        assert_eq!(format("SELECT 1 FORMAT TSV SETTINGS max_threads = 1"), Some("TSV".into()));
    }

    #[test]
    fn several_statements_and_files_are_refused() {
        for (sql, code) in [
            ("SELECT 1; SELECT 2", 62),
            ("  ", 62),
            ("SELECT 1 INTO OUTFILE 'x'", 358),
            ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 48),
        ] {
            assert_eq!(analyse(sql.as_bytes()).expect_err(sql).code, code, "{sql}");
        }
        assert!(analyse(b"SELECT ';';; -- end").is_ok());
    }
}
