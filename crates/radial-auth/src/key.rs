//! API keys: `rk_<id>_<secret><check>`.
//!
//! - The id, 1 to 32 of `[a-z0-9]`, is no secret: it stands in lists and logs and finds the record.
//! - The secret is 32 random bytes.
//! - The check is the first 30 bits of a hash of what stands before it. It tells a key that was
//!   cut off or mistyped from one that is unknown, without a look at any record; and a scanner that
//!   finds keys in source code is not fooled by look-alikes.
//!
//! A record keeps the SHA-256 of the whole text, nothing slower: slow hashes protect secrets that
//! people choose, which an attacker can guess one after the other. 256 random bits cannot be
//! guessed at any speed, and a slow hash on each first request would be a gift to who wants the
//! hub busy.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base32;

/// What every API key begins with.
pub const PREFIX: &str = "rk_";
/// How many random bytes make a secret.
pub const SECRET_BYTES: usize = 32;
/// How many random bytes make a generated id.
pub const ID_BYTES: usize = 8;

const ID_CHARS_MAX: usize = 32;
const SECRET_CHARS: usize = (SECRET_BYTES * 8).div_ceil(5);
const CHECK_CHARS: usize = 6;
const HASH_PREFIX: &str = "sha256:";

/// The public half of a key: names its record.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// A whole key, secret included. Shown once, when it is made; never kept, never logged.
#[derive(Clone)]
pub struct ApiKey {
    id: KeyId,
    text: String,
}

/// What is kept of a key: enough to know it again, too little to use it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

/// Why a text is not a key, an id of one or a hash of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An id of another form.
    #[error("the id of a key is 1 to 32 of a-z 0-9")]
    Id,
    /// A key of another form.
    #[error("an API key has the form rk_<id>_<secret>")]
    Form,
    /// A key that was cut off or changed.
    #[error("the API key is mistyped or cut off: its last characters do not fit the others")]
    Check,
    /// A hash of another form.
    #[error("the hash of a key has the form sha256:<64 hexadecimal digits>")]
    Hash,
}

impl KeyId {
    /// Checks the text and takes it as an id.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let is_id = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        match text.len() {
            1..=ID_CHARS_MAX if text.bytes().all(is_id) => Ok(Self(text.to_owned())),
            _ => Err(KeyError::Id),
        }
    }

    /// An id out of random bytes.
    pub fn from_random(bytes: [u8; ID_BYTES]) -> Self {
        Self(base32::write(&bytes))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ApiKey {
    /// A key out of an id and random bytes, which must be good enough for a secret.
    pub fn generate(id: KeyId, secret: [u8; SECRET_BYTES]) -> Self {
        let mut text = format!("{PREFIX}{id}_{}", base32::write(&secret));
        let check = check(&text);
        text.push_str(&check);
        Self { id, text }
    }

    /// Takes a text apart.
    ///
    /// # Errors
    /// The text has another form, or its check does not fit. Neither says anything about the
    /// record.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeyError::Form)?;
        let (id, secret) = rest.split_once('_').ok_or(KeyError::Form)?;
        let id = KeyId::new(id).map_err(|_| KeyError::Form)?;
        if secret.len() != SECRET_CHARS + CHECK_CHARS || !base32::is_written(secret) {
            return Err(KeyError::Form);
        }
        let (checked, found) = text.split_at(text.len() - CHECK_CHARS);
        if check(checked) != found {
            return Err(KeyError::Check);
        }
        Ok(Self { id, text: text.to_owned() })
    }

    /// The id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, to be shown once to whom it was made for.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What to keep of it.
    pub fn hash(&self) -> KeyHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.text.as_bytes()).as_ref());
        KeyHash(hash)
    }
}

impl KeyHash {
    /// Compares in a time that does not depend on where the two differ.
    pub fn is(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

fn check(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    base32::write(hash.as_ref()).chars().take(CHECK_CHARS).collect()
}

impl std::str::FromStr for KeyHash {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let hex = text.strip_prefix(HASH_PREFIX).ok_or(KeyError::Hash)?;
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError::Hash);
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| KeyError::Hash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| KeyError::Hash)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:…")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::str::FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> ApiKey {
        ApiKey::generate(KeyId::from_random([7; ID_BYTES]), [9; SECRET_BYTES])
    }

    #[test]
    fn a_key_has_this_form() {
        // Made by another program.
        let key = key();
        let text = "rk_0w3ge1r70w3ge_144gj289144gj289144gj289144gj289144gj289144gj289144gpcvzxa";
        assert_eq!(key.reveal(), text);
        assert_eq!(key.id().as_str(), "0w3ge1r70w3ge");
    }

    #[test]
    fn the_hash_is_the_sha_256_of_the_text() {
        // As `printf %s rk_… | sha256sum` says.
        let hash = key().hash();
        let text = "sha256:acd924f37f06f9ff5f78aeee0e3a0787d2a90d91ad4e087c53fcb9881214e3dd";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        let upper = hash.to_string().to_uppercase().replace("SHA256", "sha256");
        assert_eq!(upper.parse(), Ok(hash));
        for bad in ["", "sha256:", "sha256:00", &format!("sha256:{}", "+1".repeat(32))] {
            assert_eq!(bad.parse::<KeyHash>(), Err(KeyError::Hash), "{bad}");
        }
    }

    #[test]
    fn neither_the_key_nor_its_hash_is_shown_by_mistake() {
        let key = key();
        assert_eq!(format!("{key:?}"), "rk_0w3ge1r70w3ge_…");
        assert_eq!(format!("{:?}", key.hash()), "sha256:…");
    }

    #[test]
    fn every_mistyped_key_is_told_from_an_unknown_one() {
        let text = key().reveal().to_owned();
        for at in text.find('_').unwrap() + 1..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'2' { b'3' } else { b'2' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ApiKey::parse(&changed).is_err(), "{changed}");
        }
        for end in 0..text.len() {
            assert!(ApiKey::parse(&text[..end]).is_err(), "{end}");
        }
        assert!(ApiKey::parse(&format!("{text}0")).is_err());
        assert!(ApiKey::parse(&text.to_uppercase()).is_err());
    }

    proptest! {
        #[test]
        fn a_key_is_read_back_and_only_itself(id: [u8; ID_BYTES], secret: [u8; SECRET_BYTES]) {
            let key = ApiKey::generate(KeyId::from_random(id), secret);
            let read = ApiKey::parse(key.reveal()).unwrap();
            prop_assert_eq!(read.id(), key.id());
            prop_assert!(read.hash().is(&key.hash()));
            let mut other = secret;
            other[31] ^= 1;
            let other = ApiKey::generate(key.id().clone(), other);
            prop_assert!(!other.hash().is(&key.hash()));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = ApiKey::parse(&text);
            let _ = ApiKey::parse(&format!("{PREFIX}{text}"));
            let _ = text.parse::<KeyHash>();
        }
    }
}
