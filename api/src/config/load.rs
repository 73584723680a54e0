//! Where configuration comes from: flags over environment over file over defaults, and a clear word for what is wrong.
//!
//! All sources are brought to one form, dotted keys, whose names come from the structure itself; so a key that is added there
//! can be set in every place at once.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Config, DEFAULT_FILE};

const PREFIX: &str = "POSTLENS_";

/// Variables with our prefix that are no settings of the service: the client commands and the search for libchdb read them.
const OTHER_VARIABLES: [&str; 4] = ["POSTLENS_URL", "POSTLENS_KEY", "POSTLENS_CACHE", "POSTLENS_LIBCHDB"];

/// What the configuration is made of.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The file named by `--config`; else `postlens.toml` is read if it is there.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Dotted keys and values given as flags.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the file.
    File(PathBuf),
    /// In a variable of that name.
    Environment(String),
    /// In the flag for that key.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file is no TOML.
    #[error("{} is not valid TOML: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// There is no such key.
    #[error("there is no setting `{name}` ({origin}); did you mean `{nearest}`?")]
    Unknown {
        /// As it was written.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// What was probably meant.
        nearest: String,
    },
    /// The value does not fit.
    #[error("the setting `{key}` is wrong ({origin}): {message}")]
    Invalid {
        /// The key.
        key: String,
        /// Where it stands.
        origin: String,
        /// What is expected.
        message: String,
    },
}

/// Every key of the configuration with its default, `null` where it has none.
fn defaults() -> BTreeMap<String, Value> {
    let value = serde_json::to_value(Config::default()).expect("the defaults are plain data");
    let mut keys = BTreeMap::new();
    flatten("", value, &mut keys);
    keys
}

/// The configuration that the sources amount to.
///
/// # Errors
/// Names the key, where it stands, and what to change.
pub(crate) fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let known = defaults();
    let mut given: BTreeMap<String, (Value, Origin)> = BTreeMap::new();
    for (key, value, origin) in read_file(sources.file.as_deref())? {
        if !known.contains_key(&key) {
            let nearest = nearest(&key, known.keys().map(String::as_str));
            return Err(ConfigError::Unknown { name: key, origin, nearest });
        }
        given.insert(key, (value, origin));
    }
    for (key, value, origin) in read_environment(&sources.environment, &known)? {
        given.insert(key, (value, origin));
    }
    for (key, text) in &sources.flags {
        given.insert((*key).to_owned(), (typed(text, &known[*key]), Origin::Flag(key)));
    }
    build(given)
}

/// A dotted key, its value, and where that stands.
type Setting = (String, Value, Origin);

/// The file's settings; none when no file is named and the default one is not there.
fn read_file(file: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => return Ok(Vec::new()),
        Err(error) => return Err(ConfigError::File(path.to_owned(), error)),
    };
    let value = toml::from_str(&text)
        .map_err(|error| ConfigError::Toml { path: path.to_owned(), message: error.message().to_owned() })?;
    let mut keys = BTreeMap::new();
    flatten("", value, &mut keys);
    Ok(keys.into_iter().map(|(key, value)| (key, value, Origin::File(path.to_owned()))).collect())
}

/// The settings among the environment's variables. An empty variable counts as absent.
///
/// A variable with our prefix that is no setting is refused when it looks like one; others are left alone, for container
/// platforms make up variables such as `POSTLENS_PORT_8080_TCP` from the name of a service.
fn read_environment(
    variables: &[(OsString, OsString)],
    known: &BTreeMap<String, Value>,
) -> Result<Vec<Setting>, ConfigError> {
    let names: BTreeMap<String, &String> = known.keys().map(|key| (variable(key), key)).collect();
    let mut settings = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if value.is_empty() || OTHER_VARIABLES.contains(&name) {
            continue;
        }
        let origin = Origin::Environment(name.to_owned());
        if let Some(key) = names.get(name) {
            let invalid = || ConfigError::Invalid {
                key: (*key).clone(),
                origin: origin.to_string(),
                message: "it is not valid UTF-8".to_owned(),
            };
            let text = value.to_str().ok_or_else(invalid)?;
            settings.push(((*key).clone(), typed(text, &known[*key]), origin));
        } else {
            let nearest = nearest(name, names.keys().map(String::as_str));
            if is_meant(name, &nearest, known) {
                return Err(ConfigError::Unknown { name: name.to_owned(), origin, nearest });
            }
        }
    }
    Ok(settings)
}

/// The variable of a key: `clickhouse.url` is `POSTLENS_CLICKHOUSE_URL`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Whether an unknown variable was meant as a setting: it is a slip of the pen away from one, or begins with a section's name.
fn is_meant(name: &str, nearest: &str, known: &BTreeMap<String, Value>) -> bool {
    let sections = known.keys().filter_map(|key| key.split_once('.')).map(|(section, _)| variable(section) + "_");
    strsim::damerau_levenshtein(name, nearest) <= 2 || sections.into_iter().any(|section| name.starts_with(&section))
}

fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    candidates.min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate)).unwrap_or_default().to_owned()
}

/// A text as the type that the key's default has; a text that does not fit is refused when the structure is read.
fn typed(text: &str, default: &Value) -> Value {
    let number_or_flag = matches!(default, Value::Number(_) | Value::Bool(_));
    let parsed = if number_or_flag { serde_json::from_str(text.trim()).ok() } else { None };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Turns nested tables into dotted keys.
fn flatten(prefix: &str, value: Value, keys: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                flatten(&key, value, keys);
            }
        }
        value => {
            keys.insert(prefix.to_owned(), value);
        }
    }
}

