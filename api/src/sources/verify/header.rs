//! Headers that are signatures or secrets: one of a name, short, visible characters.

use axum::http::{HeaderMap, HeaderName};

use super::Refusal;

/// The longest that is read: an RSA signature of 8192 bits has 1,368 characters.
const LONGEST: usize = 2_048;

/// The one value of this name.
///
/// # Errors
/// When there is none, or several, or it is too long or of odd characters.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Refusal> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() || value.len() > LONGEST {
        return Err(Refusal::Wrong);
    }
    value.to_str().map_err(|_| Refusal::Wrong)
}
