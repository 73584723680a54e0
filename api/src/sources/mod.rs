//! Sources: providers whose webhooks are taken.

#[cfg_attr(not(test), expect(dead_code, reason = "the routes of sources will take it up"))]
pub(crate) mod verify;
