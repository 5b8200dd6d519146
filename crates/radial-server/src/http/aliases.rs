//! Named aliases: further paths of the event stream and of the WebSocket, each with a preset filter.
//!
//! An alias is no endpoint of its own. It is another path to a row of the table of routes; what a
//! request asks for there is narrowed to the preset, and from then on the stream is like any other.
//! The preset is a convenience and no right: who may see what is decided by the credential alone.

use std::sync::Arc;

use radial_protocol::filter::Selection;
use radial_protocol::{Code, Pattern, Problem};

use super::parameters::Parameters;
use super::routes::ROUTES;
use crate::app::Mode;
use crate::config::{AliasTransport, StreamAlias};

/// The longest path of an alias.
pub(crate) const PATH_BYTES_MAX: usize = 128;
/// What `radial dev` has without any configuration: everything that the reader may see.
const ACTIVITY: &str = "/api/activity/stream";

/// Another path of a route.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) path: String,
    /// The path of the route that it stands for.
    pub(crate) route: &'static str,
    pub(crate) preset: Arc<Preset>,
}

/// What there is on an alias, whatever a request asks for.
#[derive(Debug)]
pub(crate) struct Preset {
    /// `None`: what the request names.
    channels: Option<Vec<Pattern>>,
    types: Vec<Pattern>,
}

impl Alias {
    fn of(record: &StreamAlias) -> Self {
        let channels = Some(record.channels.clone()).filter(|channels| !channels.is_empty());
        Self {
            path: record.path.clone(),
            route: match record.transport {
                AliasTransport::Sse => "/api/sse/events",
                AliasTransport::WebSocket => "/api/ws",
            },
            preset: Arc::new(Preset { channels, types: record.types.clone() }),
        }
    }
}

/// The aliases that are configured, and those that the mode brings along.
pub(crate) fn aliases(configured: &[StreamAlias], mode: Mode) -> Vec<Alias> {
    let mut aliases: Vec<Alias> = configured.iter().map(Alias::of).collect();
    if mode == Mode::Dev && aliases.iter().all(|alias| alias.path != ACTIVITY) {
        let everything = StreamAlias {
            path: ACTIVITY.to_owned(),
            channels: vec![Pattern::All],
            ..StreamAlias::default()
        };
        aliases.push(Alias::of(&everything));
    }
    aliases
}

/// What a request asks for, inside the preset of its path, if that is an alias.
///
/// # Errors
/// `invalid-parameter`; `forbidden` for a channel by its exact name that is not on the alias.
pub(crate) fn selection(
    parameters: &mut Parameters,
    preset: Option<&Preset>,
    filters_max: usize,
) -> Result<Selection, Problem> {
    let Some(Preset { channels, types }) = preset else {
        return parameters.selection("main", filters_max);
    };
    let default = if channels.is_some() { "*" } else { "main" };
    let asked = parameters.selection(default, filters_max)?;
    let channels = channels.as_deref().unwrap_or(&[Pattern::All]);
    asked.within(channels, types).map_err(|name| {
        let detail = format!("the channel {name} is not among those of this stream");
        Problem::new(Code::Forbidden, detail)
    })
}

/// Whether there can be an alias at a path.
///
/// # Errors
/// Why not, in words that follow "the path".
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else { return Err("it begins with no /".to_owned()) };
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("it has {} bytes", path.len()));
    }
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    for segment in rest.split('/') {
        if matches!(segment, "" | "." | "..") || !segment.bytes().all(is_path) {
            return Err(format!("{segment:?} cannot stand between slashes"));
        }
    }
    match ROUTES.iter().find(|route| covers(route.path, path)) {
        Some(route) => Err(format!("it is a path of the hub's own, {}", route.path)),
        None => Ok(()),
    }
}

/// Whether a path is one of a route's, whose variable parts stand in braces.
fn covers(route: &str, path: &str) -> bool {
    let (mut own, mut other) = (route.split('/'), path.split('/'));
    loop {
        match (own.next(), other.next()) {
            (None, None) => return true,
            (Some(own), Some(other)) if own.starts_with('{') || own == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_alias_stands_where_the_hub_has_a_path_or_where_there_can_be_none() {
        for good in ["/ws/realtime", ACTIVITY, "/a", "/api/sse/all", "/api/entities/card/c1/x"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "begins with no /"),
            ("ws", "begins with no /"),
            ("/", "\"\" cannot stand"),
            ("/a/", "\"\" cannot stand"),
            ("//a", "\"\" cannot stand"),
            ("/a/../b", "\"..\" cannot stand"),
            ("/{a}", "\"{a}\" cannot stand"),
            ("/a b", "\"a b\" cannot stand"),
            ("/api/sse/events", "the hub's own, /api/sse/events"),
            ("/api/sse/subscriptions", "the hub's own, /api/sse/subscriptions"),
            ("/api/entities/card", "the hub's own, /api/entities/{entity_type}"),
            ("/metrics", "the hub's own, /metrics"),
            ("/board/x", "the hub's own, /board/{file}"),
        ] {
            let told = check_path(bad).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
        }
        assert!(check_path(&format!("/{}", "a".repeat(PATH_BYTES_MAX))).is_err());
    }

    #[test]
    fn dev_brings_one_along_that_can_be_configured_away() {
        let paths = |configured: &[StreamAlias], mode| {
            let aliases = aliases(configured, mode).into_iter();
            aliases.map(|alias| (alias.path, alias.route)).collect::<Vec<_>>()
        };
        let own = (ACTIVITY.to_owned(), "/api/sse/events");
        assert_eq!(paths(&[], Mode::Dev), [own]);
        assert_eq!(paths(&[], Mode::Serve), []);
        let transport = AliasTransport::WebSocket;
        let other = StreamAlias { path: ACTIVITY.to_owned(), transport, ..StreamAlias::default() };
        assert_eq!(paths(&[other], Mode::Dev), [(ACTIVITY.to_owned(), "/api/ws")]);
    }
}
