//! For the tests of decoders: the fixtures, and what they decode to as a text to read.

use std::{fs, path::Path, sync::LazyLock};

use chrono::SecondsFormat;
use schema::{EventId, Identifier, Millis, Secret};

use super::{Item, Mapping, Provider, Undecodable};
use crate::{
    accept::{Window, accept},
    decode::{Mismatch, Wire},
};

/// What a source does with labels when nobody chose.
pub(super) static DEFAULT: LazyLock<Mapping> = LazyLock::new(Mapping::default);

/// The bodies in `fixtures/providers/<provider>`, by the names of their files.
pub(super) fn fixtures(provider: Provider) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/providers").join(provider.name());
    let mut bodies: Vec<_> = fs::read_dir(folder)
        .expect("the folder of the provider's fixtures")
        .map(|entry| entry.expect("an entry of the folder").path())
        // A vector for signatures holds a body inside.
        .filter(|path| path.file_stem().is_some_and(|name| name != "signed"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read(path).expect("a fixture"))
        })
        .collect();
    bodies.sort();
    bodies
}

/// All items of a body.
pub(super) fn items<'a>(
    provider: Provider,
    body: &'a [u8],
    mapping: &'a Mapping,
) -> Result<Vec<Item<'a>>, Undecodable> {
    let mut items = Vec::new();
    provider.decode(body, mapping, &mut |item| items.push(item))?;
    Ok(items)
}

/// The only item of a body.
pub(super) fn item(provider: Provider, body: &str) -> Item<'_> {
    let mut items = items(provider, body.as_bytes(), &DEFAULT).expect("a body of the provider");
    assert_eq!(items.len(), 1, "one item");
    items.remove(0)
}

/// The only item of a body, which is an event.
pub(super) fn event(provider: Provider, body: &str) -> Wire<'_> {
    match item(provider, body) {
        Item::Event(event) => event,
        other => panic!("no event: {other:?}"),
    }
}

/// Whether the event is accepted, whatever its time.
pub(super) fn accepted(event: &Wire<'_>) -> Result<(), Mismatch> {
    accept(event, anytime(), |_| {})
}

/// What an event is told from others by, if it is accepted.
pub(super) fn identity(event: &Wire<'_>) -> EventId {
    let identifier = Identifier::new(&Secret::new([7; 32]));
    let mut identity = None;
    let account = "clinic".parse().expect("a name");
    accept(event, anytime(), |event| identity = Some(identifier.event(&account, event))).expect("an event");
    identity.expect("told with the event")
}

fn anytime() -> Window {
    Window::new(Millis(1_795_183_387_123), u32::MAX, None)
}

/// Every fixture of a provider, and what it says.
pub(super) fn shown(provider: Provider) -> String {
    fixtures(provider).iter().fold(String::new(), |text, (name, body)| {
        let items = match items(provider, body, &DEFAULT) {
            Ok(items) if items.is_empty() => "  nothing\n".to_owned(),
            Ok(items) => items.iter().map(show).collect(),
            Err(error) => format!("  undecodable: {error}\n"),
        };
        text + name + ":\n" + &items
    })
}

/// An item, what is empty left out.
fn show(item: &Item<'_>) -> String {
    let event = match item {
        Item::Event(event) => event,
        Item::Ignored(name) => return format!("  ignored: {name}\n"),
        Item::Wrong(Mismatch { code, field, detail }) => {
            return format!("  wrong: {code} {}: {detail}\n", field.as_deref().unwrap_or_default());
        }
    };
    let time = event.time.0.to_datetime().map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
    let mut lines = format!("  {} {} {}\n", &*event.event, time.unwrap_or_default(), &*event.recipient);
    let fields: Vec<_> = event.fields.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for (key, value) in [
        ("message_id", &*event.message_id),
        ("event_id", &*event.event_id),
        ("sender", &*event.sender),
        ("subject", &*event.subject),
        ("campaign", &*event.campaign),
        ("fields", &fields.join(", ")),
        ("machine", event.machine.map_or("", |machine| if machine { "true" } else { "false" })),
        ("class", &*event.class),
        ("method", &*event.method),
        ("url", &*event.url),
        ("reason", &event.reason.escape_debug().to_string()),
    ] {
        if !value.is_empty() {
            lines.extend(["    ", key, ": ", value, "\n"]);
        }
    }
    lines
}
