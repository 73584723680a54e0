//! Access tokens for a service account: an assertion (JWT, RFC 7523) signed with its key is exchanged for one, which is used until shortly
//! before it runs out.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use schema::Millis;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::PostmasterError;
use crate::outgoing::Outgoing;

/// What is asked for: to read what Postmaster Tools show of a domain, and, where they are not named, which domains there are.
const READ: &str = "https://www.googleapis.com/auth/postmaster.traffic.readonly";
const LIST: &str = "https://www.googleapis.com/auth/postmaster.domain";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is valid, in seconds; Google takes no more than an hour.
const VALID_FOR: i64 = 3_600;
/// A token that runs out within so many milliseconds is not used any more.
const MARGIN: i64 = 60_000;
/// The longest answer that is read.
const MOST: usize = 64 << 10;
/// In errors.
const WHAT: &str = "the access token";

/// A service account, as the file says that Google's console makes.
pub(super) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_uri: String,
    key: RsaKeyPair,
}

impl ServiceAccount {
    /// # Errors
    /// Says what is wrong, and nothing of what is in the file.
    pub(super) fn read(text: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct File {
            client_email: String,
            private_key_id: Option<String>,
            private_key: String,
            token_uri: String,
        }
        let what = "this is no key file of a service account (JSON with `client_email`, `private_key`, `token_uri`)";
        let file: File = serde_json::from_slice(text).map_err(|_| what)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes());
        let der = der.map_err(|_| "`private_key` is no private key in PEM")?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der());
        let key = key.map_err(|_| "`private_key` is no RSA key of 2048 bits or more")?;
        Ok(Self { email: file.client_email, key_id: file.private_key_id, token_uri: file.token_uri, key })
    }

    pub(super) fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// A claim to be this account, signed.
    fn assertion(&self, lists: bool, now: Millis) -> Option<String> {
        let issued = now.0.div_euclid(1_000);
        let scope = if lists { format!("{READ} {LIST}") } else { READ.to_owned() };
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims =
            json!({"iss": self.email, "scope": scope, "aud": self.token_uri, "iat": issued, "exp": issued + VALID_FOR});
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", encode(&signature)))
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccount(…)")
    }
}

/// The way to tokens, and the one that is valid.
pub(super) struct Access {
    account: ServiceAccount,
    /// Whether domains are listed.
    lists: bool,
    token: Mutex<Option<(String, Millis)>>,
}

impl Access {
    pub(super) fn new(account: ServiceAccount, lists: bool) -> Self {
        Self { account, lists, token: Mutex::default() }
    }

    /// A token that is valid now.
    ///
    /// # Errors
    /// When Google gives none.
    pub(super) async fn token(&self, outgoing: &Outgoing, now: Millis) -> Result<String, PostmasterError> {
        #[derive(Deserialize)]
        struct Given {
            access_token: String,
            expires_in: i64,
        }
        let mut known = self.token.lock().await;
        if let Some((token, until)) = &*known
            && now.0 < until.0 - MARGIN
        {
            return Ok(token.clone());
        }
        *known = None;
        let assertion = self.account.assertion(self.lists, now).ok_or(PostmasterError::Answer("the assertion"))?;
        let google = |error| PostmasterError::Google(WHAT, error);
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        let request = outgoing.post(self.account.token_uri()).map_err(google)?;
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = outgoing.answer(request, MOST).await.map_err(google)?;
        let Given { access_token, expires_in } =
            serde_json::from_slice(&answer).map_err(|_| PostmasterError::Answer(WHAT))?;
        let until = Millis(now.0 + expires_in.clamp(0, VALID_FOR) * 1_000);
        *known = Some((access_token.clone(), until));
        Ok(access_token)
    }

    /// Forgets the token, because it was refused.
    pub(super) async fn forget(&self) {
        *self.token.lock().await = None;
    }
}