/// The structure from its dotted keys.
fn build(given: BTreeMap<String, (Value, Origin)>) -> Result<Config, ConfigError> {
    let mut root = Map::new();
    let mut origins = BTreeMap::new();
    for (key, (value, origin)) in given {
        match key.split_once('.') {
            Some((section, name)) => {
                let table = root.entry(section.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                table.as_object_mut().expect("sections hold only tables").insert(name.to_owned(), value);
            }
            None => {
                root.insert(key.clone(), value);
            }
        }
        origins.insert(key, origin);
    }
    serde_path_to_error::deserialize(Value::Object(root)).map_err(|error| {
        let key = error.path().to_string();
        let origin = origins.get(&key).map_or_else(String::new, ToString::to_string);
        ConfigError::Invalid { key, origin, message: message(error.inner()) }
    })
}

/// What is expected, without the value: it may be a secret.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.find("expected") {
        Some(start) => text[start..].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::SocketAddr};

    use super::{
        super::{EXAMPLE, LogFormat, Size},
        *,
    };

    fn sources(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> (tempfile::TempDir, Sources) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        (dir, Sources { file: Some(path), environment, flags })
    }

    fn error(file: &str, environment: &[(&str, &str)]) -> String {
        let (_dir, sources) = sources(file, environment, &[]);
        load(&sources).unwrap_err().to_string()
    }

    /// The example with every setting switched on: a setting stands behind a `#` without a space.
    fn example_keys() -> BTreeMap<String, Value> {
        let switched_on = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with([' ', '#']) && !rest.is_empty() => rest.to_owned(),
            _ => line.to_owned(),
        };
        let text: String = EXAMPLE.lines().map(|line| switched_on(line) + "\n").collect();
        let mut keys = BTreeMap::new();
        flatten("", toml::from_str(&text).unwrap(), &mut keys);
        keys
    }

    #[test]
    fn a_flag_outranks_the_environment_which_outranks_the_file_which_outranks_the_default() {
        let file = "data_dir = 'file'\nlisten = '127.0.0.1:1'\n[spool]\nlimit = '3MiB'\n";
        let environment = [("POSTLENS_LISTEN", "127.0.0.1:2"), ("POSTLENS_DATA_DIR", "environment")];
        let (_dir, sources) = sources(file, &environment, &[("listen", "127.0.0.1:3")]);
        let config = load(&sources).unwrap();
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 3)));
        assert_eq!(config.data_dir, PathBuf::from("environment"));
        assert_eq!(config.spool.limit, Size::mib(3));
        assert_eq!(config.ingest, Config::default().ingest);
    }

    #[test]
    fn every_kind_of_value_can_come_from_the_environment() {
        let environment = [
            ("POSTLENS_CLICKHOUSE_URL", "http://clickhouse:8123"),
            ("POSTLENS_CLICKHOUSE_PASSWORD", "12345"),
            ("POSTLENS_INGEST_RETENTION_DAYS", "30"),
            ("POSTLENS_ENGINE_MEMORY", "2GiB"),
            ("POSTLENS_LOG_FORMAT", "json"),
            ("POSTLENS_METADATA_URL", ""),
        ];
        let (_dir, sources) = sources("", &environment, &[]);
        let config = load(&sources).unwrap();
        assert_eq!(config.clickhouse.url.as_deref(), Some("http://clickhouse:8123"));
        assert_eq!(config.clickhouse.password, Some("12345".into()));
        assert_eq!(config.ingest.retention_days, 30);
        assert_eq!(config.engine.memory, Size::gib(2));
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.metadata.url, None);
    }

    #[test]
    fn an_unknown_key_is_refused_and_the_nearest_named() {
        assert!(error("[clickhouse]\nurll = 'x'", &[]).contains("did you mean `clickhouse.url`?"));
        assert!(error("clickhouse = 3", &[]).contains("no setting `clickhouse`"));
        assert!(error("", &[("POSTLENS_LISTN", "x")]).contains("did you mean `POSTLENS_LISTEN`?"));
        assert!(error("", &[("POSTLENS_ENGINE_THREADS", "x")]).contains("no setting `POSTLENS_ENGINE_THREADS`"));
    }

    #[test]
    fn variables_that_container_platforms_make_up_are_left_alone() {
        let environment = [("POSTLENS_PORT_8080_TCP", "tcp://10.0.0.1:8080"), ("POSTLENS_SERVICE_HOST", "10.0.0.1")];
        let (_dir, sources) = sources("", &environment, &[]);
        assert_eq!(load(&sources).unwrap(), Config::default());
    }

    #[test]
    fn a_wrong_value_is_refused_by_key_and_place_and_is_not_repeated() {
        let wrong = error("", &[("POSTLENS_SPOOL_LIMIT", "s3cret")]);
        assert!(wrong.contains("`spool.limit`") && wrong.contains("POSTLENS_SPOOL_LIMIT"), "{wrong}");
        assert!(wrong.contains("expected a size"), "{wrong}");
        let wrong = error("bootstrap_key = 77777", &[]);
        assert!(wrong.contains("`bootstrap_key`") && !wrong.contains("77777"), "{wrong}");
        assert!(error("listen = ", &[]).contains("not valid TOML"));
    }

    #[test]
    fn the_example_names_every_key_with_its_default_and_no_other() {
        let (example, known) = (example_keys(), defaults());
        assert_eq!(example.keys().collect::<Vec<_>>(), known.keys().collect::<Vec<_>>());
        for (key, default) in known {
            if !default.is_null() {
                assert_eq!(example[&key], default, "{key}");
            }
        }
    }

    #[test]
    fn the_example_as_it_stands_changes_nothing() {
        let (_dir, sources) = sources(EXAMPLE, &[], &[]);
        assert_eq!(load(&sources).unwrap(), Config::default());
    }
}
