//! Texts that operators write for each other: they end up in logs and on terminals.

use radial_protocol::Problem;

use crate::http::parameters::invalid;

/// The longest such text, in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// Refuses what is too long or could break a line.
pub(super) fn checked_text(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) => {
            let detail =
                format!("{name} is at most {TEXT_BYTES_MAX} bytes without control characters");
            Err(invalid(&detail))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}
